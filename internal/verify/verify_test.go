package verify_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/verify"
)

// audit runs every check.
func (s *shop) audit(t testing.TB, o verify.Options) verify.Report {
	t.Helper()
	o.Regions = s.regions
	return testkit.Must(verify.Run(t.Context(), s.db, o))(t)
}

// failing are the checks that found something, with the examples in the log.
func failing(t testing.TB, report verify.Report) []string {
	t.Helper()
	names := []string{}
	for _, result := range report.Results {
		if result.Broken == 0 {
			continue
		}
		names = append(names, result.Check)
		for _, example := range result.Examples {
			t.Logf("%s: %s in %q: %s", result.Check, example.ID, example.Region, example.Problem)
		}
	}
	return names
}

func TestRun_Clean(t *testing.T) {
	s := newShop(t)
	report := s.audit(t, verify.Options{Strict: true})
	if names := failing(t, report); len(names) > 0 || !report.Clean || report.Broken != 0 || report.Overdue != 0 {
		t.Errorf("a shop that did nothing wrong fails %v", names)
	}
	if len(report.Results) != len(verify.Names()) {
		t.Errorf("%d of %d checks ran", len(report.Results), len(verify.Names()))
	}
	for _, result := range report.Results {
		if result.Check == "order_totals" && result.Examined != s.places.Load() {
			t.Errorf("%d of %d orders were examined", result.Examined, s.places.Load())
		}
	}
}

// TestRun_CleanShopHasEverything shows that the clean shop means something: it has orders
// in every state, so that no check passes for want of rows.
func TestRun_CleanShopHasEverything(t *testing.T) {
	s := newShop(t)
	states := databasetest.One[string](t, s.db, `SELECT string_agg(DISTINCT status, ' ') FROM orders`)
	for _, status := range order.Statuses {
		if !strings.Contains(" "+states+" ", " "+string(status)+" ") {
			t.Errorf("no order is %s, only %s", status, states)
		}
	}
	report := s.audit(t, verify.Options{})
	var empty []string
	for _, result := range report.Results {
		if result.Examined == 0 {
			empty = append(empty, result.Check)
		}
	}
	if diff := cmp.Diff([]string{"provider_books", "webhooks_overdue"}, empty); diff != "" {
		t.Errorf("checks without rows (-want +got):\n%s", diff)
	}
}

// A tampering breaks one invariant of a clean shop, and with it those that follow from it.
type tampering struct {
	check string
	name  string
	// sql are run one by one; constraints that forbid the fault are dropped first.
	sql []string
	// also are checks that must find the fault too.
	also []string
}

// an order in a state, and one of its rows
const (
	paidOrder    = `(region, id) = (SELECT region, id FROM orders WHERE status = 'paid' ORDER BY id LIMIT 1)`
	pendingOrder = `(region, id) = (SELECT region, id FROM orders WHERE status = 'pending_payment' ORDER BY id LIMIT 1)`
	lineOfPaid   = `(region, order_id) = (SELECT region, id FROM orders WHERE status = 'paid' ORDER BY id LIMIT 1) AND line_no = 1`

	promotionOfPaid = `(region, order_id) = (SELECT region, id FROM orders WHERE status = 'paid' ORDER BY id LIMIT 1)`
)

var tamperings = []tampering{
	{
		check: "stock_ledger", name: "on_hand raised",
		sql: []string{`UPDATE stock SET on_hand = on_hand + 1 WHERE sku = 'MUG-RED' AND warehouse = 'euw-1'`},
	},
	{
		check: "stock_ledger", name: "movement deleted",
		sql: []string{`DELETE FROM stock_movements WHERE id = (SELECT id FROM stock_movements WHERE kind = 'ship' ORDER BY id LIMIT 1)`},
	},
	{
		check: "stock_ledger", name: "reserved lowered", also: []string{"stock_promises"},
		sql: []string{`UPDATE stock SET reserved = reserved - 1 WHERE sku = 'MUG-RED' AND warehouse = 'euw-1'`},
	},
	{
		check: "stock_ledger", name: "allocated moved to reserved, with its movement", also: []string{"stock_promises"},
		sql: []string{`UPDATE stock SET allocated = allocated - 1, reserved = reserved + 1 WHERE sku = 'MUG-RED' AND warehouse = 'euw-1'`},
	},
	{
		check: "stock_limits", name: "oversold",
		sql: []string{
			`ALTER TABLE stock DROP CONSTRAINT stock_not_oversold`,
			`INSERT INTO stock_movements (region, sku, warehouse, kind, on_hand_delta, actor)
			 SELECT region, sku, warehouse, 'adjust', -on_hand, 'x' FROM stock WHERE sku = 'MUG-RED' AND warehouse = 'euw-1'`,
			`UPDATE stock SET on_hand = 0 WHERE sku = 'MUG-RED' AND warehouse = 'euw-1'`,
		},
	},
	{
		check: "stock_limits", name: "below zero",
		sql: []string{
			`ALTER TABLE stock DROP CONSTRAINT stock_not_negative`, `ALTER TABLE stock DROP CONSTRAINT stock_not_oversold`,
			`INSERT INTO stock (region, sku, warehouse, on_hand) VALUES ('ap-southeast', 'MUG-RED', 'aps-1', -1)`,
			`INSERT INTO stock_movements (region, sku, warehouse, kind, on_hand_delta, actor)
  VALUES ('ap-southeast', 'MUG-RED', 'aps-1', 'adjust', -1, 'x')`,
		},
	},
	{
		check: "stock_promises", name: "counter and ledger agree on a reservation that is not there",
		sql: []string{
			`UPDATE stock SET reserved = reserved + 1 WHERE sku = 'MUG-RED' AND warehouse = 'euw-1'`,
			`INSERT INTO stock_movements (region, sku, warehouse, kind, reserved_delta, actor)
  VALUES ('eu-west', 'MUG-RED', 'euw-1', 'reserve', 1, 'x')`,
		},
	},
	{
		check: "stock_homes", name: "stock in another region",
		sql: []string{`INSERT INTO stock (region, sku, warehouse) VALUES ('us-west', 'MUG-RED', 'euw-2')`},
	},
	{
		check: "reservation_orders", name: "no such order",
		sql: []string{
			`INSERT INTO reservations (region, id, sku, warehouse, order_region, order_id, line_no, quantity, status, transition_id)
			 VALUES ('eu-west', gen_random_uuid(), 'MUG-RED', 'euw-1', 'eu-west', gen_random_uuid(), 1, 1, 'released', gen_random_uuid())`,
		},
	},
	{
		check: "reservation_orders", name: "no such line",
		sql: []string{`UPDATE reservations SET line_no = 9 WHERE id = (SELECT id FROM reservations WHERE status = 'released'
  ORDER BY id LIMIT 1)`},
	},
	{
		check: "reservation_orders", name: "another SKU",
		sql: []string{`UPDATE reservations SET sku = 'MUG-BLUE' WHERE id = (SELECT id FROM reservations
  WHERE status = 'released' AND sku = 'MUG-RED' ORDER BY id LIMIT 1)`},
	},
	{
		check: "reservation_orders", name: "region that the order does not name",
		sql: []string{`UPDATE orders SET stock_regions = ARRAY['us-west'::crdb_internal_region] WHERE ` + paidOrder},
	},
	{
		check: "pending_orders_hold", name: "reservation let go", also: []string{"stock_promises"},
		sql: []string{`UPDATE reservations SET status = 'released' WHERE id = (SELECT id FROM reservations WHERE status = 'held'
  ORDER BY id LIMIT 1)`},
	},
	{
		check: "paid_orders_allocated", name: "allocation shrunk", also: []string{"stock_promises"},
		sql: []string{`UPDATE reservations SET quantity = quantity - 1 WHERE id = (SELECT id FROM reservations
  WHERE status = 'allocated' AND quantity > 1 ORDER BY id LIMIT 1)`},
	},
	{
		check: "sent_orders_shipped", name: "shipped too much",
		sql: []string{`UPDATE reservations SET quantity = quantity + 5
			WHERE id = (SELECT r.id FROM reservations r JOIN orders o ON o.region = r.order_region AND o.id = r.order_id
  AND o.status = 'delivered' ORDER BY r.id LIMIT 1)`},
	},
	{
		check: "sent_orders_shipped", name: "never shipped",
		sql: []string{`UPDATE reservations SET status = 'released'
			WHERE id = (SELECT r.id FROM reservations r JOIN orders o ON o.region = r.order_region AND o.id = r.order_id AND o.status = 'shipped'
  ORDER BY r.id LIMIT 1)`},
	},
	{
		check: "ended_orders_hold_nothing", name: "a cancelled order holds", also: []string{"stock_promises"},
		sql: []string{`UPDATE reservations SET status = 'held'
			WHERE id = (SELECT r.id FROM reservations r JOIN orders o ON o.region = r.order_region AND o.id = r.order_id
  AND o.status = 'cancelled' ORDER BY r.id LIMIT 1)`},
	},
	{
		check: "ended_orders_hold_nothing", name: "a refunded order holds", also: []string{"stock_promises"},
		sql: []string{`UPDATE reservations SET status = 'allocated'
			WHERE id = (SELECT r.id FROM reservations r JOIN orders o ON o.region = r.order_region AND o.id = r.order_id
  AND o.status = 'refunded' ORDER BY r.id LIMIT 1)`},
	},
	{
		check: "shipments_complete", name: "shipment lost",
		sql: []string{`DELETE FROM shipments WHERE id = (SELECT id FROM shipments ORDER BY id LIMIT 1)`},
	},
	{
		check: "line_totals", name: "unit price changed", also: []string{"line_derivations"},
		sql: []string{`UPDATE order_lines SET unit_price_minor = unit_price_minor + 1 WHERE ` + lineOfPaid},
	},
	{
		check: "line_totals", name: "tax below zero", also: []string{"order_totals", "line_derivations", "line_bookings"},
		sql: []string{`UPDATE order_lines SET tax_minor = -1 WHERE ` + lineOfPaid},
	},
	{
		check: "order_totals", name: "line dropped", also: []string{"reservation_orders"},
		sql: []string{`DELETE FROM order_lines WHERE ` + lineOfPaid},
	},
	{
		check: "order_totals", name: "shipping changed",
		sql: []string{`UPDATE orders SET shipping_minor = shipping_minor + 1 WHERE ` + paidOrder},
	},
	{
		check: "order_totals", name: "no lines at all", also: []string{"reservation_orders"},
		sql: []string{`DELETE FROM order_lines WHERE (region, order_id) = (SELECT region, id FROM orders WHERE status = 'pending_payment'
  ORDER BY id LIMIT 1)`},
	},
	{
		check: "line_totals", name: "discount beyond the price", also: []string{"order_totals", "line_derivations"},
		sql: []string{`UPDATE order_lines SET discount_minor = subtotal_minor + 1 WHERE ` + lineOfPaid},
	},
	{
		check: "order_totals", name: "discount of the order changed", also: []string{"order_promotions"},
		sql: []string{`UPDATE orders SET discount_minor = discount_minor + 1 WHERE ` + paidOrder},
	},
	{
		check: "price_periods", name: "a price goes on",
		sql: []string{`UPDATE price_entries SET valid_to = '2021-01-02' WHERE valid_to = '2021-01-01'`},
	},
	{
		check: "price_periods", name: "two prices without an end",
		sql: []string{`INSERT INTO price_entries (sku, list, min_quantity, valid_from, amount_minor)
  VALUES ('MUG-BLUE', 'catalogue-EUR', 1, '2022-01-01', 1)`},
	},
	{
		check: "line_derivations", name: "another total",
		sql: []string{`UPDATE order_lines SET derivation = jsonb_set(derivation, '{total_minor}', '1') WHERE ` + lineOfPaid},
	},
	{
		check: "line_derivations", name: "no tax",
		sql: []string{`UPDATE order_lines SET derivation = derivation - 'tax_minor' WHERE ` + lineOfPaid},
	},
	{
		check: "line_derivations", name: "none",
		sql: []string{`UPDATE order_lines SET derivation = '{}' WHERE ` + lineOfPaid},
	},
	{
		check: "line_derivations", name: "another currency",
		sql: []string{`UPDATE order_lines SET derivation = jsonb_set(derivation, '{currency}', '"CHF"') WHERE ` + lineOfPaid},
	},
	{
		check: "orders_booked", name: "a line at another rate", also: []string{"line_bookings"},
		sql: []string{`UPDATE order_lines SET reporting_rate = '2.5' WHERE line_no = 2`},
	},
	{
		check: "line_bookings", name: "another total",
		sql: []string{`UPDATE order_lines SET reporting_total_minor = reporting_total_minor + 1 WHERE ` + lineOfPaid},
	},
	{
		check: "line_bookings", name: "another tax",
		sql: []string{`UPDATE order_lines SET reporting_tax_minor = reporting_tax_minor - 1 WHERE ` + lineOfPaid},
	},
	{
		check: "line_bookings", name: "another rate", also: []string{"orders_booked"},
		sql: []string{`UPDATE order_lines SET reporting_rate = '2.5' WHERE ` + lineOfPaid},
	},
	{
		check: "line_bookings", name: "a rate that is no number", also: []string{"orders_booked"},
		sql: []string{`UPDATE order_lines SET reporting_rate = 'x' WHERE ` + lineOfPaid},
	},
	{
		check: "line_bookings", name: "another currency", also: []string{"orders_booked"},
		sql: []string{`UPDATE order_lines SET reporting_currency = 'JPY' WHERE ` + lineOfPaid},
	},
	{
		check: "line_bookings", name: "in no currency", also: []string{"orders_booked"},
		sql: []string{`UPDATE order_lines SET reporting_currency = '' WHERE ` + lineOfPaid},
	},
	{
		check: "order_promotions", name: "gave more than the discount",
		sql: []string{`UPDATE order_promotions SET discount_minor = discount_minor + 1 WHERE ` + promotionOfPaid},
	},
	{
		check: "order_promotions", name: "nothing gave it", also: []string{"promotion_uses", "promotion_customers"},
		sql: []string{`DELETE FROM order_promotions WHERE ` + promotionOfPaid},
	},
	{
		check: "promotion_uses", name: "one too many",
		sql: []string{`UPDATE promotion_uses SET used = used + 1`},
	},
	{
		check: "promotion_uses", name: "not counted",
		sql: []string{`DELETE FROM promotion_uses`},
	},
	{
		check: "promotion_customers", name: "one too few",
		sql: []string{`UPDATE promotion_customer_uses SET used = used - 1`},
	},
	{
		check: "promotion_customers", name: "another customer's",
		sql: []string{`UPDATE promotion_customer_uses SET customer = customer || 'x'::bytea`},
	},
	{
		check: "promotion_releases", name: "given back by a paid order", also: []string{"promotion_uses", "promotion_customers"},
		sql: []string{`UPDATE order_promotions SET released_at = now() WHERE ` + promotionOfPaid},
	},
	{
		check: "promotion_releases", name: "kept by a cancelled order", also: []string{"promotion_uses", "promotion_customers"},
		sql: []string{`UPDATE order_promotions SET released_at = NULL WHERE (region, order_id) = (SELECT region, id FROM orders
  WHERE status = 'cancelled' ORDER BY id LIMIT 1)`},
	},
	{
		check: "product_ratings", name: "a star too many",
		sql: []string{`UPDATE product_ratings SET stars_sum = stars_sum + 1`},
	},
	{
		check: "product_ratings", name: "not counted",
		sql: []string{`DELETE FROM product_ratings`},
	},
	{
		check: "product_ratings", name: "gone",
		sql: []string{`DELETE FROM ratings`},
	},
	{
		check: "ratings_counted", name: "changed without the sum", also: []string{"product_ratings"},
		sql: []string{`UPDATE ratings SET stars = 5`},
	},
	{
		check: "rating_homes", name: "elsewhere",
		sql: []string{`UPDATE ratings SET region = 'ap-southeast'`},
	},
	{
		check: "rating_homes", name: "still a closed account's",
		sql: []string{`UPDATE accounts SET status = 'closed' WHERE region = 'us-east'`},
	},
	{
		check: "order_history", name: "gap",
		sql: []string{`DELETE FROM order_history WHERE (region, order_id) = (SELECT region, id FROM orders WHERE status = 'delivered'
  ORDER BY id LIMIT 1) AND version = 3`},
	},
	{
		check: "order_history", name: "last missing",
		sql: []string{`DELETE FROM order_history WHERE (region, order_id) = (SELECT region, id FROM orders WHERE status = 'paid'
  ORDER BY id LIMIT 1) AND version = 2`},
	},
	{
		check: "order_history", name: "version without history",
		sql: []string{`UPDATE orders SET version = version + 1 WHERE ` + pendingOrder},
	},
	{
		check: "order_transitions", name: "impossible step",
		sql: []string{`UPDATE order_history SET status = 'shipped' WHERE (region, order_id) = (SELECT region, id FROM orders
  WHERE status = 'delivered' ORDER BY id LIMIT 1) AND version = 3`},
	},
	{
		check: "order_transitions", name: "wrong beginning",
		sql: []string{`UPDATE order_history SET status = 'paid' WHERE (region, order_id) = (SELECT region, id FROM orders
  WHERE status = 'delivered' ORDER BY id LIMIT 1) AND version = 1`},
	},
	{
		check: "cancelled_with_reason", name: "no reason",
		sql: []string{`UPDATE orders SET cancel_reason = '' WHERE status = 'cancelled'`},
	},
	{
		check: "cancelled_with_reason", name: "reason of a paid order",
		sql: []string{`UPDATE orders SET cancel_reason = 'expired' WHERE ` + paidOrder},
	},
	{
		check: "orders_overdue", name: "not given up",
		sql: []string{`UPDATE orders SET expires_at = now() - INTERVAL '11 minutes' WHERE ` + pendingOrder},
	},
	{
		check: "order_payment", name: "no payment", also: []string{"order_events"},
		sql: []string{`DELETE FROM payments WHERE ` + pendingOrder},
	},
	{
		check: "order_payment", name: "another amount",
		sql: []string{`UPDATE payments SET amount_minor = amount_minor + 1 WHERE ` + pendingOrder},
	},
	{
		check: "order_payment", name: "another currency",
		sql: []string{`UPDATE payments SET currency = 'CHF' WHERE ` + pendingOrder},
	},
	{
		check: "order_payment", name: "two payments",
		sql: []string{
			`ALTER TABLE payments DROP CONSTRAINT payments_id_is_order`,
			`INSERT INTO payments (region, id, order_id, provider, currency, amount_minor, transition_id, next_check_at)
			 SELECT region, gen_random_uuid(), order_id, provider, currency, amount_minor, transition_id, next_check_at FROM payments
  WHERE ` + pendingOrder,
		},
	},
	{
		check: "paid_orders_captured", name: "nothing captured",
		sql: []string{`UPDATE payments SET captured_minor = 0, status = 'failed' WHERE ` + paidOrder},
	},
	{
		check: "captured_orders_moved", name: "order left behind",
		sql: []string{`UPDATE payments SET captured_minor = amount_minor, status = 'captured' WHERE ` + pendingOrder},
	},
	{
		check: "cancelled_orders_refunded", name: "kept the money",
		sql: []string{
			`DELETE FROM refunds WHERE order_id = (SELECT id FROM orders WHERE status = 'cancelled' AND cancel_reason = 'payment_failed')`,
			`UPDATE payments SET refunded_minor = 0 WHERE id = (SELECT id FROM orders
  WHERE status = 'cancelled' AND cancel_reason = 'payment_failed')`,
		},
	},
	{
		check: "payment_limits", name: "captured without a success",
		sql: []string{`UPDATE payments SET captured_minor = 1 WHERE ` + pendingOrder},
	},
	{
		check: "payment_limits", name: "refunded more than captured", also: []string{"refunded_sum"},
		sql: []string{
			`ALTER TABLE payments DROP CONSTRAINT payments_refunded_within`,
			`UPDATE payments SET refunded_minor = 1 WHERE ` + pendingOrder,
		},
	},
	{
		check: "payment_limits", name: "captured more than asked", also: []string{"paid_orders_captured"},
		sql: []string{
			`ALTER TABLE payments DROP CONSTRAINT payments_captured_within`,
			`UPDATE payments SET captured_minor = captured_minor + 1 WHERE ` + paidOrder,
		},
	},
	{
		check: "refunded_sum", name: "promise without a refund",
		sql: []string{`UPDATE payments SET refunded_minor = 1 WHERE ` + paidOrder},
	},
	{
		check: "refund_payment", name: "another currency",
		sql: []string{`UPDATE refunds SET currency = 'CHF' WHERE id = (SELECT id FROM refunds ORDER BY id LIMIT 1)`},
	},
	{
		check: "refunded_lines", name: "units without a refund", also: []string{"paid_orders_allocated"},
		sql: []string{`UPDATE order_lines SET refunded_quantity = 1 WHERE ` + lineOfPaid},
	},
	{
		check: "refunded_lines", name: "more than the line",
		sql: []string{
			`ALTER TABLE order_lines DROP CONSTRAINT order_lines_refund_within`,
			`UPDATE order_lines SET refunded_minor = total_minor + 1 WHERE ` + lineOfPaid,
		},
	},
	{
		check: "payments_overdue", name: "nobody told the provider",
		sql: []string{
			`UPDATE orders SET updated_at = now() - INTERVAL '2 hours' WHERE status = 'cancelled' AND cancel_reason = 'by_customer'`,
		},
	},
	{
		check: "payments_set_aside", name: "another amount was taken",
		sql: []string{`UPDATE payments SET set_aside_at = now(), updated_at = now() WHERE ` + pendingOrder},
	},
	{
		check: "refunds_overdue", name: "never sent",
		sql: []string{`UPDATE refunds SET created_at = now() - INTERVAL '2 hours' WHERE id = (SELECT id FROM refunds WHERE status = 'pending'
  ORDER BY id LIMIT 1)`},
	},
	{
		check: "provider_refunds", name: "under no name",
		sql: []string{`UPDATE refunds SET made_at_provider = true, provider_ref = '' WHERE id = (SELECT id FROM refunds
  WHERE status IN ('pending', 'succeeded') ORDER BY id LIMIT 1)`},
	},
	{
		check: "provider_refunds", name: "counted twice", also: []string{"refunded_sum"},
		sql: []string{
			`UPDATE refunds SET provider_ref = 'same' WHERE id = (SELECT id FROM refunds WHERE status = 'pending' ORDER BY id LIMIT 1)`,
			`INSERT INTO refunds (region, id, order_id, payment_id, amount_minor, currency, reason, actor, status, provider_ref)
  SELECT region, gen_random_uuid(), order_id, payment_id, 1, currency, reason, actor, status, provider_ref
  FROM refunds WHERE provider_ref = 'same'`,
		},
	},
	{
		check: "provider_books", name: "a payment that the shop does not have",
		sql: []string{`INSERT INTO payment_checks (region, payment_id, provider, differences, found_at)
  VALUES ('eu-west', gen_random_uuid(), 'sandbox', '[{"kind": "payment_unknown"}]', now())`},
	},
	{
		check: "refunds_failed", name: "of a cancelled order",
		sql: []string{
			`UPDATE refunds SET status = 'failed' WHERE order_id = (SELECT id FROM orders
  WHERE status = 'cancelled' AND cancel_reason = 'payment_failed')`,
			`UPDATE payments SET refunded_minor = 0 WHERE id = (SELECT id FROM orders
  WHERE status = 'cancelled' AND cancel_reason = 'payment_failed')`,
		},
	},
	{
		check: "account_homes", name: "another country",
		sql: []string{`UPDATE accounts SET country = 'SG' WHERE region = 'eu-west'`},
	},
	{
		check: "account_homes", name: "a country nobody is home to",
		sql: []string{`UPDATE accounts SET country = 'XX' WHERE region = 'eu-west'`},
	},
	{
		check: "guest_order_homes", name: "another country",
		sql: []string{`UPDATE orders SET country = 'US' WHERE id = (SELECT id FROM orders WHERE account_id IS NULL ORDER BY id LIMIT 1)`},
	},
	{
		check: "account_rows", name: "address without account",
		sql: []string{
			`ALTER TABLE addresses DROP CONSTRAINT addresses_account_fkey`,
			`UPDATE addresses SET region = 'us-west' WHERE region = 'eu-west'`,
		},
	},
	{
		check: "account_rows", name: "order without account",
		sql: []string{
			`ALTER TABLE orders DROP CONSTRAINT orders_account_fkey`,
			`UPDATE orders SET account_id = gen_random_uuid() WHERE id = (SELECT id FROM orders WHERE account_id IS NOT NULL ORDER BY id LIMIT 1)`,
		},
	},
	{
		check: "directory_accounts", name: "account gone", also: []string{"accounts_in_directory"},
		sql: []string{`UPDATE email_directory SET account_id = gen_random_uuid() WHERE region = 'eu-west'`},
	},
	{
		check: "directory_accounts", name: "another address", also: []string{"accounts_in_directory"},
		sql: []string{`UPDATE accounts SET email_hash = 'other' WHERE region = 'eu-west'`},
	},
	{
		check: "accounts_in_directory", name: "entry deleted",
		sql: []string{`DELETE FROM email_directory WHERE region = 'eu-west'`},
	},
	{
		check: "sellers_of_accounts", name: "role without a seller",
		sql: []string{`UPDATE accounts SET roles = ARRAY['seller', 'shopper'] WHERE region = 'eu-west'`},
	},
	{
		check: "sellers_of_accounts", name: "unknown seller",
		sql: []string{`UPDATE accounts SET roles = ARRAY['seller', 'shopper'], seller_id = gen_random_uuid() WHERE region = 'eu-west'`},
	},
	{
		check: "ordered_carts", name: "cart without an order",
		sql: []string{`INSERT INTO carts (region, id, currency, country, status, expires_at)
  VALUES ('eu-west', gen_random_uuid(), 'EUR', 'IE', 'ordered', now())`},
	},
	{
		check: "order_carts", name: "cart still open",
		sql: []string{`UPDATE carts SET status = 'open' WHERE id = (SELECT cart_id FROM orders WHERE account_id IS NULL ORDER BY id LIMIT 1)`},
	},
	{
		check: "order_carts", name: "ordered twice", also: []string{"ordered_carts"},
		sql: []string{
			`DROP INDEX orders_cart_key`,
			`UPDATE orders SET (cart_region, cart_id) = (SELECT cart_region, cart_id FROM orders WHERE status = 'packed' ORDER BY id LIMIT 1)
  WHERE ` + paidOrder,
		},
	},
	{
		check: "cart_accounts", name: "account gone",
		sql: []string{`UPDATE carts SET account_id = gen_random_uuid() WHERE id = (SELECT cart_id FROM orders WHERE account_id IS NOT NULL
  ORDER BY id LIMIT 1)`},
	},
	{
		check: "category_paths", name: "another path",
		sql: []string{`UPDATE categories SET path = '/hg/x/hg-1/' WHERE id = 'hg-1'`}, also: []string{"listing"},
	},
	{
		check: "category_paths", name: "another level",
		sql: []string{`UPDATE categories SET level = 5 WHERE id = 'hg-1'`},
	},
	{
		check: "listing", name: "product not listed",
		sql: []string{`DELETE FROM category_products WHERE category_id = 'hg'`},
	},
	{
		check: "listing", name: "draft listed",
		sql: []string{`INSERT INTO category_products (category_id, product_id, listed_at)
  VALUES ('hg', '00000000-0000-4000-8000-0000000000a2', now())`},
	},
	{
		check: "active_products", name: "nothing to sell",
		sql: []string{`UPDATE skus SET status = 'archived'`},
	},
	{
		check: "line_products", name: "another product",
		sql: []string{`UPDATE order_lines SET product_id = '00000000-0000-4000-8000-0000000000a2' WHERE ` + lineOfPaid},
	},
	{
		check: "order_events", name: "event lost",
		sql: []string{`DELETE FROM outbox WHERE id = (SELECT id FROM outbox WHERE topic = 'order.placed' ORDER BY id LIMIT 1)`},
	},
	{
		check: "unpaid_holders", name: "of a paid order",
		sql: []string{`UPDATE orders SET unpaid_buyer = 'x' WHERE ` + paidOrder},
	},
	{
		check: "first_orders", name: "of somebody else",
		sql: []string{`UPDATE order_promotions SET first_order_of = 'x' WHERE ` + promotionOfPaid},
	},
	{
		check: "order_bounds", name: "an absurd subtotal", also: []string{"order_totals"},
		sql: []string{`UPDATE orders SET subtotal_minor = 100000000000001 WHERE ` + paidOrder},
	},
	{
		check: "webhooks_overdue", name: "not acted on",
		sql: []string{`INSERT INTO webhook_inbox (region, provider, event_id, event, received_at)
  VALUES ('eu-west', 'sandbox', 'evt-1', '{}', now() - INTERVAL '1 hour')`},
	},
	{
		check: "webhooks_overdue", name: "set aside at once",
		sql: []string{`INSERT INTO webhook_inbox (region, provider, event_id, event, set_aside_at)
  VALUES ('eu-west', 'sandbox', 'evt-1', '{}', now())`},
	},
	{
		check: "events_overdue", name: "not delivered",
		sql: []string{`INSERT INTO outbox (region, topic, key, payload, created_at)
  VALUES ('eu-west', 'test.done', 'x', '{}', now() - INTERVAL '1 hour')`},
	},
}

// TestRun_Tampered shows of each check that it finds what it is for, and of each fault
// that no other check is misled by it.
func TestRun_Tampered(t *testing.T) {
	rows := newShop(t).dump(t)
	tried := make(map[string]bool)
	for _, test := range tamperings {
		tried[test.check] = true
		t.Run(test.check+"/"+test.name, func(t *testing.T) {
			t.Parallel()
			s := restoredShop(t, rows)
			for _, sql := range test.sql {
				databasetest.Exec(t, s.db, sql)
			}
			want := append([]string{test.check}, test.also...)
			got := failing(t, s.audit(t, verify.Options{}))
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("failing checks (-want +got):\n%s", diff)
			}
		})
	}
	for _, name := range verify.Names() {
		if !tried[name] {
			t.Errorf("nothing tampers with what %s checks", name)
		}
	}
}

func TestRun_BoundedExamples(t *testing.T) {
	s := newShop(t)
	databasetest.Exec(t, s.db, `
INSERT INTO carts (region, id, currency, country, status, expires_at)
SELECT 'eu-west', gen_random_uuid(), 'EUR', 'IE', 'ordered', now() FROM generate_series(1, 1000)`)
	for options, want := range map[int]int{0: 20, 3: 3, -1: 0} {
		report := s.audit(t, verify.Options{Checks: []string{"ordered_carts"}, Examples: options})
		result := report.Results[0]
		if result.Broken != 1000 || len(result.Examples) != want || report.Broken != 1000 || report.Clean {
			t.Errorf("with %d: %d broken, %d examples", options, result.Broken, len(result.Examples))
		}
		for _, example := range result.Examples {
			if !strings.HasPrefix(example.ID, "crt_euw_") || example.Region != "eu-west" {
				t.Errorf("example %+v", example)
			}
		}
	}
}

func TestRun_Strict(t *testing.T) {
	s := newShop(t)
	databasetest.Exec(t, s.db, `UPDATE orders SET expires_at = now() - INTERVAL '11 minutes' WHERE `+pendingOrder)
	if report := s.audit(t, verify.Options{}); !report.Clean || report.Overdue != 1 || report.Broken != 0 {
		t.Errorf("clean %t, %d overdue, %d broken", report.Clean, report.Overdue, report.Broken)
	}
	if report := s.audit(t, verify.Options{Strict: true}); report.Clean {
		t.Error("what is overdue is clean although strict")
	}
}

func TestRun_Chosen(t *testing.T) {
	s := newShop(t)
	var told []string
	report := s.audit(t, verify.Options{
		Checks: []string{"listing", "stock_ledger"},
		Report: func(r verify.Result) { told = append(told, r.Check) },
	})
	if diff := cmp.Diff([]string{"listing", "stock_ledger"}, told); diff != "" || len(report.Results) != 2 {
		t.Errorf("ran (-want +got):\n%s", diff)
	}
	if _, err := verify.Run(t.Context(), s.db, verify.Options{Regions: s.regions, Checks: []string{"luck"}}); !errors.Is(err,
		verify.ErrUnknownCheck) {
		t.Errorf("an unknown check got %v", err)
	}
}

// TestRun_WhileOpen audits a shop that is selling: no check may be misled by what is half
// done.
func TestRun_WhileOpen(t *testing.T) {
	s := newShop(t)
	var shoppers sync.WaitGroup
	for range 4 {
		shoppers.Go(func() {
			for range 3 {
				s.settle(t, s.place(t, false), payment.StatusSucceeded)
			}
		})
	}
	for range 4 {
		if names := failing(t, s.audit(t, verify.Options{})); len(names) > 0 {
			t.Errorf("an open shop fails %v", names)
		}
	}
	shoppers.Wait()
	if names := failing(t, s.audit(t, verify.Options{})); len(names) > 0 {
		t.Errorf("afterwards it fails %v", names)
	}
}

func TestWrite(t *testing.T) {
	s := newShop(t)
	databasetest.Exec(t, s.db, `DELETE FROM category_products WHERE category_id = 'hg'`)
	report := s.audit(t, verify.Options{})
	var text bytes.Buffer
	for _, result := range report.Results {
		verify.WriteResult(&text, result)
	}
	verify.WriteSummary(&text, report)
	for _, want := range []string{"ok      stock_ledger", "BROKEN  listing", "prd_", "is not listed in hg", "1 row is broken"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, &text)
		}
	}
	var encoded bytes.Buffer
	testkit.NoError(t, verify.WriteJSON(&encoded, report))
	var decoded verify.Report
	testkit.NoError(t, json.Unmarshal(encoded.Bytes(), &decoded))
	if diff := cmp.Diff(report, decoded); diff != "" {
		t.Errorf("written and read again (-want +got):\n%s", diff)
	}
}

package order

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/payment"
	"meridian/internal/promotion"
	"meridian/internal/secret"
	"meridian/regions"
)

// Order is an order with its lines. Amounts are minor units of Currency.
type Order struct {
	Ref          regions.Ref `db:"*"`
	Account      *uuid.UUID  `db:"account_id"` // in the order's region; nil for a guest
	Cart         regions.Ref `db:"cart_*"`
	Status       Status
	CancelReason string // payment_failed, expired, by_customer or by_operator; empty unless cancelled
	Version      int64
	TransitionID uuid.UUID // of the transition that brought it to its status
	Currency     money.Currency
	Country      string
	// Market and Group are whose prices the order has, PricedAt the moment they are of.
	Market        string
	Group         string    `db:"customer_group"`
	PricedAt      time.Time `db:",null"` // zero for orders older than it
	SubtotalMinor int64
	// DiscountMinor is what promotions took off the goods; ShippingMinor is what is paid of the shipping.
	DiscountMinor    int64
	ShippingMinor    int64
	TaxMinor         int64
	TotalMinor       int64
	PricesIncludeTax bool
	Email            string
	ShipTo           Address
	PlacedAt         time.Time
	UpdatedAt        time.Time
	ExpiresAt        time.Time // when an order not yet paid is given up
	Lines            []Line    `db:"-"`

	// Set by Get, not by List.
	Payment   payment.Payment  `db:"-"`
	History   []Change         `db:"-"`
	Refunds   []payment.Refund `db:"-"`
	Shipments []Shipment       `db:"-"`
}

// Line is one SKU of an order. TaxMinor is included in what is left of SubtotalMinor after
// DiscountMinor or on top of it, as the order's PricesIncludeTax says; TotalMinor is what the
// line costs with its tax.
type Line struct {
	LineNo           int64
	SKU              string
	ProductID        uuid.UUID
	Title            string
	Quantity         int64
	UnitPriceMinor   int64
	SubtotalMinor    int64
	DiscountMinor    int64
	TaxRate          money.BasisPoints `db:"tax_rate_bp"`
	TaxMinor         int64
	TotalMinor       int64
	RefundedQuantity int64
	RefundedMinor    int64
	// Derivation is why the line costs that: a pricing.Derivation as JSON, empty of orders older than it.
	Derivation json.RawMessage

	booked booking
}

// booking is what a line is worth in the reporting currency, at the rate of the order's moment.
// It is zero where there was no rate.
type booking struct {
	Currency             money.Currency
	Rate                 string // a money.Decimal
	TotalMinor, TaxMinor int64
}

// Address is where an order goes. It is personal data and stays in the home region.
type Address struct {
	Name     string `json:"name"`
	Line1    string `json:"line1"`
	Line2    string `json:"line2,omitempty"`
	City     string `json:"city"`
	State    string `json:"state,omitempty"`
	Postcode string `json:"postcode,omitempty"`
	Country  string `json:"country"`
	Phone    string `json:"phone,omitempty"`
}

// Change is one step of an order's history.
type Change struct {
	Version int64
	Status  Status
	Reason  string
	Actor   string // a public id, "guest" or "system"
	At      time.Time
}

// Shipment is one parcel: what one warehouse sent.
type Shipment struct {
	ID          uuid.UUID
	Warehouse   string
	Carrier     string
	Tracking    string
	ShippedAt   time.Time
	DeliveredAt *time.Time
}

var (
	// ErrNotFound is returned for an order that does not exist.
	ErrNotFound = errors.New("no such order")
	// ErrCartEmpty is returned for a checkout of nothing.
	ErrCartEmpty = errors.New("the cart is empty")
	// ErrAddressUnknown is returned for a saved address that the account does not have.
	ErrAddressUnknown = errors.New("no such saved address")
	// ErrAccountClosed is returned for a checkout by an account that is closed or suspended.
	ErrAccountClosed = errors.New("the account is closed or suspended")
	// ErrSessionEnded is returned for a checkout with an access token that is older than a sign-out everywhere.
	ErrSessionEnded = errors.New("the session was ended")
	// ErrRefundNotFound is returned for a refund that does not exist, or has not failed.
	ErrRefundNotFound = errors.New("no such failed refund")
	// ErrUsedUp is returned for a checkout with a promotion whose last use was just taken.
	ErrUsedUp = errors.New("the promotion is used up")
	// ErrUnknownProvider is returned for a payment provider the shop does not have.
	ErrUnknownProvider = errors.New("no such payment provider")
)

// NotForSaleError names SKUs of the cart that cannot be bought: no longer sold, or without
// a price in the cart's currency.
type NotForSaleError struct{ SKUs []string }

func (e *NotForSaleError) Error() string { return fmt.Sprintf("not for sale: %v", e.SKUs) }

// TotalChangedError is returned when the shopper agreed to another total than the order
// would have.
type TotalChangedError struct{ Expected, Actual money.Amount }

func (e *TotalChangedError) Error() string {
	return fmt.Sprintf("the total is %s, not %s", e.Actual, e.Expected)
}

// QuoteRefusedError is returned for a quote that cannot be honoured: its time is over, or it
// was for other goods, another place or somebody else. Current is what the order would cost now.
type QuoteRefusedError struct {
	Reason  string
	Current money.Amount
}

func (e *QuoteRefusedError) Error() string {
	return fmt.Sprintf("the quote cannot be honoured: %s; the order would now cost %s", e.Reason, e.Current)
}

// CouponRefusedError is returned for a checkout with codes that give nothing, each with the reason.
type CouponRefusedError struct{ Refused []promotion.Refusal }

func (e *CouponRefusedError) Error() string {
	return fmt.Sprintf("coupon %s: %s", e.Refused[0].Coupon, e.Refused[0].Reason)
}

// StateError is returned for a step that the order's state does not allow.
type StateError struct {
	Status  Status
	Allowed []Status // the states in which the step would be allowed
}

func (e *StateError) Error() string {
	return fmt.Sprintf("the order is %s; this needs one that is %v", e.Status, e.Allowed)
}

// Config is what Orders works with. Every field without a default is needed.
type Config struct {
	DB        *database.DB
	Regions   *regions.Set
	Carts     *cart.Carts
	Providers map[string]payment.Provider
	// PayWithin is how long an order of a customer waits for its payment, GuestPayWithin how long that of a guest. Default
	// 30 minutes, and 10 or PayWithin if that is less.
	PayWithin, GuestPayWithin time.Duration
	// Unpaid bounds the units that orders hold before they are paid.
	Unpaid UnpaidLimits
	// CheckAfter is when a worker first asks the provider about a payment nobody heard
	// of. Default 15 seconds.
	CheckAfter time.Duration
	// ProviderTimeout bounds one call to a provider. Default 8 seconds.
	ProviderTimeout time.Duration
	// Together bounds how checkouts and settlements share transactions; zero takes the defaults.
	Together database.GroupLimits
	// CustomerKey keys the hashes of an e-mail address and of a client's network, by which limits are counted.
	CustomerKey secret.Bytes
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Metrics takes what becomes of orders and payments; nil takes nothing.
	Metrics *Metrics
}

// Orders places and carries orders. It is safe for concurrent use.
type Orders struct {
	Config
	inbox       payment.Inbox
	settlements *database.Shared[*settlement]
	checkouts   *database.Shared[*checkout]
	contested   contested
}

// New returns the orders of a shop.
func New(c Config) *Orders {
	c = c.withDefaults()
	o := &Orders{Config: c, inbox: payment.Inbox{DB: c.DB, Regions: c.Regions}}
	// Checkouts and settlements share lanes, as they want the same stock rows. Settlements run
	// first because they are cheap: nothing is read or worked out for them.
	group := database.NewGroup(c.Together)
	o.settlements = database.Share(group, database.Work[*settlement]{
		Conflict: func(s *settlement) any { return s.Payment },
		Write:    o.writeSettlements,
	})
	o.checkouts = database.Share(group, database.Work[*checkout]{
		Conflict: func(c *checkout) any { return c.in.Cart },
		Plan:     o.planCheckouts,
		Write:    o.writeCheckouts,
		Refused:  checkoutRefusal,
	})
	return o
}

func (c Config) withDefaults() Config {
	c.PayWithin = cmp.Or(c.PayWithin, 30*time.Minute)
	c.GuestPayWithin = cmp.Or(c.GuestPayWithin, min(10*time.Minute, c.PayWithin))
	c.Unpaid = c.Unpaid.withDefaults()
	c.CheckAfter = cmp.Or(c.CheckAfter, 15*time.Second)
	c.ProviderTimeout = cmp.Or(c.ProviderTimeout, 8*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// PublicID returns an order's public id, ord_….
func (o *Orders) PublicID(ref regions.Ref) string {
	return o.Regions.FormatID(regions.OrderPrefix, ref)
}

// PaymentID returns the public id, pay_…, of an order's payment: the idempotency key its
// provider is sent.
func (o *Orders) PaymentID(ref regions.Ref) string {
	return o.Regions.FormatID(regions.PaymentPrefix, ref)
}

// amount returns minor units of the order's currency.
func (o Order) amount(minor int64) money.Amount { return money.New(minor, o.Currency) }

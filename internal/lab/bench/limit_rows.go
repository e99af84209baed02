package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/lab/shopper"
	"meridian/internal/order"
	"meridian/regions"
)

// journeysEach is the number of real journeys that each visitor makes for a limit to copy.
const journeysEach = 8

// journeys has visitors make real journeys and returns their purchases.
func (r *run) journeys(ctx context.Context, do func(context.Context, *visitor) (*shopper.Purchase, error)) ([]*shopper.Purchase, error) {
	visitors := newVisitors(r.Clients, r.markets, r.goods, r.Seed+1)
	all := make([]*shopper.Purchase, journeysEach*len(visitors))
	err := atOnce(len(visitors), len(all), func(worker, i int) (err error) {
		all[i], err = do(ctx, visitors[worker])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make journeys to copy: %w", err)
	}
	return all, nil
}

// atOnce calls do for each of n things, with so many workers, and returns the first error.
func atOnce(workers, n int, do func(worker, i int) error) error {
	var group errgroup.Group
	for worker := range workers {
		group.Go(func() error {
			for i := worker; i < n; i += workers {
				if err := do(worker, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// copied holds a journey that a bare loop repeats.
type copied struct {
	start, end  footprint
	changes     []row       // what end has that start has not
	cart, order regions.Ref // of the original
	stock       []inventory.Allocation
}

// refs returns the identifiers of a purchase's cart and order; the latter is zero without one.
func (r *run) refs(p *shopper.Purchase) (cart, order regions.Ref, err error) {
	cart, err = r.Regions.ParseID(regions.CartPrefix, p.Cart.ID)
	if err == nil && p.Order.ID != "" {
		order, err = r.Regions.ParseID(regions.OrderPrefix, p.Order.ID)
	}
	return cart, order, err
}

// footprints returns the footprints of purchases as they are now.
func (r *run) footprints(ctx context.Context, purchases []*shopper.Purchase) ([]footprint, error) {
	kept := make(map[string]bool)
	for _, a := range append(r.goods.articles, r.goods.hot) {
		kept[a.product.String()] = true
	}
	journeys := make([][]string, len(purchases))
	for i, p := range purchases {
		cart, order, err := r.refs(p)
		if err != nil {
			return nil, err
		}
		journeys[i] = []string{p.Cart.ID, cart.ID.String()}
		if p.Order.ID != "" {
			journeys[i] = append(journeys[i], p.Order.ID, p.Order.Payment.ID, order.ID.String())
		}
	}
	return readFootprints(ctx, r.db, journeys, kept)
}

// operationOn is something that a visitor does with a purchase.
type operationOn func(ctx context.Context, v *visitor, p *shopper.Purchase) error

// copyJourneys returns purchases for a loop to repeat: as they are now and, if then is not nil, as
// they are after then was called for each.
func (r *run) copyJourneys(ctx context.Context, purchases []*shopper.Purchase, then operationOn) ([]copied, error) {
	starts, err := r.footprints(ctx, purchases)
	if err != nil {
		return nil, err
	}
	ends := starts
	if then != nil {
		visitors := newVisitors(r.Clients, r.markets, r.goods, r.Seed)
		err := atOnce(len(visitors), len(purchases), func(worker, i int) error { return then(ctx, visitors[worker], purchases[i]) })
		if err != nil {
			return nil, err
		}
		if err := r.settle(ctx); err != nil {
			return nil, err
		}
		if ends, err = r.footprints(ctx, purchases); err != nil {
			return nil, err
		}
	}
	all := make([]copied, len(purchases))
	for i, p := range purchases {
		c := copied{start: starts[i], end: ends[i]}
		c.start.finishWork(c.end)
		c.changes = c.end.changed(c.start)
		if c.cart, c.order, err = r.refs(p); err != nil {
			return nil, err
		}
		all[i] = c
	}
	return all, r.readTaken(ctx, all)
}

// readTaken reads what the orders took of the stock.
func (r *run) readTaken(ctx context.Context, all []copied) error {
	of := make(map[uuid.UUID]*copied)
	var ids []uuid.UUID
	for i := range all {
		of[all[i].order.ID] = &all[i]
		ids = append(ids, all[i].order.ID)
	}
	type taken struct {
		order uuid.UUID
		inventory.Allocation
	}
	err := database.Each(ctx, r.db, func(row pgx.CollectableRow) (t taken, err error) {
		err = row.Scan(&t.order, &t.Region, &t.Warehouse, &t.SKU, &t.LineNo, &t.Quantity)
		return t, err
	}, func(t taken) error {
		of[t.order].stock = append(of[t.order].stock, t.Allocation)
		return nil
	}, `
SELECT order_id, region, warehouse, sku, line_no, quantity
FROM reservations
WHERE order_id = ANY($1::uuid[])
ORDER BY region, sku, warehouse`, ids)
	if err != nil {
		return fmt.Errorf("read what the orders took: %w", err)
	}
	return nil
}

// settle waits until nothing of the orders is pending.
func (r *run) settle(ctx context.Context) error {
	if _, err := settled(ctx, r.db, r.Regions.Names(), time.Time{}); err != nil {
		return err
	}
	_, err := quiet(ctx, r.db)
	return err
}

// cartLimits opens the bare statements of one cart's life: three transactions for its three
// calls.
func cartLimits(ctx context.Context, r *run) ([]limit, error) {
	purchases, err := r.journeys(ctx, func(ctx context.Context, v *visitor) (*shopper.Purchase, error) { return v.newCart(ctx, false) })
	if err != nil {
		return nil, err
	}
	change := func(ctx context.Context, v *visitor, p *shopper.Purchase) error { return v.changeCart(ctx, p) }
	carts, err := r.copyJourneys(ctx, purchases, change)
	if err != nil {
		return nil, err
	}
	reader := cart.New(cart.Config{DB: r.db, Regions: r.Regions})
	parts := func(c copied) [3]func(*database.Batch) {
		d := newDuplicate(c.start, c.end)
		ref := regions.Ref{Region: c.cart.Region, ID: d.ids[c.cart.ID.String()]}
		read := func(b *database.Batch) { reader.QueueGet(b, ref, new(cart.Cart)) }
		return [3]func(*database.Batch){
			func(b *database.Batch) { d.queueInsert(b, c.start.rows, false) },
			read,
			func(b *database.Batch) { d.queueInsert(b, c.changes, true); read(b) },
		}
	}
	loop := &bareLoop{url: r.DatabaseURL, seed: r.Seed, Rows: len(carts[0].start.rows) + len(carts[0].changes)}
	for _, queue := range parts(carts[0]) {
		loop.Statements += statements(queue)
	}
	loop.once = func(ctx context.Context, conn *pgx.Conn, random *rand.Rand) (func(*database.Batch), error) {
		for _, queue := range parts(carts[random.IntN(len(carts))]) {
			if err := send(ctx, conn, queue); err != nil {
				return nil, fmt.Errorf("bare cart: %w", err)
			}
		}
		return nil, nil
	}
	l, err := r.statementLimit(ctx, loop, "the bare statements of one cart in three transactions, no HTTP, no rules")
	return []limit{l}, err
}

func statements(queue func(*database.Batch)) int {
	var b database.Batch
	queue(&b)
	return b.Len()
}

// orderLimits opens the bare statements of one order a transaction: of the whole order, which
// counts, and of placing it alone.
func orderLimits(hot bool) func(ctx context.Context, r *run) ([]limit, error) {
	return func(ctx context.Context, r *run) ([]limit, error) {
		whole, err := r.orderLimit(ctx, hot)
		if err != nil {
			return nil, err
		}
		orders, err := r.copyPlaced(ctx, hot)
		if err == nil {
			var placed limit
			placed, err = r.statementLimit(ctx, r.bareOrders(orders, inventory.ReleaseHeld, false), "the same, only the rows of placing it")
			if err == nil {
				return []limit{whole, placed}, nil
			}
		}
		whole.close()
		return nil, err
	}
}

func (r *run) orderLimit(ctx context.Context, hot bool) (limit, error) {
	orders, err := r.copyPaid(ctx, hot)
	if err != nil {
		return limit{}, err
	}
	return r.statementLimit(ctx, r.bareOrders(orders, inventory.AllocateHeld, true),
		"the bare statements of one order, all its rows to paid, one transaction and one batch each, no HTTP, no rules")
}

// copyPaid has visitors place orders that are paid, for copies of all their rows.
func (r *run) copyPaid(ctx context.Context, hot bool) ([]copied, error) {
	purchases, err := r.placeOrders(ctx, hot, "card_success")
	if err == nil {
		err = r.settle(ctx)
	}
	if err != nil {
		return nil, err
	}
	return r.copyJourneys(ctx, purchases, nil)
}

// copyPlaced has visitors place orders of which the payment never ends, for copies of what
// placing writes, and cancel them: so end the copies, too.
func (r *run) copyPlaced(ctx context.Context, hot bool) ([]copied, error) {
	purchases, err := r.placeOrders(ctx, hot, "card_never")
	if err != nil {
		return nil, err
	}
	return r.copyJourneys(ctx, purchases, func(ctx context.Context, v *visitor, p *shopper.Purchase) error {
		_, err := v.as("cancel").Cancel(ctx, "", p)
		return err
	})
}

func (r *run) placeOrders(ctx context.Context, hot bool, card string) ([]*shopper.Purchase, error) {
	return r.journeys(ctx, func(ctx context.Context, v *visitor) (*shopper.Purchase, error) { return v.buy(ctx, hot, card) })
}

// bareOrders returns a loop over copies of orders. Each is one batch: the rows as the order's start
// footprint has them, then inventory's own statements, which take the stock as late as can be.
// With whole, the batch also makes the last move of the stock; otherwise that, and the rows at
// the order's end, are sent when nobody measures.
func (r *run) bareOrders(orders []copied, last inventory.Move, whole bool) *bareLoop {
	queues := func(c copied) (start, end func(*database.Batch)) {
		d := newDuplicate(c.start, c.end)
		ref := regions.Ref{Region: c.order.Region, ID: d.ids[c.order.ID.String()]}
		cause := func(f footprint) inventory.Cause {
			return inventory.Cause{
				Order: ref, OrderID: r.Regions.FormatID(regions.OrderPrefix, ref), Actor: "guest",
				TransitionID: d.ids[f.find("orders", "transition_id")],
			}
		}
		start = func(b *database.Batch) {
			d.queueInsert(b, c.start.rows, false)
			inventory.QueueReserve(b, inventory.Unlimited, inventory.Hold{Cause: cause(c.start), Allocations: c.stock})
			if whole {
				inventory.QueueMoves(b, last, order.Moved(cause(c.end)))
			}
		}
		end = func(b *database.Batch) {
			d.queueInsert(b, c.changes, true)
			inventory.QueueMoves(b, last, order.Moved(cause(c.end)))
		}
		return start, end
	}
	sample := orders[0]
	start, _ := queues(sample)
	// A reservation, a movement and a stock row a line, and a movement more when it is moved.
	loop := &bareLoop{url: r.DatabaseURL, seed: r.Seed, Statements: statements(start), Rows: len(sample.start.rows) + 3*len(sample.stock)}
	if whole {
		loop.Rows += len(sample.stock)
	}
	loop.once = func(ctx context.Context, conn *pgx.Conn, random *rand.Rand) (func(*database.Batch), error) {
		start, end := queues(orders[random.IntN(len(orders))])
		if err := send(ctx, conn, start); err != nil {
			return nil, fmt.Errorf("bare order: %w", err)
		}
		if whole {
			return nil, nil
		}
		return end, nil
	}
	return loop
}

package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/lab/shopper"
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
	var next atomic.Int64
	var failed sync.Once
	var first error
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(worker, i); err != nil {
					failed.Do(func() { first = err })
					return
				}
			}
		})
	}
	running.Wait()
	return first
}

// copied holds a journey that a bare loop repeats: the rows it began with, and those that are new
// or changed at its end.
type copied struct {
	start, end footprint
	finish     []row
	cart       regions.Ref // as it is in the shop; copies have another id in the same region
	order      regions.Ref
	stock      []inventory.Allocation // what the order takes
}

// footprints reads the footprints of purchases, see readFootprints.
func (r *run) footprints(ctx context.Context, purchases []*shopper.Purchase, before []footprint) ([]footprint, error) {
	kept := make(map[string]bool)
	for _, a := range append(r.goods.articles, r.goods.hot) {
		kept[a.product.String()] = true
	}
	journeys := make([][]string, len(purchases))
	for i, p := range purchases {
		ref, err := r.Regions.ParseID(regions.CartPrefix, p.Cart.ID)
		if err != nil {
			return nil, err
		}
		journeys[i] = []string{p.Cart.ID, ref.ID.String()}
		if p.Order.ID == "" {
			continue
		}
		if ref, err = r.Regions.ParseID(regions.OrderPrefix, p.Order.ID); err != nil {
			return nil, err
		}
		journeys[i] = append(journeys[i], p.Order.ID, p.Order.Payment.ID, ref.ID.String())
	}
	return readFootprints(ctx, r.db, journeys, kept, before)
}

// newCopied joins the footprints of the start and the end of a journey.
func (r *run) newCopied(p *shopper.Purchase, start, end footprint) copied {
	start.finishWork(end)
	c := copied{start: start, end: end, finish: end.changed(start)}
	c.cart, _ = r.Regions.ParseID(regions.CartPrefix, p.Cart.ID) // parsed before
	c.order, _ = r.Regions.ParseID(regions.OrderPrefix, p.Order.ID)
	return c
}

// cartLimits opens the bare statements of one cart's life: three transactions for its three
// calls.
func cartLimits(ctx context.Context, r *run) ([]limit, error) {
	carts, err := r.copyCarts(ctx)
	if err != nil {
		return nil, err
	}
	reader := cart.New(cart.Config{DB: r.db, Regions: r.Regions})
	sample := carts[0]
	loop := &bareLoop{url: r.DatabaseURL, seed: r.Seed, Rows: len(sample.start.rows) + len(sample.finish)}
	parts := func(c copied) [3]func(*database.Batch) {
		ids, shift := c.end.newIdentity(), time.Since(c.end.taken)
		ref := regions.Ref{Region: c.cart.Region, ID: ids.uuids[c.end.id("carts", "id")]}
		read := func(b *database.Batch) { reader.QueueGet(b, ref, new(cart.Cart)) }
		return [3]func(*database.Batch){
			func(b *database.Batch) { queueInsert(b, c.start.rows, ids, shift, false) },
			read,
			func(b *database.Batch) { queueInsert(b, c.finish, ids, shift, true); read(b) },
		}
	}
	for _, queue := range parts(sample) {
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

// copyCarts makes carts that are then changed, for copies.
func (r *run) copyCarts(ctx context.Context) ([]copied, error) {
	visitors := newVisitors(1, r.markets, r.goods, r.Seed)
	purchases, err := r.journeys(ctx, func(ctx context.Context, v *visitor) (*shopper.Purchase, error) { return v.newCart(ctx, false) })
	if err != nil {
		return nil, err
	}
	starts, err := r.footprints(ctx, purchases, nil)
	if err != nil {
		return nil, err
	}
	for _, p := range purchases {
		if err := visitors[0].changeCart(ctx, p); err != nil {
			return nil, err
		}
	}
	ends, err := r.footprints(ctx, purchases, starts)
	if err != nil {
		return nil, err
	}
	carts := make([]copied, len(purchases))
	for i, p := range purchases {
		carts[i] = r.newCopied(p, starts[i], ends[i])
	}
	return carts, nil
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
	if err != nil {
		return nil, err
	}
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	ends, err := r.footprints(ctx, purchases, nil)
	if err != nil {
		return nil, err
	}
	return r.copyOrders(ctx, purchases, ends, ends)
}

// copyPlaced has visitors place orders of which the payment never ends, for copies of what
// placing writes, and cancel them: so end the copies, too.
func (r *run) copyPlaced(ctx context.Context, hot bool) ([]copied, error) {
	purchases, err := r.placeOrders(ctx, hot, "card_never")
	if err != nil {
		return nil, err
	}
	starts, err := r.footprints(ctx, purchases, nil)
	if err != nil {
		return nil, err
	}
	visitors := newVisitors(r.Clients, r.markets, r.goods, r.Seed)
	err = atOnce(len(visitors), len(purchases), func(worker, i int) error {
		_, err := visitors[worker].Cancel(ctx, "", purchases[i], "")
		return err
	})
	if err == nil {
		err = r.settle(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("cancel the orders to copy: %w", err)
	}
	ends, err := r.footprints(ctx, purchases, starts)
	if err != nil {
		return nil, err
	}
	return r.copyOrders(ctx, purchases, starts, ends)
}

func (r *run) placeOrders(ctx context.Context, hot bool, card string) ([]*shopper.Purchase, error) {
	return r.journeys(ctx, func(ctx context.Context, v *visitor) (*shopper.Purchase, error) { return v.buy(ctx, hot, card) })
}

// settle waits until nothing of the orders is pending.
func (r *run) settle(ctx context.Context) error {
	if _, err := settled(ctx, r.db, r.Regions.Names(), time.Time{}); err != nil {
		return err
	}
	_, err := quiet(ctx, r.db)
	return err
}

func (r *run) copyOrders(ctx context.Context, purchases []*shopper.Purchase, starts, ends []footprint) ([]copied, error) {
	orders := make([]copied, len(purchases))
	ids, of := make([]uuid.UUID, len(purchases)), make(map[uuid.UUID]*copied)
	for i, p := range purchases {
		orders[i] = r.newCopied(p, starts[i], ends[i])
		ids[i], of[orders[i].order.ID] = orders[i].order.ID, &orders[i]
	}
	type taken struct {
		Order uuid.UUID
		inventory.Allocation
	}
	err := database.Each(ctx, r.db, func(row pgx.CollectableRow) (t taken, err error) {
		err = row.Scan(&t.Order, &t.Region, &t.Warehouse, &t.SKU, &t.LineNo, &t.Quantity)
		return t, err
	}, func(t taken) error {
		of[t.Order].stock = append(of[t.Order].stock, t.Allocation)
		return nil
	}, `
SELECT order_id, region, warehouse, sku, line_no, quantity
FROM reservations
WHERE order_id = ANY($1::uuid[])
ORDER BY region, sku, warehouse`, ids)
	if err != nil {
		return nil, fmt.Errorf("read what the orders took: %w", err)
	}
	return orders, nil
}

// bareOrders returns a loop over copies of orders. Each is one batch: the rows as the order's start
// footprint has them, then inventory's own statements, which take the stock as late as can be.
// With whole, the batch also makes the last move of the stock; otherwise that, and the rows at
// the order's end, are sent when nobody measures.
func (r *run) bareOrders(orders []copied, last inventory.Move, whole bool) *bareLoop {
	queues := func(c copied) (start, end func(*database.Batch)) {
		ids, shift := c.end.newIdentity(), time.Since(c.end.taken)
		order := regions.Ref{Region: c.order.Region, ID: ids.uuids[c.end.id("orders", "id")]}
		cause := func(f footprint) inventory.Cause {
			return inventory.Cause{
				Order: order, OrderID: r.Regions.FormatID(regions.OrderPrefix, order), Actor: "guest",
				TransitionID: ids.uuids[f.id("orders", "transition_id")],
			}
		}
		start = func(b *database.Batch) {
			queueInsert(b, c.start.rows, ids, shift, false)
			inventory.QueueReserve(b, inventory.Hold{Cause: cause(c.start), Allocations: c.stock})
			if whole {
				inventory.QueueMoves(b, last, cause(c.end))
			}
		}
		end = func(b *database.Batch) {
			queueInsert(b, c.finish, ids, shift, true)
			inventory.QueueMoves(b, last, cause(c.end))
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

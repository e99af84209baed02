package searching

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/lab/client"
	"meridian/internal/local"
)

// run is a run on its way.
type run struct {
	Config
	shop    *local.Shop
	ended   chan error
	stop    context.CancelFunc
	db      *database.DB
	shelves *catalog.Catalog
	stock   *inventory.Stock
	http    client.Client

	mu     sync.Mutex // of what follows
	result Result
}

// Run opens a shop, breaks its search and judges it. An error says that the run could not be made; what was found
// broken is in the result.
func Run(ctx context.Context, config Config) (result Result, err error) {
	if err := config.Validate(); err != nil {
		return Result{}, err
	}
	r := &run{Config: config.withDefaults(), http: client.Client{HTTP: client.NewHTTP(64)}}
	r.result = Result{Seed: r.Seed, Edits: make(map[string]int), Faults: make(map[string]int), Searches: make(map[string]int),
		ServerErrors: make(map[string]int), Compared: make(map[string]int), Different: make(map[string]int)}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.open(ctx); err != nil {
		return Result{}, err
	}
	began := time.Now()
	if err := r.breakThings(ctx); err != nil {
		return Result{}, err
	}
	r.result.Seconds = time.Since(began).Seconds()
	return r.result, r.judge(ctx)
}

func (r *run) open(ctx context.Context) (err error) {
	r.Tell("opening a shop")
	r.shop, err = local.Start(ctx, local.Config{Regions: r.Regions, Dir: r.Dir, Argon2: r.Argon2, Log: r.Log})
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop, r.ended = stop, make(chan error, 1)
	go func() { r.ended <- r.shop.Run(serving) }()
	select {
	case <-r.shop.Ready():
	case err := <-r.ended:
		r.ended <- nil
		return errors.Join(errors.New("the shop has ended"), err)
	case <-ctx.Done():
		return ctx.Err()
	}
	r.http.Base = r.shop.EdgeURL()
	r.db, err = database.Open(ctx, database.Config{URL: r.shop.Address().DatabaseURL, Region: r.Regions.Primary().Name, ApplicationName: "meridian-chaos", MaxConns: 8})
	if err != nil {
		return err
	}
	if r.shelves, err = catalog.New(catalog.Config{DB: r.db, Regions: r.Regions}); err != nil {
		return err
	}
	r.stock = inventory.New(inventory.Config{DB: r.db, Regions: r.Regions})
	r.Tell("waiting until every index is filled")
	return r.caughtUp(ctx)
}

func (r *run) close() error {
	if r.db != nil {
		r.db.Close()
	}
	if r.shop == nil {
		return nil
	}
	if r.stop == nil {
		return r.shop.Close()
	}
	r.stop()
	return errors.Join(<-r.ended, r.shop.Close())
}

// breakThings lets sellers edit, shoppers search and faults happen, until the duration is over and everything runs
// again.
func (r *run) breakThings(ctx context.Context) error {
	r.Tell(fmt.Sprintf("for %s: %d edits a second, %d shoppers, and faults", r.Duration, r.Edits, r.Shoppers))
	goods, err := r.readGoods(ctx)
	if err != nil {
		return err
	}
	timed, cancel := context.WithTimeout(ctx, r.Duration)
	defer cancel()
	var working sync.WaitGroup
	failures := make(chan error, 2)
	working.Go(func() { failures <- r.edit(timed, goods, r.dice(1)) })
	working.Go(func() { failures <- r.inflict(ctx, timed, r.dice(2)) })
	for i := range r.Shoppers {
		working.Go(func() { r.searchOn(timed, goods, r.dice(uint64(100+i))) })
	}
	working.Wait()
	close(failures)
	for failure := range failures {
		err = errors.Join(err, failure)
	}
	return err
}

// dice are a source of choices: the same for the same seed.
func (r *run) dice(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(r.Seed, stream)) }

func (r *run) count(into map[string]int, what string) { r.note(func() { into[what]++ }) }

// note changes the result.
func (r *run) note(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

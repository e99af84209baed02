package searching

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/lab/client"
	"meridian/internal/lab/localshop"
	"meridian/internal/lab/shopper"
	"meridian/internal/local"
)

// run is one run.
type run struct {
	Config
	shop    *localshop.Shop
	db      *database.DB
	shelves *catalog.Catalog
	stock   *inventory.Stock
	http    *http.Client
	goods   *goods

	mu     sync.Mutex // of result
	result Result
}

// Run opens a shop, breaks its search and judges it. What was found broken is in the result; Run fails only if the run
// could not be made.
func Run(ctx context.Context, config Config) (result Result, err error) {
	if err := config.Validate(); err != nil {
		return Result{}, err
	}
	r := &run{Config: config.withDefaults(), http: client.NewHTTP(64)}
	r.result = Result{Seed: r.Seed, Edits: make(map[string]int), Faults: make(map[string]int), Searches: make(map[string]int),
		ServerErrors: make(map[string]int), Compared: make(map[string]int), Different: make(map[string]int)}
	r.Tell("opening a shop")
	r.shop, err = localshop.Open(ctx, local.Config{Regions: r.Regions, Dir: r.Dir, Argon2: r.Argon2, Log: r.Log}, nil)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, r.shop.Close()) }()
	r.db, err = database.Open(ctx, database.Config{
		URL: r.shop.Address().DatabaseURL, Region: r.Regions.Primary().Name, ApplicationName: "meridian-chaos", MaxConns: 8,
	})
	if err != nil {
		return Result{}, err
	}
	defer r.db.Close()
	if err := r.prepare(ctx); err != nil {
		return Result{}, err
	}
	began := time.Now()
	if err := r.breakSearch(ctx); err != nil {
		return Result{}, err
	}
	r.result.Seconds = time.Since(began).Seconds()
	return r.result, r.judge(ctx)
}

func (r *run) prepare(ctx context.Context) (err error) {
	if r.shelves, err = catalog.New(catalog.Config{DB: r.db, Regions: r.Regions}); err != nil {
		return err
	}
	r.stock = inventory.New(inventory.Config{DB: r.db, Regions: r.Regions})
	r.Tell("waiting until every index is filled")
	if err := r.awaitFeeds(ctx); err != nil {
		return err
	}
	r.goods, err = r.readGoods(ctx)
	return err
}

// breakSearch lets sellers edit, shoppers search and faults happen, until the duration is over and everything runs again.
func (r *run) breakSearch(ctx context.Context) error {
	r.Tell(fmt.Sprintf("for %s: %d edits a second, %d shoppers, and faults", r.Duration, r.Edits, r.Shoppers))
	timed, cancel := context.WithTimeout(ctx, r.Duration)
	defer cancel()
	var working errgroup.Group
	working.Go(func() error { return r.edit(timed, r.dice(1)) })
	working.Go(func() error { return r.inflict(ctx, timed, r.dice(2)) })
	shoppers := make([]*rand.Rand, r.Shoppers)
	for i := range shoppers {
		shoppers[i] = r.dice(uint64(100 + i))
	}
	// A search that has begun is let end: its answer counts.
	shopper.Crowd(timed, r.Shoppers, func(i int) { r.search(ctx, shoppers[i]) })
	return working.Wait()
}

// dice returns a source of choices: the same for the same seed.
func (r *run) dice(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(r.Seed, stream)) }

// note changes the result.
func (r *run) note(change func(*Result)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.result)
}

// faults are what happens to a region's search. Each is over when its function returns.
var faults = []struct {
	name    string
	inflict func(r *run, ctx context.Context, region string, lasts time.Duration) error
}{
	{"engine stopped", (*run).stopEngine},
	{"index wiped", (*run).wipeIndex},
	{"feed killed", (*run).killFeed},
}

// inflict inflicts one fault after the other until the time is over; the last one is ended too.
func (r *run) inflict(ctx, timed context.Context, dice *rand.Rand) error {
	names := r.Regions.Names()
	for n := 0; timed.Err() == nil; n++ {
		fault := faults[n%len(faults)]
		region := names[dice.IntN(len(names))]
		lasts := 500*time.Millisecond + time.Duration(dice.IntN(3000))*time.Millisecond
		r.Tell(fmt.Sprintf("%s in %s", fault.name, region))
		if err := fault.inflict(r, ctx, region, lasts); err != nil {
			return fmt.Errorf("%s in %s: %w", fault.name, region, err)
		}
		r.note(func(result *Result) { result.Faults[fault.name]++ })
		client.Sleep(timed, time.Duration(dice.IntN(1500))*time.Millisecond)
	}
	return nil
}

// stopEngine takes the engine away from a pod that lives on, and gives it back.
func (r *run) stopEngine(ctx context.Context, region string, lasts time.Duration) error {
	store := r.shop.SearchStore(region)
	if err := store.Close(); err != nil {
		return err
	}
	client.Sleep(ctx, lasts)
	return store.Open()
}

// wipeIndex loses everything that the engine had.
func (r *run) wipeIndex(_ context.Context, region string, _ time.Duration) error {
	return r.shop.SearchStore(region).Wipe()
}

// killFeed tears down the region's server with its feed and its engine, in the middle of whatever they do.
func (r *run) killFeed(ctx context.Context, region string, lasts time.Duration) error {
	if err := r.shop.StopRegion(ctx, region); err != nil {
		return err
	}
	client.Sleep(ctx, lasts)
	return r.shop.StartRegion(ctx, region)
}

// search makes one search through the edge and counts how it was answered.
func (r *run) search(ctx context.Context, dice *rand.Rand) {
	target := r.question(dice)
	edge := client.Client{Base: r.shop.EdgeURL(), HTTP: r.http}
	got, err := shopper.From(&edge, shopper.Countries[dice.IntN(len(shopper.Countries))], "").Search(ctx, target)
	r.note(func(result *Result) {
		var problem *client.ProblemError
		switch {
		case errors.As(err, &problem): // a search that is wrong in itself is a fault of ours, too
			result.ServerErrors[fmt.Sprintf("%d %s", problem.Status, problem.Code)]++
		case err != nil:
			result.Unanswered++
		default:
			result.Searches[cmp.Or(got.Degraded, "own")]++
			if target == everything && got.Degraded != "database" && got.Total < len(r.goods.ids)/2 {
				result.Thin++
			}
		}
	})
}

// everything is the search for all products.
const everything = "/v1/search?limit=1"

// question returns a search as shoppers put them: words, the beginning of one, with filters and facets, or none.
func (r *run) question(dice *rand.Rand) string {
	word := func() string { return r.goods.words[dice.IntN(len(r.goods.words))] }
	query := url.Values{}
	switch dice.IntN(6) {
	case 5:
		return everything
	case 0:
		text := word()
		return "/v1/suggest?" + url.Values{"q": {text[:min(len(text), 1+dice.IntN(5))]}}.Encode()
	case 1:
		query = url.Values{"q": {word()}, "facets": {"brand,category,price,attribute"}}
	case 2:
		query = url.Values{"q": {word()}, "in_stock": {"true"}, "max_price": {strconv.Itoa(100 + dice.IntN(3000))}, "sort": {"price"}}
	case 3:
		query = url.Values{"attribute": {"edition=" + strconv.Itoa(dice.IntN(7))}, "sort": {"newest"}}
	default:
		query.Set("q", word()+" "+word())
	}
	return "/v1/search?" + query.Encode()
}

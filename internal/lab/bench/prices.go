package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"time"

	"meridian/internal/lab/client"
	"meridian/internal/lab/report"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

// The quotes that are measured: how many lines, over how many SKUs at least, of how many
// units each at most.
const (
	quoteLines = 1000
	fewSKUs    = 1000
	maxUnits   = 5
	// Questions are made beforehand, these many for each kind of quote.
	longQuestions  = 104
	shortQuestions = 4096
)

// priceCurrencies lists the currencies of quotes: SKUs have prices of their own in the first half,
// the others are converted.
var priceCurrencies = []money.Currency{"EUR", "USD", "GBP", "JPY", "CHF", "SEK", "PLN", "CAD"}

// PriceFigures holds what prices measures beside the quotes that it counts as operations.
type PriceFigures struct {
	SKUs       int              `json:"skus"`
	Currencies []money.Currency `json:"currencies"`
	// LoadSeconds is how long it took to fill the shop with them.
	LoadSeconds float64 `json:"load_seconds"`
	// Quotes are the kinds of quotes, those that count as operations first.
	Quotes []QuoteFigures `json:"quotes"`
	// CostRatio is the processor time of the shop a line among all SKUs, over that among a
	// thousand; 0 where it is not known.
	CostRatio float64 `json:"cost_ratio"`
	// TripsUncached are the database round trips of a quote of SKUs that the shop has not in memory.
	TripsUncached float64 `json:"round_trips_uncached"`
}

// QuoteFigures holds the figures of one kind of quote. A core's second is one of the shop's
// processor time, or of the bare loop's; 0 if unknown.
type QuoteFigures struct {
	Lines           int            `json:"lines"`
	SKUs            int            `json:"skus"`
	Clients         int            `json:"clients"`
	Quotes          int            `json:"quotes"`
	Seconds         float64        `json:"seconds"`
	QuotesPerSecond float64        `json:"quotes_per_second"`
	LinesPerSecond  float64        `json:"lines_per_second"`
	LinesPerCore    float64        `json:"lines_per_core_second"`
	LimitPerCore    float64        `json:"limit_lines_per_core_second"`
	Ratio           float64        `json:"ratio_per_core"`
	TripsPerQuote   float64        `json:"round_trips_per_quote"`
	Latency         report.Latency `json:"latency"`
	CPU             CPU            `json:"cpu"`
}

// quoting holds one kind of quote: what is asked, and what was measured.
type quoting struct {
	lines, skus, clients int
	questions            []question
	visitors             []*visitor
	shop, bare           sample
}

// question holds a request for a quote, and the same goods for the bare arithmetic.
type question struct {
	body  json.RawMessage
	ask   pricing.Ask
	goods []pricing.Item // without their units' prices
}

// measurePrices fills the shop with SKUs and quotes their prices, in turns with the bare
// arithmetic.
func measurePrices(ctx context.Context, r *run, s Scenario) (Result, error) {
	r.Tell("prices: filling the shop with %d SKUs", r.SKUs)
	began := time.Now()
	if err := r.loadPrices(ctx); err != nil {
		return Result{}, fmt.Errorf("load prices: %w", err)
	}
	figures := PriceFigures{SKUs: r.SKUs, Currencies: priceCurrencies, LoadSeconds: time.Since(began).Seconds()}
	shelf, err := r.readShelf(ctx)
	if err != nil {
		return Result{}, err
	}
	kinds := r.quotings(shelf)
	r.Tell("prices: warming up")
	if err := r.awaitPrices(ctx, shelf, kinds[0].questions[0]); err != nil {
		return Result{}, err
	}
	if figures.TripsUncached, err = r.readUncached(ctx, kinds[0]); err != nil {
		return Result{}, err
	}
	if err := r.measureQuotings(ctx, shelf, kinds); err != nil {
		return Result{}, err
	}
	for _, q := range kinds {
		figures.Quotes = append(figures.Quotes, q.figures())
	}
	if all, few := figures.Quotes[0].LinesPerCore, figures.Quotes[1].LinesPerCore; all > 0 {
		figures.CostRatio = few / all
	}
	result := r.newResult(s, kinds[0].shop, map[string]float64{}, []limit{{about: bareArithmetic}}, []sample{kinds[0].bare})
	result.Limits[0].Ratio = figures.Quotes[0].Ratio
	result.Prices = &figures
	return result, nil
}

const bareArithmetic = "the same arithmetic in a loop over articles in memory, on one goroutine, no HTTP, no JSON; " +
	"the ratio is of lines for each second of processor time"

// quotings returns the kinds of quotes: long ones among all SKUs and among few, and those of a line.
func (r *run) quotings(s *shelf) []*quoting {
	draw := rand.New(rand.NewPCG(r.Seed, 0))
	// More clients than that only wait for each other, and for the answers of the others to be read.
	few := min(r.Clients, 2*runtime.NumCPU())
	all := []*quoting{
		{lines: quoteLines, skus: len(s.articles), clients: few},
		{lines: quoteLines, skus: fewSKUs, clients: few},
		{lines: 1, skus: len(s.articles), clients: r.Clients},
	}
	for _, q := range all {
		n := longQuestions
		if q.lines == 1 {
			n = shortQuestions
		}
		q.questions = s.questions(draw, q.skus, q.lines, n)
	}
	return all
}

// awaitPrices waits until the shop has heard of the rates, and proves that it answers what the
// bare arithmetic comes to.
func (r *run) awaitPrices(ctx context.Context, s *shelf, q question) error {
	visitor := newVisitors(1, r.markets[:1], r.goods, r.Seed)[0]
	want, err := s.total(q)
	if err != nil {
		return err
	}
	var got int64
	err = await(ctx, func() (bool, error) {
		got, err = visitor.quoteTotal(ctx, q)
		return got == want, err
	})
	if err != nil {
		return fmt.Errorf("the shop quotes %d, the bare arithmetic comes to %d: %w", got, want, err)
	}
	return nil
}

// quoteTotal asks for a quote and reads what it comes to; -1 where something has no price.
func (v *visitor) quoteTotal(ctx context.Context, q question) (int64, error) {
	var answer struct {
		Quotes []struct {
			TotalMinor int64             `json:"total_minor"`
			Unpriced   []json.RawMessage `json:"unpriced"`
		} `json:"quotes"`
	}
	err := v.as("quote").Client.Do(ctx, http.MethodPost, quotePath, client.By{}, "", q.body, &answer)
	if err != nil || len(answer.Quotes) != 1 || len(answer.Quotes[0].Unpriced) > 0 {
		return -1, err
	}
	return answer.Quotes[0].TotalMinor, nil
}

const quotePath = "/v1/prices:quote"

// readUncached asks once for each SKU that nobody has asked for before, and says how many
// database round trips such a quote took; and then again until all are in memory. What the shop
// reads while it hears of changes, it does not keep.
func (r *run) readUncached(ctx context.Context, q *quoting) (float64, error) {
	visitor := newVisitors(1, r.markets[:1], r.goods, r.Seed)[0]
	uncached := 0.0
	for pass := range maxPasses {
		asked := q.questions[:min(len(q.questions), q.skus/q.lines)]
		if pass == 0 {
			asked = asked[1:] // the first one was asked to wait for the rates
		}
		visitor.tally = newTally()
		for _, ask := range asked {
			if err := visitor.quote(ctx, ask); err != nil {
				return 0, fmt.Errorf("quote prices: %w", err)
			}
		}
		trips := visitor.tally.calls.Sum().RoundTrips
		if pass == 0 {
			uncached = float64(trips) / float64(len(asked))
		} else if trips == 0 {
			break
		}
	}
	return uncached, nil
}

// maxPasses bounds how often all SKUs are asked for until they are in memory.
const maxPasses = 10

// quote asks for a quote for its answer's bytes.
func (v *visitor) quote(ctx context.Context, q question) error {
	return v.as("quote").Client.Do(ctx, http.MethodPost, quotePath, client.By{}, "", q.body, nil)
}

// turns is the number of turns that the kinds take in a round. Their costs are compared with each
// other, so they have to meet the same machine.
const turns = 2

// measureQuotings measures all kinds in turns, every other time in the opposite order.
func (r *run) measureQuotings(ctx context.Context, s *shelf, kinds []*quoting) error {
	for _, q := range kinds {
		q.visitors = newVisitors(q.clients, r.markets[:1], r.goods, r.Seed)
		if err := r.quotePart(ctx, q, r.WarmUp/3, new(sample)); err != nil {
			return err
		}
	}
	for turn := range turns * r.Rounds {
		r.Tell("prices: measuring, %d of %d", turn+1, turns*r.Rounds)
		inTurn := slices.Clone(kinds)
		if turn%2 == 1 {
			slices.Reverse(inTurn)
		}
		for _, q := range inTurn {
			if err := r.measureQuoting(ctx, s, q, turn); err != nil {
				return err
			}
		}
	}
	return nil
}

// measureQuoting measures a kind and its limit: half of the time for the shop, a quarter for
// the limit, which varies less.
func (r *run) measureQuoting(ctx context.Context, s *shelf, q *quoting, turn int) error {
	each := r.Duration / time.Duration(2*turns*r.Rounds)
	if err := s.part(ctx, r.meter, q, each/2); err != nil {
		return fmt.Errorf("limit: %w", err)
	}
	name := fmt.Sprintf("prices-%d-lines-of-%d", q.lines, q.skus)
	return r.profiled(ctx, name, turn, each, func() error { return r.quotePart(ctx, q, each, &q.shop) })
}

// quotePart has visitors ask for quotes for d and adds that to s.
func (r *run) quotePart(ctx context.Context, q *quoting, d time.Duration, s *sample) error {
	s.begin()
	return r.meter.during(s, func() error {
		closedLoop(ctx, q.visitors, d, s, func(ctx context.Context, v *visitor) error {
			return v.quote(ctx, q.questions[v.rand.IntN(len(q.questions))])
		})
		s.done = s.tally.done
		return ctx.Err()
	})
}

func (q *quoting) figures() QuoteFigures {
	f := QuoteFigures{
		Lines: q.lines, SKUs: q.skus, Clients: q.clients, Quotes: q.shop.done, Seconds: q.shop.elapsed.Seconds(),
		QuotesPerSecond: q.shop.perSecond(),
		LinesPerSecond:  q.shop.perSecond() * float64(q.lines), Latency: q.shop.tally.took.Latency(), CPU: q.shop.cpu,
	}
	if n := q.shop.tally.begun(); n > 0 {
		f.TripsPerQuote = float64(q.shop.tally.calls.Sum().RoundTrips) / float64(n)
	}
	if bare := q.bare.cpu.Generator; bare > 0 {
		f.LimitPerCore = float64(q.bare.done*q.lines) / bare
	}
	if shop := q.shop.cpu.Shop; shop != nil && *shop > 0 {
		f.LinesPerCore = float64(q.shop.done*q.lines) / *shop
	}
	if f.LimitPerCore > 0 {
		f.Ratio = f.LinesPerCore / f.LimitPerCore
	}
	return f
}

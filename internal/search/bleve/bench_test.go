package bleve

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

// The sizes of the shops that are measured.
var shopSizes = []int{10_000, 100_000}

// BenchmarkSearch asks one shopper's questions one after the other.
func BenchmarkSearch(b *testing.B) {
	minPrice, maxPrice := int64(1000), int64(20_000)
	queries := map[string]search.Query{
		"everything":   {Limit: 24},
		"words":        {Text: "red ceramic lantern", Limit: 24},
		"as you type":  {Text: "ceramic lan", Prefix: true, Limit: 8, Highlight: true},
		"one letter":   {Text: "c", Prefix: true, Limit: 8, Highlight: true},
		"typing error": {Text: "cermaic lantren", Limit: 24},
		"faceted":      {Text: "lantern", Facets: search.AllFacets, Limit: 24},
		"all faceted":  {Facets: search.AllFacets, Limit: 24},
		"filtered": {Text: "lantern", Facets: search.AllFacets, Limit: 24,
			Filter: search.Filter{Category: "c1", Brands: []string{"Brand 1", "Brand 2"},
				Attributes: map[string][]string{"colour": {"red", "blue"}}, MinPrice: &minPrice, MaxPrice: &maxPrice}},
		"phrase": {Text: `"ceramic lantern"`, Limit: 24},
	}
	for _, n := range shopSizes {
		if n > 10_000 && testing.Short() {
			continue
		}
		store := benchStore(b, n)
		for name, q := range queries {
			q.Market, q.Language = "eu", "en"
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					testkit.Must(store.Live().Search(b.Context(), q))(b)
				}
			})
		}
	}
}

// BenchmarkApply writes batches of 1,000 into an index that grows.
func BenchmarkApply(b *testing.B) {
	store := testkit.Must(Open(Config{Dir: b.TempDir()}))(b)
	defer store.Close()
	random, from := rand.New(rand.NewPCG(1, 1)), 0
	for b.Loop() {
		c := search.Changes{Put: benchDocuments(random, from, 1000), Positions: map[string]string{"feed": fmt.Sprint(from)}}
		from += 1000
		testkit.NoError(b, store.Live().Apply(b.Context(), c))
	}
	b.ReportMetric(float64(from)/b.Elapsed().Seconds(), "documents/s")
}

func benchStore(b *testing.B, n int) *Store {
	store := testkit.Must(Open(Config{Dir: b.TempDir()}))(b)
	b.Cleanup(func() { store.Close() })
	random := rand.New(rand.NewPCG(1, 1))
	for from := 0; from < n; from += 1000 {
		testkit.NoError(b, store.Live().Apply(context.Background(), search.Changes{Put: benchDocuments(random, from, 1000)}))
	}
	return store
}

var (
	benchNouns = []string{"lantern", "candle", "mug", "cushion", "teapot", "clock", "frame", "basket", "bottle", "lamp", "vase", "blanket",
		"phone", "camera", "speaker"}
	benchKinds = []string{"ceramic", "wooden", "glass", "steel", "cotton", "paper", "vintage", "garden", "kitchen", "christmas", "mini",
		"travel"}
	benchColours = []string{"red", "blue", "green", "black", "white", "grey", "pink", "yellow", "ivory", "silver"}
	benchMarkets = []string{"us", "eu", "uk", "ca", "au", "jp", "sg", "br", "ch", "in"}
)

// benchDocuments are products of 300 brands in 40 categories of three levels, with eight attributes and ten prices.
func benchDocuments(random *rand.Rand, from, n int) []search.Document {
	documents := make([]search.Document, n)
	pick := func(words []string) string { return words[random.IntN(len(words))] }
	for i := range documents {
		colour, kind, noun := pick(benchColours), pick(benchKinds), pick(benchNouns)
		root, middle, leaf := random.IntN(4), random.IntN(3), random.IntN(5)
		d := search.Document{Version: 1, Slug: fmt.Sprintf("p-%d", from+i), Brand: fmt.Sprintf("Brand %d", random.IntN(300)),
			Stock:         search.StockIn,
			Title:         fmt.Sprintf("%s %s %s %s %d%dml", colour, kind, noun, pick(benchKinds), random.IntN(90), random.IntN(9)),
			CategoryIDs:   []string{fmt.Sprintf("c%d", root), fmt.Sprintf("c%d-%d", root, middle), fmt.Sprintf("c%d-%d-%d", root, middle, leaf)},
			CategoryNames: []string{"Home", pick(benchKinds), pick(benchNouns)}, ListedAt: time.Unix(int64(from+i),
				0), Popularity: int64(random.IntN(60)),
			Description: "A " + colour + " " + noun + " for the home, made of " + kind + " material with care, that makes a gift for everybody who likes a " + noun + ".",
			Attributes: map[string][]string{"colour": {colour}, "material": {kind},
				"size": {fmt.Sprint(random.IntN(40))}}, Prices: map[string]int64{}}
		for a := range 5 {
			d.Attributes[fmt.Sprintf("attribute %d", a)] = []string{fmt.Sprint(random.IntN(200))}
		}
		for _, market := range benchMarkets {
			d.Prices[market] = int64(random.IntN(50_000))
			d.PriceBands = append(d.PriceBands, search.PriceBand(market, "EUR", d.Prices[market]))
		}
		d.ID = uuid.NewSHA1(uuid.Nil, []byte(d.Slug))
		documents[i] = d
	}
	return documents
}

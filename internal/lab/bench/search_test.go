package bench

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

func writeZipped(t *testing.T, dir, name, text string) {
	t.Helper()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	testkit.Must(w.Write([]byte(text)))(t)
	testkit.NoError(t, w.Close())
	testkit.NoError(t, os.WriteFile(filepath.Join(dir, name), zipped.Bytes(), 0o600))
}

// searchData is a folder of the two files, with so many lines in each.
func searchData(t *testing.T, lines int) string {
	t.Helper()
	var parts, offers strings.Builder
	offers.WriteString("offer_id,title,merchant_id,category,category_id,split,group_id,group_name\n")
	brands, kinds := []string{"Asus", "Corsair", "Intel"}, []string{"memory", "video-card"}
	colours, things := []string{"Black", "Red", "White"}, []string{"iphone", "fridge freezer", "washing machine"}
	for i := range lines {
		brand, colour := brands[i%3], colours[i/2%3]
		fmt.Fprintf(&parts, `{"sku":"PCP-%04d","category":%q,"brand":%q,"title":"%s Vengeance %d %s","price_usd":%d.5,"attrs":{"color":%q,"modules":[2,8]}}`+"\n",
			i, kinds[i%2], brand, brand, i, kinds[i%2], 20+i, colour)
		fmt.Fprintf(&offers, "%d,apple %s %dgb %s,1,Phones and more,el-4,dev,1,secret\n", i, things[i%3], 32+i, strings.ToLower(colour))
	}
	dir := t.TempDir()
	writeZipped(t, dir, partsFile, parts.String())
	writeZipped(t, dir, offersFile, offers.String())
	return dir
}

func TestReadSearchGoods(t *testing.T) {
	dir := searchData(t, 10)
	goods := testkit.Must(readSearchGoods(dir, 1))(t)
	again, err := readSearchGoods(dir, 1)
	if err != nil || cmp.Diff(goods.all, again.all) != "" || len(goods.all) != 20 {
		t.Errorf("%d products, the same seed draws the same: %v", len(goods.all), err)
	}
	at := slices.IndexFunc(goods.all, func(g searchGood) bool { return g.Key == "PRO-1" })
	want := searchGood{
		Key: "PRO-1", Title: "apple fridge freezer 33gb black", Brand: "Apple", Category: "bench-search-phones-and-more", Status: "active",
		Attributes: map[string]any{"capacity": "33 GB", "color": "Black"},
		SKUs:       []searchGoodsSKU{{SKU: "PRO-1", Prices: map[string]int64{"USD": priceOf("PRO-1"), "EUR": priceOf("PRO-1") * 9 / 10}}},
	}
	if diff := cmp.Diff(want, goods.all[at]); diff != "" {
		t.Error(diff)
	}
	if name := goods.categories["bench-search-phones-and-more"]; name != "Phones and more" {
		t.Errorf("the category is called %q", name)
	}
	at = slices.IndexFunc(goods.all, func(g searchGood) bool { return g.Key == "PCP-0003" })
	if part := goods.all[at]; part.SKUs[0].Prices["USD"] != 2350 || part.Brand != "Asus" || part.Attributes["color"] != "Red" {
		t.Errorf("part: %+v", part)
	}
}

// More products than there are lines are the same things, sold again: with keys and SKUs of their own.
func TestSearchGoods_Part(t *testing.T) {
	goods := testkit.Must(readSearchGoods(searchData(t, 5), 1))(t)
	keys, skus := make(map[string]bool), make(map[string]bool)
	for _, good := range goods.part(0, 25) {
		keys[good.Key], skus[good.SKUs[0].SKU] = true, true
	}
	if len(keys) != 25 || len(skus) != 25 {
		t.Errorf("%d keys and %d SKUs of 25 products", len(keys), len(skus))
	}
	file, err := ndjson(goods.part(18, 22))
	if err != nil || bytes.Count(file, []byte("\n")) != 4 || !bytes.Contains(file, []byte(`-R2"`)) {
		t.Errorf("written as %s, %v", file, err)
	}
}

// What is asked of the shop and of the limit is one and the same.
func TestSearchRequests(t *testing.T) {
	goods := testkit.Must(readSearchGoods(searchData(t, 50), 1))(t)
	draw := searchDraw{country: "US", language: "en", market: "us", currency: "USD"}
	for _, kind := range searchKinds {
		requests := kind.requests(SearchConfig{Seed: 3}, draw, goods.all)
		if diff := cmp.Diff(requests[7].query, kind.requests(SearchConfig{Seed: 3}, draw, goods.all)[7].query); diff != "" {
			t.Error("the same seed draws others", diff)
		}
		filtered := 0
		for _, request := range requests {
			asked := testkit.Must(url.Parse(request.path))(t)
			values, q := asked.Query(), request.query
			testkit.NoError(t, q.Validate())
			if values.Get("q") != q.Text || values.Get("category") != q.Filter.Category || values.Get("sort") != string(q.Sort) {
				t.Fatalf("%s is %+v", request.path, q)
			}
			if (values.Get("min_price") != "") != (q.Filter.MinPrice != nil) || (values.Get("attribute") != "") != (len(q.Filter.Attributes) > 0) {
				t.Fatalf("%s is %+v", request.path, q)
			}
			if q.Filter.MinPrice != nil {
				filtered++
			}
		}
		if (filtered > 0) != (kind.name == "filtered") {
			t.Errorf("%s: %d requests have bounds of prices", kind.name, filtered)
		}
	}
}

// The library finds, filters and counts what it is asked for: else it were no measure.
func TestLibrary(t *testing.T) {
	l := testkit.Must(openLibrary(filepath.Join(t.TempDir(), "library"), "us"))(t)
	defer l.index.Close()
	var documents []search.Document
	for i, title := range []string{"Corsair Vengeance memory", "Corsair fans for cases", "Asus case"} {
		brand, _, _ := strings.Cut(title, " ")
		price := int64(1000 * (i + 1))
		documents = append(documents, search.Document{
			ID: uuid.New(), Title: title, Brand: brand, CategoryIDs: []string{"root", brand}, CategoryNames: []string{"All", "Parts"},
			Attributes: map[string][]string{"color": {"Red"}}, Prices: map[string]int64{"us": price}, PriceBands: []string{search.PriceBand("us",
				"USD", price)},
		})
	}
	testkit.NoError(t, l.put(documents))
	low, high := int64(1500), int64(2000)
	for _, test := range []struct {
		name string
		q    search.Query
		want int
	}{
		{"a word", search.Query{Text: "corsair"}, 2},
		{"all words, one in the plural", search.Query{Text: "corsair case"}, 1},
		{"the beginning of a word", search.Query{Text: "corsair ven", Prefix: true}, 1},
		{"a category", search.Query{Text: "corsair", Filter: search.Filter{Category: "root"}}, 2},
		{"another category", search.Query{Text: "corsair", Filter: search.Filter{Category: "Asus"}}, 0},
		{"a brand and an attribute", search.Query{Text: "case", Filter: search.Filter{Brands: []string{"Asus"},
			Attributes: map[string][]string{"color": {"Red"}}}}, 1},
		{"a price", search.Query{Text: "corsair", Filter: search.Filter{MinPrice: &low, MaxPrice: &high}}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, sort := range search.Sorts {
				test.q.Limit, test.q.Sort, test.q.Facets, test.q.Highlight = 10, sort, search.AllFacets, true
				result, err := l.index.Search(l.request(test.q))
				if err != nil || int(result.Total) != test.want || len(result.Hits) != test.want {
					t.Fatalf("by %s: found %v, %v; want %d", sort, result, err, test.want)
				}
				if test.want > 0 && (result.Facets["attributes"].Terms.Terms()[0].Count != test.want ||
					result.Facets["categories"].Total != 2*test.want) {
					t.Errorf("facets: %+v", result.Facets)
				}
			}
		})
	}
}

// An edit is timed from the answer to the seller; one that is shown before that took no time.
func TestEdits(t *testing.T) {
	e, at := newEdits([]string{"here", "there"}), time.Now()
	answer := func(ids ...string) (a searchAnswer) {
		for _, id := range ids {
			a.Hits = append(a.Hits, struct {
				ID string `json:"id"`
			}{id})
		}
		return a
	}
	e.make("a", "m1", at)
	e.make("b", "m1", at)
	e.show("here", answer("a", "early"), at.Add(time.Second))
	e.make("early", "m2", at.Add(2*time.Second))
	if got := e.waiting("here"); !slices.Equal(got, []string{"m1"}) {
		t.Errorf("here waits for %v", got)
	}
	if got := e.waiting("there"); !slices.Equal(got, []string{"m1", "m2"}) {
		t.Errorf("there waits for %v", got)
	}
	e.show("there", answer("a", "early"), at.Add(3*time.Second))
	e.show("there", answer("a", "early"), at.Add(9*time.Second)) // only the first time counts
	if e.left() != 2 {
		t.Errorf("%d marks are left, want m1 of b in both regions", e.left())
	}
	f := e.figures("here")
	ms := math.Round // to whole milliseconds: a quantile has three digits
	if f.Edits != 3 || f.Unseen != 1 || f.Own.Count != 2 || ms(f.Own.Max) != 1000 || f.Own.P50 != 0 || f.Every.Count != 2 ||
		ms(f.Every.Max) != 3000 || ms(f.Every.P50) != 1000 {
		t.Errorf("figures: %+v", f)
	}
}

func TestSearchConfig_Validate(t *testing.T) {
	set, dir := shippedRegions(t), searchData(t, 1)
	for _, test := range []struct {
		name   string
		change func(*SearchConfig)
		want   string
	}{
		{"no data", func(c *SearchConfig) { c.DataDir = "" }, "--data: give the folder"},
		{"data elsewhere", func(c *SearchConfig) { c.DataDir = t.TempDir() }, "it must hold pc_parts.jsonl.gz"},
		{"too many products", func(c *SearchConfig) { c.Products, c.Import = 900_000, 200_000 }, "--products and --import"},
		{"unknown region", func(c *SearchConfig) { c.Region = "mars" }, `--region: "mars" is not known`},
		{"too many clients", func(c *SearchConfig) { c.Clients = 10_000 }, "--clients 10000"},
		{"too many edits", func(c *SearchConfig) { c.Edits = 2000 }, "--edits 2000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := SearchConfig{Regions: set, DataDir: dir}
			testkit.NoError(t, c.Validate())
			test.change(&c)
			if err := c.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestBegun(t *testing.T) {
	draw := searchDraw{Rand: rand.New(rand.NewPCG(1, 1))}
	for range 200 {
		const title = "Corsair Vengeance RGB 32 GB"
		if text := draw.begun(title); !strings.HasPrefix(title, text) || len(text) < 2 {
			t.Fatalf("%q does not begin so: %q", title, text)
		}
	}
}

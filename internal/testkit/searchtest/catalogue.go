package searchtest

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/internal/money"
	"meridian/internal/search"
)

// markets are the markets of the suite's catalogues.
var markets = []struct {
	code     string
	currency money.Currency
}{{"eu", "EUR"}, {"us", "USD"}, {"jp", "JPY"}}

// currencyOf returns the currency of a market.
func currencyOf(market string) money.Currency {
	for _, m := range markets {
		if m.code == market {
			return m.currency
		}
	}
	panic("no market " + market)
}

// opened is when the first document was listed.
var opened = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// idOf returns the id of the nth document. Ids ascend with n.
func idOf(n int) uuid.UUID {
	return uuid.UUID{6: 0x40, 8: 0x80, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}
}

// An item is a document in the notation of this file.
type item struct {
	slug, title, brand string
	category           string // the last of its path
	about              string
	codes              []string
	attributes         string // name=value, parted by semicolons
	eu, us, jp         int64  // prices in minor units; 0: not sold there
	stock              search.Stock
	rating, ratings    int64
	popularity         int64
	day                int // after opened
}

// paths are the category paths, by their last category: id and name of each, the root first.
var paths = map[string][][2]string{
	"mugs":        {{"home", "Home"}, {"kitchen", "Kitchen"}, {"mugs", "Drinking vessels"}},
	"teapots":     {{"home", "Home"}, {"kitchen", "Kitchen"}, {"teapots", "Brewing"}},
	"decoration":  {{"home", "Home"}, {"decoration", "Decoration"}},
	"light":       {{"home", "Home"}, {"decoration", "Decoration"}, {"light", "Illumination"}},
	"birds":       {{"home", "Home"}, {"decoration", "Decoration"}, {"birds", "Heron"}},
	"phones":      {{"electronics", "Electronics"}, {"phones", "Handsets"}},
	"clothes":     {{"clothes", "Apparel"}},
	"sweets":      {{"food", "Groceries"}, {"sweets", "Sweets"}},
	"nothing-yet": {{"nothing-yet", "Empty shelf"}},
}

func (it item) document(n int) search.Document {
	d := search.Document{
		ID: idOf(n), Version: int64(n), Slug: it.slug, Title: it.title, Brand: it.brand, Description: it.about, Codes: it.codes,
		Image: "https://images.example/" + it.slug, Stock: it.stock, RatingMilli: it.rating, Ratings: it.ratings, Popularity: it.popularity,
		ListedAt: opened.AddDate(0, 0, it.day), GoodUntil: opened.AddDate(1, 0, 0),
	}
	if d.Stock == "" {
		d.Stock = search.StockIn
	}
	for _, step := range paths[it.category] {
		d.CategoryIDs, d.CategoryNames = append(d.CategoryIDs, step[0]), append(d.CategoryNames, step[1])
	}
	d.Attributes = attributes(it.attributes)
	d.Claims = search.ClaimsOf(d.Title, d.Attributes)
	price(&d, "eu", it.eu)
	price(&d, "us", it.us)
	price(&d, "jp", it.jp)
	return d
}

// attributes parses name=value;name=value.
func attributes(text string) map[string][]string {
	if text == "" {
		return nil
	}
	all := make(map[string][]string)
	for pair := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(pair, search.AttributeSeparator)
		all[name] = append(all[name], value)
	}
	return all
}

// price adds a price in a market, unless it is 0.
func price(d *search.Document, market string, minor int64) {
	if minor == 0 {
		return
	}
	if d.Prices == nil {
		d.Prices = make(map[string]int64)
	}
	d.Prices[market] = minor
	d.PriceBands = append(d.PriceBands, search.PriceBand(market, currencyOf(market), minor))
}

// shop is the handwritten catalogue. Every test of words uses words that occur nowhere else.
func shop() []search.Document {
	items := []item{
		// The word heron in every field, the least important first.
		{slug: "heron-description", title: "Canvas print", brand: "Fenwick", category: "decoration", about: "Shows a heron at the lake."},
		{slug: "heron-attribute", title: "Paper print", brand: "Fenwick", category: "decoration", attributes: "motif=heron"},
		{slug: "heron-category", title: "Wooden print", brand: "Fenwick", category: "birds"},
		{slug: "heron-brand", title: "Linen print", brand: "Heron", category: "decoration"},
		{slug: "heron-title", title: "Heron print", brand: "Fenwick", category: "decoration"},

		// Of these three words one, two or all.
		{slug: "velvet", title: "Velvet ribbon", category: "decoration"},
		{slug: "velvet-turquoise", title: "Velvet turquoise ribbon", category: "decoration"},
		{slug: "velvet-turquoise-cushion", title: "Velvet turquoise cushion", category: "decoration"},
		{slug: "cushion", title: "Cushion cover", category: "decoration"},

		// Equal but for popularity; the popular one has the greater id.
		{slug: "whistle-unknown", title: "Pewter whistle", brand: "Fenwick", category: "decoration"},
		{slug: "whistle-popular", title: "Pewter whistle", brand: "Fenwick", category: "decoration", popularity: 40},

		// One letter apart.
		{slug: "carton", title: "Carton box", category: "decoration"},
		{slug: "carbon", title: "Carbon box", category: "decoration"},

		// Words to be mistyped: of four, seven and nine letters.
		{slug: "vase", title: "Vase", category: "decoration", eu: 1990, us: 2490},
		{slug: "lantern", title: "Garden lantern", brand: "Lumen & Söhne", category: "light", eu: 2495, us: 2995, jp: 4200, rating: 4400,
			ratings: 7},
		{slug: "chocolate", title: "Chocolate bar", brand: "O'Neill \"Best\"", category: "sweets", eu: 250, us: 300, rating: 4900, ratings: 120,
			popularity: 90},

		// Phrases.
		{slug: "scarlet-falcon", title: "Scarlet falcon garland", category: "decoration"},
		{slug: "falcon-scarlet", title: "Falcon in scarlet glass", category: "decoration"},
		{slug: "scarlet", title: "Scarlet garland", category: "decoration"},

		// Plurals, accents, words written apart and together.
		{slug: "candles", title: "Beeswax candles", category: "light"},
		{slug: "saucer", title: "Porcelain saucer", category: "mugs"},
		{slug: "creme", title: "Crème brûlée torch", category: "sweets", attributes: "labels=No gluten"},
		{slug: "jalapeno", title: "Jalapeno relish", category: "sweets", attributes: "labels=No gluten;labels=Vegan"},
		{slug: "t-shirt", title: "Organic t-shirt", category: "clothes", attributes: "size=s;size=m;color=white"},
		{slug: "scarf", title: "Merino scarf", category: "clothes", attributes: "size=l;color=dark blue"},

		// Codes.
		{slug: "coded", title: "Fountain pen", category: "decoration", codes: []string{"QX48213Z", "WHT-2210-K", "4006381333931"}},
		{slug: "coded-too", title: "Ballpoint pen", category: "decoration", codes: []string{"QX48999Z", "WHT-2210-L", "4006381333948"}},

		// Many words.
		{slug: "long", title: "Abacus bramble cobalt dahlia ember flint gravel hazel indigo jasper", category: "decoration"},

		// For filters: values that look like query syntax.
		{slug: "mug-red", title: "Stoneware beaker", brand: "O'Neill \"Best\"", category: "mugs", attributes: "color=red;size=0,3 l", eu: 1200,
			us: 1500, jp: 1800, rating: 4000, ratings: 2, day: 3},
		{slug: "mug-injection", title: "Stoneware beaker", brand: `x' OR 1=1`, category: "mugs", attributes: `color=x' OR brand = 'y;finish=a\`,
			eu: 999, jp: 1500, stock: search.StockOut, day: 2},
		{slug: "mug-backslash", title: "Stoneware beaker", brand: `back\slash\'`, category: "mugs", attributes: `color=\;note=a=b=c`, us: 1500,
			rating: 4500, ratings: 9, stock: search.StockLow, day: 1},
		{slug: "mug-unicode", title: "Stoneware beaker", brand: "伊万里 ☕", category: "mugs", attributes: "color=青;finish=émaillé", eu: 5000,
			us: 5400, jp: 7000, rating: 3999, ratings: 4, popularity: 12, day: 4},
		{slug: "mug-newline", title: "Stoneware beaker", brand: "two\nlines\tand 'tabs'", category: "mugs",
			attributes: "color=NOT EXISTS;size=(a AND b)", eu: 5001, rating: 1000, ratings: 1, popularity: 3, day: 5},
		{slug: "teapot", title: "Enamel kettle", brand: "Fenwick", category: "teapots", attributes: "color=red;finish=émaillé", eu: 3500,
			us: 3900, jp: 5200, stock: search.StockOut, popularity: 7, day: 6},
		{slug: "phone", title: "Nimbus handset", brand: "Nimbus", category: "phones", attributes: "storage=128 gb;color=black", eu: 49900,
			us: 54900, jp: 79800, rating: 4700, ratings: 310, popularity: 200, day: 7},
	}
	documents := make([]search.Document, 0, len(items))
	for i, it := range items {
		documents = append(documents, it.document(i+1))
	}
	return documents
}

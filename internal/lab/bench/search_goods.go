package bench

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// The files that products for searching are made of.
const (
	partsFile  = "pc_parts.jsonl.gz"
	offersFile = "pricerunner_offers.csv.gz"
)

// searchRoot is the root category of all products for searching.
const searchRoot = "bench-search"

// A searchGood is a product for searching, as an import takes it.
type searchGood struct {
	Key        string           `json:"key"`
	Title      string           `json:"title"`
	Brand      string           `json:"brand,omitzero"`
	Category   string           `json:"category"`
	Status     string           `json:"status"`
	Attributes map[string]any   `json:"attributes,omitzero"`
	SKUs       []searchGoodsSKU `json:"skus"`
}

type searchGoodsSKU struct {
	SKU    string           `json:"sku"`
	Prices map[string]int64 `json:"prices"`
}

// searchGoods holds all products of the files, in an order drawn by the seed, and their categories' names by id.
type searchGoods struct {
	all        []searchGood
	categories map[string]string
}

func readSearchGoods(dir string, seed uint64) (*searchGoods, error) {
	g := &searchGoods{categories: map[string]string{searchRoot: "Computers and appliances"}}
	for _, file := range []struct {
		name string
		read func(*searchGoods, io.Reader) error
	}{{partsFile, (*searchGoods).readParts}, {offersFile, (*searchGoods).readOffers}} {
		if err := g.readFile(filepath.Join(dir, file.name), file.read); err != nil {
			return nil, err
		}
	}
	rand.New(rand.NewPCG(seed, 1)).Shuffle(len(g.all), func(i, j int) { g.all[i], g.all[j] = g.all[j], g.all[i] })
	return g, nil
}

func (g *searchGoods) readFile(path string, read func(*searchGoods, io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(bufio.NewReader(file))
	if err == nil {
		err = read(g, unzipped)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

func (g *searchGoods) readParts(source io.Reader) error {
	decoder := json.NewDecoder(source)
	for {
		var part struct {
			SKU, Category, Brand, Title string
			PriceUSD                    *float64 `json:"price_usd"`
			Attrs                       map[string]any
		}
		err := decoder.Decode(&part)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("part %d: %w", len(g.all)+1, err)
		}
		cents := priceOf(part.SKU)
		if part.PriceUSD != nil && *part.PriceUSD > 0 {
			cents = int64(*part.PriceUSD*100 + 0.5)
		}
		g.add(part.SKU, part.Title, part.Brand, part.Category, part.Attrs, cents)
	}
}

func (g *searchGoods) readOffers(source io.Reader) error {
	reader := csv.NewReader(source)
	header, err := reader.Read()
	if err != nil {
		return err
	}
	column := make(map[string]int, len(header))
	for i, name := range header {
		column[name] = i
	}
	for _, name := range []string{"offer_id", "title", "category"} {
		if _, ok := column[name]; !ok {
			return fmt.Errorf("it has no column %s", name)
		}
	}
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		key, title := "PRO-"+row[column["offer_id"]], row[column["title"]]
		brand, _, _ := strings.Cut(title, " ")
		g.add(key, title, upperFirst(brand), row[column["category"]], offerAttributes(title), priceOf(key))
	}
}

// add adds a product that costs so many cents.
func (g *searchGoods) add(key, title, brand, category string, attributes map[string]any, cents int64) {
	id := searchRoot + "-" + strings.ReplaceAll(strings.ToLower(category), " ", "-")
	g.categories[id] = upperFirst(category)
	g.all = append(g.all, searchGood{
		Key: key, Title: cutText(title, 200), Brand: cutText(brand, 100), Category: id, Status: "active", Attributes: attributes,
		SKUs: []searchGoodsSKU{{SKU: key, Prices: map[string]int64{"USD": cents, "EUR": max(1, cents*9/10)}}},
	})
}

// part returns the products [from, to). After the last of the files' they begin again, as the same things sold a second
// time for less.
func (g *searchGoods) part(from, to int) []searchGood {
	part := make([]searchGood, 0, to-from)
	for i := from; i < to; i++ {
		good, again := g.all[i%len(g.all)], i/len(g.all)
		if again > 0 {
			mark := strconv.Itoa(again)
			sku := good.SKUs[0]
			good.Key, good.Title = good.Key+"-R"+mark, cutText("Refurbished "+good.Title, 200)
			good.SKUs = []searchGoodsSKU{{SKU: sku.SKU + "-R" + mark, Prices: map[string]int64{"USD": max(1, sku.Prices["USD"]*7/10),
				"EUR": max(1, sku.Prices["EUR"]*7/10)}}}
		}
		part = append(part, good)
	}
	return part
}

// ndjson writes products as an import takes them.
func ndjson(goods []searchGood) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	for _, good := range goods {
		if err := encoder.Encode(good); err != nil {
			return nil, fmt.Errorf("write product %s: %w", good.Key, err)
		}
	}
	return text.Bytes(), nil
}

// priceOf returns a made-up price for what has none, in cents: 5 to 2000 dollars, low ones more often.
func priceOf(key string) int64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(key)) // it cannot fail
	part := float64(hash.Sum64()%10_000) / 10_000
	return int64(500 + part*part*199_500)
}

var (
	capacity = regexp.MustCompile(`(?i)\b(\d+)\s?(gb|tb|kg|l|inch)\b`)
	colour   = regexp.MustCompile(`(?i)\b(black|white|silver|gold|grey|gray|red|blue|green|pink|stainless steel)\b`)
)

// offerAttributes returns the attributes that an offer's title states.
func offerAttributes(title string) map[string]any {
	attributes := make(map[string]any)
	if match := capacity.FindStringSubmatch(title); match != nil {
		attributes["capacity"] = match[1] + " " + strings.ToUpper(match[2])
	}
	if match := colour.FindString(title); match != "" {
		attributes["color"] = upperFirst(strings.ToLower(match))
	}
	return attributes
}

func upperFirst(text string) string {
	for i, first := range text {
		return string(unicode.ToUpper(first)) + text[i+len(string(first)):]
	}
	return text
}

// cutText returns the text, cut to so many characters.
func cutText(text string, most int) string {
	runes := []rune(text)
	return string(runes[:min(len(runes), most)])
}

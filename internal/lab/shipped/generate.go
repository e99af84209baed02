package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"meridian/internal/catalog/shipped"
)

const fxSource = "# Source: European Central Bank, euro foreign exchange reference rates; last working day of the file.\n" +
	"# rate is units of the currency for 1 EUR, as published. For information only.\n"

// catalogueDir is where the catalogue is, seen from this folder.
const catalogueDir = "../../catalog/shipped/data"

func main() {
	taxonomy := flag.String("taxonomy", "", "the whole Shopify taxonomy, shopify_categories.csv.gz; empty keeps the categories")
	fx := flag.String("fx", "", "the daily reference rates, ecb_eurofxref_daily.csv.gz; empty keeps the rates")
	flag.Parse()
	if err := run(*taxonomy, *fx); err != nil {
		log.Fatal(err)
	}
}

func run(taxonomy, fx string) error {
	if fx != "" {
		if err := writeFX(fx); err != nil {
			return fmt.Errorf("make fx.csv: %w", err)
		}
	}
	if taxonomy != "" {
		if err := writeCategories(taxonomy); err != nil {
			return fmt.Errorf("make categories.csv: %w", err)
		}
	}
	files, err := catalogue()
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(catalogueDir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// catalogue returns the generated files but categories.csv, by name.
func catalogue() (map[string][]byte, error) {
	gifts, err := makeGifts()
	if err != nil {
		return nil, err
	}
	food, err := makeFood()
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for name, products := range map[string][]shipped.Product{"gifts.ndjson": gifts, "food.ndjson": food} {
		var text bytes.Buffer
		if err := shipped.NDJSON(&text, products); err != nil {
			return nil, err
		}
		files[name] = text.Bytes()
	}
	var stock bytes.Buffer
	table := csv.NewWriter(&stock)
	_ = table.Write([]string{"sku", "units"}) // a buffer takes everything
	for _, p := range slices.Concat(gifts, food) {
		for _, s := range p.SKUs {
			_ = table.Write([]string{s.Code, strconv.FormatInt(s.Units, 10)})
		}
	}
	table.Flush()
	files["stock.csv"] = stock.Bytes()
	return files, nil
}

// The starting stock is for demonstration: four weeks' sales of the source, at least ten units.
const (
	salesWeeks = 33 // the source covers 2010-12-01 to 2011-07-19
	coverWeeks = 4
	leastUnits = 10
)

// startingUnits returns the starting stock of each warehouse for units sold in the source.
func startingUnits(sold int64) int64 {
	return max(leastUnits, (sold*coverWeeks+salesWeeks-1)/salesWeeks)
}

// writeCategories keeps the categories that a rule names, and their ancestors.
func writeCategories(taxonomy string) error {
	rules, err := readRules()
	if err != nil {
		return err
	}
	all, err := readGzip(taxonomy)
	if err != nil {
		return err
	}
	const id, parent = 0, 1 // columns of the taxonomy
	parentOf := make(map[string]string, len(all))
	for _, row := range all {
		parentOf[row[id]] = row[parent]
	}
	needed := map[string]bool{}
	for _, rule := range rules {
		c := rule.categoryID
		if _, ok := parentOf[c]; !ok {
			return fmt.Errorf("rules.csv names %q, which the taxonomy has not", c)
		}
		for ; c != ""; c = parentOf[c] {
			needed[c] = true
		}
	}
	kept := slices.DeleteFunc(all[1:], func(row []string) bool { return !needed[row[id]] })
	return writeCSV(filepath.Join(catalogueDir, "categories.csv"), "", append([][]string{all[0]}, kept...))
}

// writeFX keeps the last day's rates of the currencies the shop has prices in.
func writeFX(path string) error {
	all, err := readGzip(path)
	if err != nil {
		return err
	}
	header, last := all[0], all[len(all)-1]
	rows := [][]string{{"date", "currency", "rate"}}
	for _, currency := range []string{"AUD", "CAD", "CHF", "GBP", "JPY", "MXN", "SGD", "USD"} {
		column := slices.Index(header, currency)
		if column < 0 || last[column] == "" {
			return fmt.Errorf("no rate for %s on %s", currency, last[0])
		}
		rows = append(rows, []string{last[0], currency, last[column]})
	}
	return writeCSV("data/fx.csv", fxSource, rows)
}

func readGzip(path string) ([][]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	return csv.NewReader(text).ReadAll()
}

func writeCSV(path, comment string, rows [][]string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := file.WriteString(comment); err != nil {
		return err
	}
	if err := csv.NewWriter(file).WriteAll(rows); err != nil {
		return err
	}
	return file.Close()
}

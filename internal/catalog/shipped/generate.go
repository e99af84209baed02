//go:build ignore

// Generate makes data/categories.csv and data/fx.csv from the full files they are taken
// from. A file that is not named stays as it is.
package main

import (
	"compress/gzip"
	"encoding/csv"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
)

const fxSource = "# Source: European Central Bank, euro foreign exchange reference rates; last working day of the file.\n" +
	"# rate is units of the currency for 1 EUR, as published. For information only.\n"

func main() {
	taxonomy := flag.String("taxonomy", "", "the whole Shopify taxonomy, shopify_categories.csv.gz")
	fx := flag.String("fx", "", "the daily reference rates, ecb_eurofxref_daily.csv.gz")
	flag.Parse()
	if err := run(*taxonomy, *fx); err != nil {
		log.Fatal(err)
	}
}

func run(taxonomy, fx string) error {
	if taxonomy != "" {
		if err := writeCategories(taxonomy); err != nil {
			return fmt.Errorf("making categories.csv: %w", err)
		}
	}
	if fx != "" {
		if err := writeFX(fx); err != nil {
			return fmt.Errorf("making fx.csv: %w", err)
		}
	}
	return nil
}

// writeCategories keeps the categories that a rule names, and their ancestors.
func writeCategories(taxonomy string) error {
	named, err := ruleCategories()
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
	for _, c := range named {
		if _, ok := parentOf[c]; !ok {
			return fmt.Errorf("rules.csv names %q, which the taxonomy has not", c)
		}
		for ; c != ""; c = parentOf[c] {
			needed[c] = true
		}
	}
	kept := slices.DeleteFunc(all[1:], func(row []string) bool { return !needed[row[id]] })
	return writeCSV("data/categories.csv", "", append([][]string{all[0]}, kept...))
}

func ruleCategories() ([]string, error) {
	file, err := os.Open("data/rules.csv")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.Comment = '#'
	rules, err := reader.ReadAll()
	if err != nil {
		return nil, err
	}
	const categoryID = 2 // column
	var ids []string
	for _, rule := range rules[1:] {
		ids = append(ids, rule[categoryID])
	}
	return ids, nil
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

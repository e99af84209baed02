package shipped

import (
	"bytes"
	"embed"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

//go:embed data
var data embed.FS

// Attribution is the credit that the sources of the catalogue ask for, a line each. Show it
// wherever the catalogue is shown to the public.
//
//go:embed ATTRIBUTION.txt
var Attribution string

// Gifts returns the gift retailer's products, by code.
func Gifts() ([]Product, error) { return readProducts("gifts.ndjson") }

// Food returns the sample of packaged food.
func Food() ([]Product, error) { return readProducts("food.ndjson") }

// Categories returns every category that a product may have, and all their ancestors. Parents
// stand before their children.
func Categories() ([]Category, error) {
	rows, err := readTable("categories.csv")
	if err != nil {
		return nil, err
	}
	categories := make([]Category, len(rows))
	for i, row := range rows { // category_id, parent_id, level, name, full_path
		level, err := strconv.Atoi(row[2])
		if err != nil {
			return nil, fmt.Errorf("level of category %s: %w", row[0], err)
		}
		categories[i] = Category{ID: row[0], ParentID: row[1], Name: row[3], Path: row[4], Level: level}
	}
	return categories, nil
}

func readProducts(name string) ([]Product, error) {
	text, err := data.ReadFile("data/" + name)
	if err != nil {
		return nil, err
	}
	units, err := readUnits()
	if err != nil {
		return nil, err
	}
	var products []Product
	for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
		var p Product
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return products, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		for attribute, value := range p.Attributes {
			p.Attributes[attribute] = plain(value)
		}
		for i, s := range p.SKUs {
			p.SKUs[i].Units = units[s.Code]
		}
		products = append(products, p)
	}
}

// plain converts an attribute's value to an int or a []string where JSON has a number or list.
func plain(value any) any {
	switch value := value.(type) {
	case float64:
		return int(value)
	case []any:
		texts := make([]string, len(value))
		for i, text := range value {
			texts[i], _ = text.(string) // the generator writes nothing else
		}
		return texts
	}
	return value
}

// readUnits returns the starting stock by SKU.
func readUnits() (map[string]int64, error) {
	rows, err := readTable("stock.csv")
	if err != nil {
		return nil, err
	}
	units := make(map[string]int64, len(rows))
	for _, row := range rows { // sku, units
		if units[row[0]], err = strconv.ParseInt(row[1], 10, 64); err != nil {
			return nil, fmt.Errorf("stock of %s: %w", row[0], err)
		}
	}
	return units, nil
}

// readTable returns the rows of an embedded CSV file without its header.
func readTable(name string) ([][]string, error) {
	text, err := data.ReadFile("data/" + name)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return rows[1:], nil
}

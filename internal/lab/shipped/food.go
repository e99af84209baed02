package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"html"
	"strconv"
	"strings"

	"meridian/internal/catalog/shipped"
)

// makeFood returns the Open Food Facts sample in its order: one SKU a product, coded OFF- and
// the barcode. The source has no prices; they are for demonstration, as the attribute
// price_basis says.
func makeFood() ([]shipped.Product, error) {
	rules, err := readRules()
	if err != nil {
		return nil, err
	}
	rates, err := readFX()
	if err != nil {
		return nil, err
	}
	rows, err := readFood()
	if err != nil {
		return nil, err
	}
	products := make([]shipped.Product, len(rows))
	for i, row := range rows {
		if products[i], err = foodProduct(row, rules, rates); err != nil {
			return nil, err
		}
	}
	return products, nil
}

// readFood reads the sample; its texts are cut at a length, and some have HTML entities.
func readFood() ([]map[string]string, error) {
	rows, err := readTable("openfoodfacts_sample.csv.gz")
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		for column, text := range row {
			row[column] = strings.TrimSpace(html.UnescapeString(text))
		}
	}
	return rows, nil
}

func foodProduct(row map[string]string, rules []rule, rates fxRates) (shipped.Product, error) {
	matched := firstMatch(rules, foodTexts(row))
	if matched < 0 {
		return shipped.Product{}, fmt.Errorf("no rule for food %s %q", row["barcode"], row["name"])
	}
	code := "OFF-" + row["barcode"]
	brand, _, _ := strings.Cut(row["brands"], ";")
	return shipped.Product{
		Key:         code,
		Title:       upperFirst(row["name"]),
		Description: row["ingredients_text"],
		Brand:       strings.TrimSpace(brand),
		CategoryID:  rules[matched].categoryID,
		Attributes:  foodAttributes(row),
		TaxCategory: foodTax(rules[matched].categoryID),
		Status:      "active",
		SKUs: []shipped.SKU{{
			Code: code, Barcode: row["barcode"],
			Prices: rates.prices(demonstrationPence(row["barcode"])), Units: leastUnits,
		}},
	}, nil
}

// foodTexts returns the texts for the rules. Between two of the source's categories stands
// AND, so that no phrase runs from one into the next.
func foodTexts(row map[string]string) map[string]wordText {
	return map[string]wordText{
		foodName:       newWordText(row["name"]),
		foodCategories: newWordText(strings.ReplaceAll(row["categories_en"], ";", " and ")),
	}
}

// foodTax returns the reduced category for what the taxonomy has under food and drink.
func foodTax(categoryID string) string {
	if categoryID == "fb" || strings.HasPrefix(categoryID, "fb-") {
		return shipped.TaxReduced
	}
	return shipped.TaxStandard
}

// foodAttributes returns the source's own facts, where it has them.
func foodAttributes(row map[string]string) map[string]any {
	attributes := map[string]any{"price_basis": "demonstration"}
	for attribute, column := range map[string]string{
		"labels": "labels_en", "countries": "countries_en", "allergens": "allergens",
	} {
		if values := splitList(row[column]); len(values) > 0 {
			attributes[attribute] = values
		}
	}
	for attribute, column := range map[string]string{"quantity": "quantity", "ingredients": "ingredients_text"} {
		if row[column] != "" {
			attributes[attribute] = row[column]
		}
	}
	if grade := row["nutriscore"]; len(grade) == 1 { // else unknown or not-applicable
		attributes["nutriscore"] = grade
	}
	if group, err := strconv.Atoi(row["nova_group"]); err == nil {
		attributes["nova_group"] = group
	}
	return attributes
}

// splitList splits a list and drops the language before each value: en:milk is milk.
func splitList(text string) []string {
	var values []string
	for value := range strings.SplitSeq(text, ";") {
		if _, plain, ok := strings.Cut(value, ":"); ok {
			value = plain
		}
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}

// demonstrationPence makes a price up from the barcode: the first eight bytes of its
// SHA-256 choose one of the 93 prices £0.79, £0.89 … £9.99.
func demonstrationPence(barcode string) int64 {
	const lowest, step, count = 79, 10, 93
	sum := sha256.Sum256([]byte(barcode))
	return lowest + step*int64(binary.BigEndian.Uint64(sum[:8])%count)
}

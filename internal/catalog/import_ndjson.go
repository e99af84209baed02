package catalog

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"meridian/internal/money"
)

// ndjsonReader reads a product a line.
type ndjsonReader struct{ lines *lineReader }

// ndjsonProduct is the line's form.
type ndjsonProduct struct {
	Key         string         `json:"key"`
	Title       string         `json:"title"`
	Description string         `json:"description"`
	Brand       string         `json:"brand"`
	Category    string         `json:"category"`
	TaxCategory TaxCategory    `json:"tax_category"`
	Status      Status         `json:"status"`
	Attributes  map[string]any `json:"attributes"`
	Images      []string       `json:"images"`
	SKUs        []ndjsonSKU    `json:"skus"`
}

type ndjsonSKU struct {
	SKU         string                   `json:"sku"`
	Barcode     string                   `json:"barcode"`
	Options     map[string]string        `json:"options"`
	WeightGrams int64                    `json:"weight_grams"`
	Prices      map[money.Currency]int64 `json:"prices"`
}

func (r *ndjsonReader) next() (fileRecord, error) {
	for {
		line, err := r.lines.next()
		if err != nil {
			return fileRecord{}, err
		}
		if len(bytes.TrimSpace(line.text)) == 0 && !line.tooLong {
			continue
		}
		record := fileRecord{first: line.number, last: line.number, end: line.end}
		if fault := line.fault(); fault != "" {
			record.fault(line.number, "line", fault)
			return record, nil
		}
		record.in, err = parseNDJSON(line.text)
		if err != nil {
			field, reason := jsonFault(err)
			record.fault(line.number, field, reason)
		}
		return record, nil
	}
}

func (r *ndjsonReader) fieldName(field string) string { return field }

// parseNDJSON reads one product.
func parseNDJSON(line []byte) (ProductInput, error) {
	var p ndjsonProduct
	if err := json.Unmarshal(line, &p, json.RejectUnknownMembers(true)); err != nil {
		return ProductInput{}, err
	}
	in := ProductInput{Key: p.Key, Title: p.Title, Description: p.Description, Brand: p.Brand, CategoryID: p.Category,
		TaxCategory: p.TaxCategory, Status: p.Status, Attributes: p.Attributes}
	for _, url := range p.Images {
		in.Images = append(in.Images, Image{URL: url})
	}
	for _, s := range p.SKUs {
		in.SKUs = append(in.SKUs, SKUInput{Code: s.SKU, Barcode: s.Barcode, Options: s.Options,
			WeightGrams: s.WeightGrams, Prices: s.Prices})
	}
	return in, nil
}

// jsonFault says where a line is wrong, and how.
func jsonFault(err error) (field, reason string) {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		field = jsonField(semantic.JSONPointer)
		switch {
		case errors.Is(semantic.Err, json.ErrUnknownName):
			return field, "is not known here: leave it out, or correct its name"
		case errors.Is(semantic.Err, strconv.ErrRange):
			return field, "is out of range"
		}
		return field, "is not of the right type"
	}
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return jsonField(syntactic.JSONPointer), "must be given once"
		}
		return "line", "is not one JSON object; it goes wrong at byte " + strconv.FormatInt(syntactic.ByteOffset, 10)
	}
	return "line", "is not one JSON object"
}

// jsonField writes a JSON pointer as "skus[0].sku"; the whole line is "line".
func jsonField(pointer jsontext.Pointer) string {
	var path strings.Builder
	for token := range pointer.Tokens() {
		if _, err := strconv.ParseUint(token, 10, 32); err == nil && path.Len() > 0 {
			path.WriteString("[" + token + "]")
			continue
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(token)
	}
	if path.Len() == 0 {
		return "line"
	}
	return path.String()
}

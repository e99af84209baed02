package finance

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ndjsonLine is a price as NDJSON has it. Amount is absent, null or a number.
type ndjsonLine struct {
	SKU         string         `json:"sku"`
	MinQuantity *int64         `json:"min_quantity"`
	Amount      jsontext.Value `json:"amount_minor"`
	ValidFrom   string         `json:"valid_from"`
	ValidTo     string         `json:"valid_to"`
}

// ndjsonParser reads lines that are an object each.
type ndjsonParser struct{}

func (*ndjsonParser) missing() string { return "" }

func (*ndjsonParser) parse(no int64, text string, faults *lineFaults) (l Line, skip bool) {
	var in ndjsonLine
	if err := json.Unmarshal([]byte(text), &in, json.RejectUnknownMembers(true)); err != nil {
		faults.addJSON(no, err)
		return Line{}, true
	}
	l = Line{No: no, MinQuantity: 1}
	check := func(field, remedy string) {
		if remedy != "" {
			faults.add(no, field, "%s", remedy)
		}
	}
	var remedy string
	l.SKU, remedy = parseSKU(in.SKU)
	check("sku", remedy)
	if in.MinQuantity != nil {
		l.MinQuantity = *in.MinQuantity // its bounds are those of any line
	}
	switch {
	case in.Amount == nil:
		check("amount_minor", "must be given: null ends the price")
	case in.Amount.Kind() != 'n':
		l.AmountMinor = new(int64)
		if json.Unmarshal(in.Amount, l.AmountMinor) != nil {
			check("amount_minor", "must be a whole number of minor units, or null to end the price")
		}
	}
	l.From, remedy = parseTime(in.ValidFrom)
	check("valid_from", remedy)
	l.To, remedy = parseTime(in.ValidTo)
	check("valid_to", remedy)
	return l, false
}

// addJSON says in the writer's words what the decoder found wrong.
func (f *lineFaults) addJSON(no int64, err error) {
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) || semantic.JSONPointer == "" {
		f.add(no, "text", "must be one JSON object, each name in it once")
		return
	}
	field := strings.ToValidUTF8(semantic.JSONPointer.LastToken(), "")
	if len(field) > maxSKUBytes {
		field = "text"
	}
	switch {
	case errors.Is(semantic.Err, json.ErrUnknownName):
		f.add(no, field, "is not known here: leave it out, or correct its name")
	case field == "min_quantity":
		f.add(no, field, "must be a whole number from 1 to %d", maxMinQuantity)
	default:
		f.add(no, field, "must be a text")
	}
}

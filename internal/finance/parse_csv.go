package finance

import (
	"encoding/csv"
	"slices"
	"strings"
)

// csvColumns are the columns of a file, in the order in which they are written.
var csvColumns = []string{"sku", "min_quantity", "amount_minor", "valid_from", "valid_to"}

// csvParser reads lines of CSV, the header first. A field in quotes does not go over the line's end.
type csvParser struct {
	columns []string // as the header names them; nil before it
	broken  bool     // the header cannot be used
}

func (p *csvParser) missing() string {
	if p.columns == nil {
		return "must name the columns: " + strings.Join(csvColumns, ",")
	}
	return ""
}

func (p *csvParser) parse(no int64, text string, faults *lineFaults) (l Line, skip bool) {
	fields, ok := splitCSV(text)
	if !ok {
		faults.add(no, "text", "must be comma-separated, with the quotes of a field closed on its line")
		return Line{}, true
	}
	if p.columns == nil {
		p.readHeader(no, fields, faults)
		return Line{}, true
	}
	if p.broken {
		return Line{}, true
	}
	if len(fields) != len(p.columns) {
		faults.add(no, "text", "must have %d fields, as the header has, not %d", len(p.columns), len(fields))
		return Line{}, true
	}
	return p.readFields(no, fields, faults), false
}

// splitCSV splits one line.
func splitCSV(text string) ([]string, bool) {
	if !strings.Contains(text, `"`) {
		return strings.Split(text, ","), true
	}
	r := csv.NewReader(strings.NewReader(text))
	fields, err := r.Read()
	return fields, err == nil && r.InputOffset() >= int64(len(text))
}

func (p *csvParser) readHeader(no int64, fields []string, faults *lineFaults) {
	p.columns = fields
	for i, name := range fields {
		switch {
		case !slices.Contains(csvColumns, name):
			faults.add(no, "header", "must name only the columns %s", strings.Join(csvColumns, ","))
		case slices.Contains(fields[:i], name):
			faults.add(no, "header", "must name the column %s once", name)
		}
	}
	for _, name := range []string{"sku", "amount_minor"} {
		if !slices.Contains(fields, name) {
			faults.add(no, "header", "must have the column %s", name)
		}
	}
	p.broken = len(faults.List) > 0
}

func (p *csvParser) readFields(no int64, fields []string, faults *lineFaults) Line {
	l := Line{No: no, MinQuantity: 1}
	for i, name := range p.columns {
		var remedy string
		switch field := fields[i]; name {
		case "sku":
			l.SKU, remedy = parseSKU(field)
		case "min_quantity":
			l.MinQuantity, remedy = parseQuantity(field)
		case "amount_minor":
			l.AmountMinor, remedy = parseAmount(field)
		case "valid_from":
			l.From, remedy = parseTime(field)
		case "valid_to":
			l.To, remedy = parseTime(field)
		}
		if remedy != "" {
			faults.add(no, name, "%s", remedy)
		}
	}
	return l
}

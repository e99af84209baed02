package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"meridian/internal/invalid"
	"meridian/internal/money"
)

const (
	// maxRecordLines is how many lines a CSV record may have, by line ends within quotes.
	maxRecordLines = 1000
	// maxProductRows and maxProductBytes bound the rows of one product that are read together.
	maxProductRows  = 1000
	maxProductBytes = 4 << 20
)

// csvReader reads the rows of a product, which follow each other.
type csvReader struct {
	lines  *lineReader
	header csvHeader
	// ahead are rows that were read to find the end of a product.
	ahead []*csvRow
}

// A csvRow is a row of a file.
type csvRow struct {
	first, last, end int64
	bytes            int
	// key is the product's, where it could be found in an unreadable row too.
	key    string
	fields []string
	// fault is what makes it unreadable, or "".
	fault string
}

// newCSVReader reads the header. It returns *invalid.Error when that is wrong.
func newCSVReader(lines *lineReader) (*csvReader, error) {
	r := &csvReader{lines: lines}
	row, err := r.row()
	if errors.Is(err, io.EOF) {
		return nil, invalid.New("file", "header", "must be the first row")
	}
	if err != nil {
		return nil, err
	}
	if row.fault != "" {
		return nil, invalid.New("file", "header", row.fault)
	}
	r.header, err = newCSVHeader(row.fields)
	return r, err
}

// next returns the next product. An unreadable row whose product is not known is one by itself.
func (r *csvReader) next() (fileRecord, error) {
	first, err := r.nextRow()
	if err != nil {
		return fileRecord{}, err
	}
	product := newCSVProduct(r.header, first)
	for rows := 1; first.key != "" && rows < maxProductRows; {
		nobodys, row, err := r.nextOwned()
		if err != nil && !errors.Is(err, io.EOF) {
			return fileRecord{}, err
		}
		if err != nil || row.key != first.key {
			r.ahead = nobodys
			if row != nil {
				r.ahead = append(r.ahead, row)
			}
			break
		}
		// What stands between two rows of a product is taken for one of its rows.
		for _, row := range append(nobodys, row) {
			product.add(row)
			rows++
		}
	}
	return product.made, nil
}

// nextOwned returns the next row whose product is known, and the unreadable ones before it.
func (r *csvReader) nextOwned() (nobodys []*csvRow, row *csvRow, err error) {
	for {
		row, err = r.nextRow()
		if err != nil || row.fault == "" || row.key != "" || len(nobodys) == maxProductRows {
			return nobodys, row, err
		}
		nobodys = append(nobodys, row)
	}
}

func (r *csvReader) nextRow() (*csvRow, error) {
	if len(r.ahead) > 0 {
		row := r.ahead[0]
		r.ahead = r.ahead[1:]
		return row, nil
	}
	row, err := r.row()
	if err != nil {
		return nil, err
	}
	r.header.setKey(row)
	return row, nil
}

// row reads one record, over several lines where quotes say so. When it cannot be read,
// only its first line is given up.
func (r *csvReader) row() (*csvRow, error) {
	line, err := r.lines.next()
	for err == nil && len(line.text) == 0 {
		line, err = r.lines.next()
	}
	if err != nil {
		return nil, err
	}
	row := &csvRow{first: line.number, last: line.number, end: line.end, bytes: len(line.text), fault: line.fault()}
	text := bytes.Clone(line.text)
	var more []textLine
	for row.fault == "" && bytes.Count(text, []byte{'"'})%2 == 1 {
		line, err = r.lines.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if err != nil || line.fault() != "" || len(text)+len(line.text) > maxLine || len(more) == maxRecordLines {
			if err == nil {
				more = append(more, line.clone())
			}
			row.fault = "has a quotation mark that is not closed"
			break
		}
		more = append(more, line.clone())
		text = append(append(text, '\n'), line.text...)
	}
	if row.fault == "" {
		row.fields, row.fault = splitCSV(text)
	}
	if row.fault != "" {
		r.lines.unread = append(more, r.lines.unread...)
		row.fields = splitRoughly(text)
		return row, nil
	}
	if len(more) > 0 {
		row.last, row.end, row.bytes = more[len(more)-1].number, more[len(more)-1].end, len(text)
	}
	return row, nil
}

func (l textLine) clone() textLine {
	l.text = bytes.Clone(l.text)
	return l
}

// splitCSV splits a record into its fields as RFC 4180 says; wrong is "" when it could.
func splitCSV(text []byte) (fields []string, wrong string) {
	for {
		var field string
		if len(text) > 0 && text[0] == '"' {
			field, text, wrong = quotedField(text[1:])
		} else {
			end := bytes.IndexByte(text, ',')
			if end < 0 {
				end = len(text)
			}
			field, text = string(text[:end]), text[end:]
			if strings.Contains(field, `"`) {
				wrong = `has a quotation mark inside an unquoted field: write "5"" pipe"`
			}
		}
		if wrong != "" {
			return nil, wrong
		}
		fields = append(fields, field)
		if len(text) == 0 {
			return fields, ""
		}
		text = text[1:] // the comma
	}
}

// quotedField reads a field up to its closing quotation mark, which a comma or the end follows.
func quotedField(text []byte) (field string, rest []byte, wrong string) {
	var b strings.Builder
	for {
		end := bytes.IndexByte(text, '"')
		if end < 0 {
			return "", nil, "has a quotation mark that is not closed"
		}
		b.Write(text[:end])
		text = text[end+1:]
		switch {
		case len(text) == 0 || text[0] == ',':
			return b.String(), text, ""
		case text[0] != '"':
			return "", nil, `has text after a closing quotation mark: write "" for a mark inside quotes`
		}
		b.WriteByte('"')
		text = text[1:]
	}
}

// splitRoughly splits an unreadable row as far as there are no quotation marks, to find out
// whose it is.
func splitRoughly(text []byte) []string {
	if quote := bytes.IndexByte(text, '"'); quote >= 0 {
		text = text[:quote]
	}
	fields := strings.Split(string(text[:min(len(text), 4096)]), ",")
	return fields[:len(fields)-1]
}

// csvHeader says which column is what.
type csvHeader struct {
	names []string
	// at is the place of a column, by name.
	at map[string]int
	// prices, options and attributes are the columns of that kind, by what follows the colon.
	prices, options, attributes map[string]int
	currencies                  map[string]money.Currency
}

var csvColumns = []string{"key", "title", "description", "brand", "category", "tax_category", "status", "images",
	"sku", "barcode", "weight_grams"}

func newCSVHeader(names []string) (csvHeader, error) {
	h := csvHeader{names: names, at: make(map[string]int), prices: make(map[string]int), options: make(map[string]int),
		attributes: make(map[string]int), currencies: make(map[string]money.Currency)}
	var f invalid.List
	for i, name := range names {
		name = strings.TrimSpace(name)
		if _, twice := h.at[name]; twice {
			f.Add("header", "must have column %q once", name)
		}
		h.at[name] = i
		h.addColumn(&f, name, i)
	}
	for _, name := range []string{"key", "title", "category", "sku"} {
		if _, ok := h.at[name]; !ok {
			f.Add("header", "must have a column %q; columns are separated by commas", name)
		}
	}
	return h, f.Err("file")
}

func (h csvHeader) addColumn(f *invalid.List, name string, i int) {
	kind, what, _ := strings.Cut(name, ":")
	switch {
	case slices.Contains(csvColumns, name):
	case kind == "price_minor":
		currency, err := money.ParseCurrency(what)
		if err != nil {
			f.Add("header", "column %q must name an ISO 4217 currency, as price_minor:EUR does", clip(name, 100))
		}
		h.prices[what], h.currencies[what] = i, currency
	case kind == "option" && what != "":
		h.options[what] = i
	case kind == "attribute" && what != "":
		h.attributes[what] = i
	default:
		f.Add("header", "column %q is not known: use %s, price_minor:EUR, option:colour or attribute:material",
			clip(name, 100), strings.Join(csvColumns, ", "))
	}
}

// setKey finds out whose row it is and whether it has a field for each column.
func (h csvHeader) setKey(row *csvRow) {
	if at := h.at["key"]; at < len(row.fields) {
		row.key = row.fields[at]
	}
	if row.fault == "" && len(row.fields) != len(h.names) {
		row.fault = fmt.Sprintf("has %d fields, and the header has %d", len(row.fields), len(h.names))
	}
}

// field returns a row's field in a column, "" where there is no such column.
func (h csvHeader) field(row *csvRow, column string) string {
	if at, ok := h.at[column]; ok {
		return row.fields[at]
	}
	return ""
}

// fieldName turns "skus[0].prices.EUR" into "price_minor:EUR".
func (r *csvReader) fieldName(field string) string {
	if _, ok := skuIndex(field); ok {
		_, field, _ = strings.Cut(field, ".")
	}
	for member, column := range map[string]string{"prices.": "price_minor:", "options.": "option:"} {
		if name, ok := strings.CutPrefix(field, member); ok {
			return column + name
		}
	}
	return field
}

// A csvProduct gathers the rows of one product.
type csvProduct struct {
	header csvHeader
	first  *csvRow
	bytes  int
	made   fileRecord
}

func newCSVProduct(header csvHeader, row *csvRow) *csvProduct {
	p := &csvProduct{header: header, first: row, made: fileRecord{first: row.first}}
	p.made.in.Key = row.key
	p.take(row)
	if row.fault == "" {
		p.readProduct(row)
	}
	return p
}

// add adds a further row of the product.
func (p *csvProduct) add(row *csvRow) {
	p.take(row)
	if row.fault != "" || p.first.fault != "" {
		return
	}
	for i, name := range p.header.names {
		before, now := p.first.fields[i], row.fields[i]
		if isProductColumn(name) && now != "" && now != before {
			p.made.fault(row.first, name, fmt.Sprintf("must be empty or what line %d has, which is the same product", p.first.first))
		}
	}
}

func isProductColumn(name string) bool {
	switch name {
	case "title", "description", "brand", "category", "tax_category", "status", "images":
		return true
	}
	return strings.HasPrefix(name, "attribute:")
}

// take reads what every row has: its lines and its SKU.
func (p *csvProduct) take(row *csvRow) {
	p.made.last, p.made.end = row.last, row.end
	p.bytes += row.bytes
	switch {
	case row.fault != "":
		p.made.fault(row.first, "line", row.fault)
	case len(p.made.in.SKUs) == maxSKUs:
		p.made.fault(row.first, "sku", fmt.Sprintf("is more than the %d SKUs that a product may have", maxSKUs))
	case p.bytes > maxProductBytes:
		p.made.fault(row.first, "line", "makes the product longer than 4 MiB")
	default:
		p.made.in.SKUs = append(p.made.in.SKUs, p.readSKU(row))
		p.made.skuLines = append(p.made.skuLines, row.first)
	}
}

func (p *csvProduct) readProduct(row *csvRow) {
	in := &p.made.in
	in.Title, in.Description = p.header.field(row, "title"), p.header.field(row, "description")
	in.Brand, in.CategoryID = p.header.field(row, "brand"), p.header.field(row, "category")
	in.TaxCategory = TaxCategory(p.header.field(row, "tax_category"))
	in.Status = Status(p.header.field(row, "status"))
	for image := range strings.SplitSeq(p.header.field(row, "images"), ";") {
		if image = strings.TrimSpace(image); image != "" {
			in.Images = append(in.Images, Image{URL: image})
		}
	}
	for name, at := range p.header.attributes {
		if value := row.fields[at]; value != "" {
			if in.Attributes == nil {
				in.Attributes = make(map[string]any)
			}
			in.Attributes[name] = value
		}
	}
}

func (p *csvProduct) readSKU(row *csvRow) SKUInput {
	sku := SKUInput{Code: p.header.field(row, "sku"), Barcode: p.header.field(row, "barcode"),
		Options: make(map[string]string), Prices: make(map[money.Currency]int64)}
	if weight := p.header.field(row, "weight_grams"); weight != "" {
		var err error
		if sku.WeightGrams, err = strconv.ParseInt(weight, 10, 64); err != nil {
			p.made.fault(row.first, "weight_grams", "must be a whole number of grams")
		}
	}
	for name, at := range p.header.options {
		if value := row.fields[at]; value != "" {
			sku.Options[name] = value
		}
	}
	for name, at := range p.header.prices {
		if text := row.fields[at]; text != "" {
			amount, wrong := parsePrice(text)
			if wrong != "" {
				p.made.fault(row.first, "price_minor:"+name, wrong)
			}
			sku.Prices[p.header.currencies[name]] = amount
		}
	}
	return sku
}

// parsePrice reads an amount in minor units; wrong says what is wrong with it.
func parsePrice(text string) (minor int64, wrong string) {
	if strings.ContainsFunc(text, isNoDigit) {
		return 0, "must be a whole number of minor units, such as 295 for 2.95"
	}
	minor, err := strconv.ParseInt(text, 10, 64)
	if err != nil || minor > MaxPriceMinor {
		return 0, fmt.Sprintf("must be at most %d minor units", int64(MaxPriceMinor))
	}
	return minor, ""
}

func isNoDigit(r rune) bool { return r < '0' || r > '9' }

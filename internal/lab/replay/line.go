package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// kind is the kind of an invoice, as the file says.
type kind string

// The kinds of invoices.
const (
	kindOrder           kind = "order"
	kindCancellation    kind = "cancellation"
	kindStockAdjustment kind = "stock_adjustment"
	kindAdjustment      kind = "adjustment" // bookkeeping
)

// line is one row of the file.
type line struct {
	invoice  string
	kind     kind
	at       time.Time // by the file's wall clock, taken as UTC
	customer string    // "" for a guest
	country  string    // ISO 3166-1 alpha-2, or ""
	sku      string
	goods    bool // a product, not carriage, discount …
	quantity int64
	pence    int64 // of one unit; 0 if it has no price
}

// rejection is the reason for which a line or an invoice is not replayed: a word for the report.
type rejection string

func (r rejection) Error() string { return string(r) }

// Why lines are rejected before anything is asked of the shop.
const (
	notGoods            rejection = "not_goods"
	lineTooLong         rejection = "line_too_long"
	lineMalformed       rejection = "line_malformed"
	invoiceMalformed    rejection = "invoice_malformed"
	kindUnknown         rejection = "kind_unknown"
	timeMalformed       rejection = "time_malformed"
	skuMalformed        rejection = "sku_malformed"
	quantityMalformed   rejection = "quantity_malformed"
	quantityImpossible  rejection = "quantity_impossible"  // more than maxUnits
	quantityContradicts rejection = "quantity_contradicts" // an order of less than one unit, a return of more than none
	bookkeeping         rejection = "bookkeeping"          // an invoice of kind adjustment
	noProducts          rejection = "no_products"          // an order, a return or a correction without goods
	unknownSKU          rejection = "unknown_sku"          // not sold, and never had a price
	returnWithoutOrder  rejection = "return_without_order" // no earlier order has these units
)

// maxUnits bounds the units of a SKU that an invoice may name: far above the greatest mistake of the source (80,995), far
// below what could not be counted.
const maxUnits = 1_000_000

// maxLineBytes bounds a row; the source's have about 80 bytes.
const maxLineBytes = 16 << 10

// columns lists the file's columns, as the header must name them.
var columns = []string{
	"invoice", "kind", "ts_local", "customer_id", "country_iso2", "sku", "line_kind", "qty", "unit_price_gbp",
}

// lineReader reads the rows of a file.
type lineReader struct {
	buffer *bufio.Reader
	place  map[string]int // of each column
	width  int
}

// newLineReader reads the header. A file that begins as gzip does is decompressed.
func newLineReader(source io.Reader) (*lineReader, error) {
	buffer := bufio.NewReaderSize(source, maxLineBytes)
	if magic, _ := buffer.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(buffer)
		if err != nil {
			return nil, fmt.Errorf("decompress: %w", err)
		}
		buffer = bufio.NewReaderSize(unzipped, maxLineBytes)
	}
	r := &lineReader{buffer: buffer, place: make(map[string]int)}
	header, err := r.fields()
	if err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	for i, name := range header {
		r.place[strings.TrimPrefix(name, "\ufeff")] = i
		r.width = i + 1
	}
	for _, name := range columns {
		if _, ok := r.place[name]; !ok {
			return nil, fmt.Errorf("there is no column %s: the header must name %s", name, strings.Join(columns, ", "))
		}
	}
	return r, nil
}

// next returns the next row. It fails with a rejection for a row that cannot be replayed, with io.EOF after the last one,
// and with any other error if the file cannot be read further.
func (r *lineReader) next() (line, error) {
	fields, err := r.fields()
	if err != nil {
		return line{}, err
	}
	if len(fields) != r.width {
		return line{}, lineMalformed
	}
	return r.parse(fields)
}

// fields splits the next row that is not empty. A row ends with its line, whatever quotes are open: the format has no
// field of two lines, and a stray quote must not swallow a file.
func (r *lineReader) fields() ([]string, error) {
	for {
		text, err := r.buffer.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, errors.Join(lineTooLong, r.skip())
		}
		if err != nil && (len(text) == 0 || !errors.Is(err, io.EOF)) {
			return nil, err
		}
		if text = bytes.TrimRight(text, "\r\n"); len(text) > 0 {
			return split(text)
		}
	}
}

// skip passes over the rest of a row.
func (r *lineReader) skip() error {
	for {
		switch _, err := r.buffer.ReadSlice('\n'); {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil // the next read says so
		default:
			return err
		}
	}
}

func split(text []byte) ([]string, error) {
	if !utf8.Valid(text) {
		return nil, lineMalformed
	}
	if bytes.IndexByte(text, '"') < 0 {
		return strings.Split(string(text), ","), nil
	}
	fields, err := csv.NewReader(bytes.NewReader(text)).Read()
	if err != nil {
		return nil, lineMalformed
	}
	return fields, nil
}

var (
	invoicePattern  = regexp.MustCompile(`^[A-Za-z0-9-]{1,32}$`)
	customerPattern = regexp.MustCompile(`^[A-Za-z0-9-]{1,32}$`)
	skuPattern      = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`) // what the catalogue takes
	countryPattern  = regexp.MustCompile(`^[A-Z]{2}$`)
)

func (r *lineReader) parse(fields []string) (line, error) {
	field := func(name string) string { return strings.TrimSpace(fields[r.place[name]]) }
	l := line{
		invoice: field("invoice"), kind: kind(field("kind")), sku: strings.ToUpper(field("sku")),
		customer: customerName(field("customer_id")), goods: field("line_kind") == "product", pence: penceOf(field("unit_price_gbp")),
	}
	if country := field("country_iso2"); countryPattern.MatchString(country) {
		l.country = country
	}
	if !invoicePattern.MatchString(l.invoice) {
		return line{}, invoiceMalformed
	}
	var err error
	if l.at, err = timeOf(field("ts_local")); err != nil {
		return line{}, timeMalformed
	}
	l.quantity, err = quantityOf(field("qty"))
	if err != nil {
		return line{}, err
	}
	return l, l.check()
}

// check rejects what is no line of goods, or contradicts itself. The line is then still good enough to identify its
// invoice.
func (l line) check() error {
	switch l.kind {
	case kindOrder, kindCancellation, kindStockAdjustment:
	case kindAdjustment:
		return bookkeeping
	default:
		return kindUnknown
	}
	switch {
	case !l.goods:
		return notGoods
	case !skuPattern.MatchString(l.sku):
		return skuMalformed
	case l.quantity > maxUnits || l.quantity < -maxUnits:
		return quantityImpossible
	case (l.kind == kindOrder) != (l.quantity > 0) || l.quantity == 0:
		return quantityContradicts
	}
	return nil
}

// customerName returns the number as it can stand in an e-mail address; "" for none.
func customerName(number string) string {
	number = strings.TrimSuffix(number, ".0") // as some tools write numbers
	if number == "" || customerPattern.MatchString(number) {
		return number
	}
	return "x" + digest("customer", number)[:16]
}

// timeOf parses a wall clock time. Zones are not known, so an hour is lost and won each year.
func timeOf(text string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, timeMalformed
}

func quantityOf(text string) (int64, error) {
	quantity, err := strconv.ParseInt(strings.TrimSuffix(text, ".0"), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, quantityImpossible
	case err != nil:
		return 0, quantityMalformed
	}
	return quantity, nil
}

// maxPounds bounds what anything in the file may cost.
const maxPounds = 100_000

// penceOf returns a price rounded to pence; 0 for what is not a price.
func penceOf(pounds string) int64 {
	price, err := strconv.ParseFloat(pounds, 64)
	if err != nil || !(price > 0 && price <= maxPounds) {
		return 0
	}
	return int64(math.Round(price * 100))
}

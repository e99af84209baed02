package fx

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"regexp"

	"meridian/internal/money"
)

const (
	// maxFileBytes bounds a file of rates, as it comes and unpacked: the ECB's whole history
	// since 1999 is 8 MB of XML.
	maxFileBytes = 32 << 20
	// maxQuotations bounds what a file may hold; that history has 220,000.
	maxQuotations = 500_000
	// maxRateText is longer than any rate, and short enough to be repeated in an error.
	maxRateText = 30
)

// errTooLarge is for a file that is not read to its end.
var errTooLarge = fmt.Errorf("the file has more than %d MB", maxFileBytes>>20)

// A FormatError says where a file of rates is not as it should be. Lines and columns count
// from 1, columns in bytes; they are 0 where it is the whole file.
type FormatError struct {
	Line, Column int
	// Field is what stands there, such as rate; empty where it is none.
	Field  string
	Reason string
}

// Error names the place, the field and the reason in one line.
func (e *FormatError) Error() string {
	text := e.Reason
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.Line > 0 {
		text = fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, text)
	}
	return text
}

// Parse reads a file of rates in one of the ECB's formats, told by its content: XML
// (eurofxref-daily.xml, eurofxref-hist.xml) or CSV with a header of currencies and a line a day
// (eurofxref.csv, eurofxref-hist.csv), either plain, gzipped or alone in a zip. It returns
// *FormatError for what cannot be read; then there are no quotations at all.
func Parse(file []byte) ([]Quotation, error) {
	text, err := unpack(file)
	if err != nil {
		return nil, err
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var quotes collector
	if bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("<")) {
		err = quotes.readXML(text)
	} else {
		err = quotes.readCSV(text)
	}
	if err != nil {
		return nil, err
	}
	if len(quotes) == 0 {
		return nil, &FormatError{Reason: "there is no rate in it: use the ECB's reference file, as XML or CSV"}
	}
	return quotes, nil
}

// unpack returns the text in a gzip or a zip, and anything else as it is.
func unpack(file []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(file, []byte("\x1f\x8b")):
		unzipped, err := gzip.NewReader(bytes.NewReader(file))
		if err != nil {
			return nil, &FormatError{Reason: "the gzip cannot be read: " + err.Error()}
		}
		return readPacked(unzipped)
	case bytes.HasPrefix(file, []byte("PK\x03\x04")):
		return unpackZip(file)
	}
	return file, nil
}

func unpackZip(file []byte) ([]byte, error) {
	archive, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, &FormatError{Reason: "the zip cannot be read: " + err.Error()}
	}
	if len(archive.File) != 1 {
		return nil, &FormatError{Reason: fmt.Sprintf("the zip holds %d files: want one", len(archive.File))}
	}
	content, err := archive.File[0].Open()
	if err != nil {
		return nil, &FormatError{Reason: "the zip cannot be read: " + err.Error()}
	}
	defer content.Close()
	return readPacked(content)
}

func readPacked(content io.Reader) ([]byte, error) {
	text, err := readBounded(content)
	if err != nil && !errors.Is(err, errTooLarge) {
		return nil, &FormatError{Reason: "the file cannot be unpacked: " + err.Error()}
	}
	return text, err
}

// readBounded reads all there is, or fails with errTooLarge.
func readBounded(from io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		return nil, errTooLarge
	}
	return text, err
}

// A collector gathers the quotations of a file.
type collector []Quotation

// currencyPattern is any currency's code. The ECB's history has some that are no longer in use,
// so whether it is known is not asked here.
var currencyPattern = regexp.MustCompile(`^[A-Z]{3}$`)

// add checks a rate's text and keeps it.
func (c *collector) add(day, currency, rate string) (wrong string) {
	if len(rate) > maxRateText {
		return "is not a decimal number such as 1.0857"
	}
	value, err := money.ParseDecimal(rate)
	if err != nil {
		return err.Error()
	}
	if wrong := checkRate(value); wrong != "" {
		return wrong + ", not " + rate
	}
	if len(*c) == maxQuotations {
		return fmt.Sprintf("the file has more than %d rates", maxQuotations)
	}
	*c = append(*c, Quotation{Day: day, Currency: money.Currency(currency), Rate: value})
	return ""
}

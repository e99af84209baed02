package finance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Format is how a file of prices is written.
type Format string

// The formats of files.
const (
	// FormatCSV has a header that names its columns, sku and amount_minor among them, in any order:
	// sku, min_quantity, amount_minor, valid_from, valid_to. An amount is a whole number in minor
	// units, empty to end the price; min_quantity is 1 where it is empty.
	FormatCSV Format = "csv"
	// FormatNDJSON is an object a line, of the same names. amount_minor is null to end the price.
	FormatNDJSON Format = "ndjson"
)

// maxLineBytes bounds a line of a file.
const maxLineBytes = 4096

// lineParser reads one line of a file after the other.
type lineParser interface {
	// parse adds what is wrong with the line to the faults; skip is for a line that holds no price.
	parse(no int64, text string, faults *lineFaults) (l Line, skip bool)
	// missing is what the file lacks at its end; "" for nothing.
	missing() string
}

// ReadLines reads a file of prices of a list. Times are RFC 3339; empty ones, and
// those left out, are as soon as may be, and never. A byte order mark and blank lines are
// passed over. It fails with *invalid.Error that names the lines, twenty at most, and with what
// reading fails with.
func ReadLines(from io.Reader, format Format) ([]Line, error) {
	var parser lineParser = new(ndjsonParser)
	if format == FormatCSV {
		parser = new(csvParser)
	}
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, maxLineBytes+2)
	var lines []Line
	var faults lineFaults
	no := int64(0)
	for !faults.full() && scanner.Scan() {
		no++
		text := scanner.Bytes()
		if no == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		text = bytes.TrimSuffix(text, []byte("\r"))
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
			faults.add(no, "text", "must be UTF-8 without NUL characters")
			continue
		}
		l, skip := parser.parse(no, string(text), &faults)
		if skip {
			continue
		}
		if len(lines) == MaxLines {
			faults.add(no, "file", "must have at most %d prices: split it", MaxLines)
			break
		}
		lines = append(lines, l)
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		faults.add(no+1, "text", "must be at most %d bytes", maxLineBytes)
	case err != nil:
		return nil, fmt.Errorf("read prices: %w", err)
	}
	if what := parser.missing(); what != "" && len(faults.List) == 0 {
		faults.add(1, "header", "%s", what)
	}
	return lines, faults.err()
}

// parseSKU and the others read a field; they return a remedy where it is wrong, else "".

func parseSKU(text string) (sku, remedy string) {
	if text == "" || len(text) > maxSKUBytes || strings.TrimSpace(text) != text || strings.ContainsRune(text, 0) {
		return "", fmt.Sprintf("must have 1 to %d bytes, without spaces around and NUL characters", maxSKUBytes)
	}
	return text, ""
}

func parseQuantity(text string) (quantity int64, remedy string) {
	if text == "" {
		return 1, ""
	}
	quantity, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strings.HasPrefix(text, "+") || quantity < 1 || quantity > maxMinQuantity {
		return 0, fmt.Sprintf("must be a whole number from 1 to %d, or empty for 1", maxMinQuantity)
	}
	return quantity, ""
}

func parseAmount(text string) (minor *int64, remedy string) {
	if text == "" {
		return nil, ""
	}
	amount, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strings.HasPrefix(text, "+") || amount < 0 || amount > maxAmountMinor {
		return nil, fmt.Sprintf("must be a whole number of minor units from 0 to %d, such as 1299 for 12.99 euro, or empty to end the price",
			int64(maxAmountMinor))
	}
	return &amount, ""
}

// The years that times are taken of: the zero time, which is none, is before, and what files and
// the API can write ends after.
const firstYear, lastYear = 1970, 9999

func parseTime(text string) (at time.Time, remedy string) {
	if text == "" {
		return time.Time{}, ""
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.UTC().Year() < firstYear || at.UTC().Year() > lastYear {
		return time.Time{}, "must be a time such as 2026-11-27T00:00:00Z, or empty"
	}
	return at.UTC(), ""
}

package fx

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"time"
)

// readCSV reads a header, the date and then currencies, and a line a day. A rate that is empty
// or N/A is none. Nor is a column without a name anything: the ECB's lines end with a comma.
func (c *collector) readCSV(text []byte) error {
	reader := csv.NewReader(bytes.NewReader(text))
	reader.ReuseRecord = true
	header, err := csvHeader(reader)
	if err != nil {
		return err
	}
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return csvError(err)
		}
		if err := c.addRow(reader, header, row); err != nil {
			return err
		}
	}
}

// csvHeader returns the first line: what each column holds.
func csvHeader(reader *csv.Reader) ([]string, error) {
	row, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, csvError(err)
	}
	header := make([]string, len(row))
	for i, name := range row {
		header[i] = strings.TrimSpace(name)
		line, column := reader.FieldPos(i)
		switch {
		case i == 0 && !strings.EqualFold(header[0], "date"):
			return nil, &FormatError{Line: line, Column: column, Field: "date",
				Reason: "the first column must be Date, and each other one a currency"}
		case i > 0 && header[i] != "" && !currencyPattern.MatchString(header[i]):
			return nil, &FormatError{Line: line, Column: column, Field: "currency", Reason: "must be a code such as USD"}
		}
	}
	return header, nil
}

// addRow keeps the rates of a day.
func (c *collector) addRow(reader *csv.Reader, header, row []string) error {
	day, err := csvDay(row[0])
	if err != nil {
		line, column := reader.FieldPos(0)
		return &FormatError{Line: line, Column: column, Field: header[0], Reason: "must be a date such as 2026-04-13"}
	}
	for i := 1; i < len(row); i++ {
		rate := strings.TrimSpace(row[i])
		if rate == "" || rate == "N/A" {
			continue
		}
		wrong := "a rate stands in a column without a currency"
		if header[i] != "" {
			wrong = c.add(day, header[i], rate)
		}
		if wrong != "" {
			line, column := reader.FieldPos(i)
			return &FormatError{Line: line, Column: column, Field: header[i], Reason: wrong}
		}
	}
	return nil
}

// csvDay reads a date as the ECB's history has it, or its file of one day: 13 April 2026.
func csvDay(text string) (string, error) {
	text = strings.TrimSpace(text)
	day, err := time.Parse(dayLayout, text)
	if err != nil {
		day, err = time.Parse("2 January 2006", text)
	}
	return day.Format(dayLayout), err
}

// csvError says what the reader of CSV found wrong, and where.
func csvError(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return &FormatError{Line: parse.Line, Column: parse.Column, Reason: parse.Err.Error()}
	}
	return err
}

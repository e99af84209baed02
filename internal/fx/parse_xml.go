package fx

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"time"
)

// readXML reads the ECB's envelope: a Cube with the time of each day, and in it one with
// currency and rate for each rate.
func (c *collector) readXML(text []byte) error {
	decoder := xml.NewDecoder(bytes.NewReader(text))
	day := ""
	for {
		line, column := decoder.InputPos()
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			line, column = decoder.InputPos()
			return &FormatError{Line: line, Column: column, Reason: err.Error()}
		}
		element, opens := token.(xml.StartElement)
		if !opens || element.Name.Local != "Cube" {
			continue
		}
		if field, wrong := c.addCube(element, &day); wrong != "" {
			return &FormatError{Line: line, Column: column, Field: field, Reason: wrong}
		}
	}
}

// addCube keeps a rate, or the day of those that follow.
func (c *collector) addCube(cube xml.StartElement, day *string) (field, wrong string) {
	attributes := make(map[string]string, len(cube.Attr))
	for _, a := range cube.Attr {
		attributes[a.Name.Local] = a.Value
	}
	if date, ok := attributes["time"]; ok {
		if _, err := time.Parse(dayLayout, date); err != nil {
			return "time", "must be a date such as 2026-04-13"
		}
		*day = date
	}
	currency, isRate := attributes["currency"]
	switch {
	case !isRate:
		return "", ""
	case *day == "":
		return "currency", "a rate stands outside of a Cube with a time"
	case !currencyPattern.MatchString(currency):
		return "currency", "must be a code such as USD"
	}
	return "rate", c.add(*day, currency, attributes["rate"])
}

package shipped

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

//go:embed data
var data embed.FS

// Attribution is the credit that the sources of the catalogue ask for, a line a source.
// Show it wherever the catalogue is shown to the public.
//
//go:embed ATTRIBUTION.txt
var Attribution string

// readTable reads an embedded CSV file (gunzipped where its name ends in .gz) as one map
// a row, keyed by the header. Lines that start with # are comments.
func readTable(name string) ([]map[string]string, error) {
	raw, err := data.ReadFile("data/" + name)
	if err != nil {
		return nil, fmt.Errorf("opening shipped data: %w", err)
	}
	var source io.Reader = bytes.NewReader(raw)
	if strings.HasSuffix(name, ".gz") {
		if source, err = gzip.NewReader(source); err != nil {
			return nil, fmt.Errorf("gunzipping %s: %w", name, err)
		}
	}
	reader := csv.NewReader(source)
	reader.Comment = '#'
	records, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return keyed(records), nil
}

func keyed(records [][]string) []map[string]string {
	var rows []map[string]string
	for _, record := range records[1:] {
		row := make(map[string]string, len(record))
		for i, column := range records[0] {
			row[column] = record[i]
		}
		rows = append(rows, row)
	}
	return rows
}

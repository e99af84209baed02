package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// readTable reads a CSV file of the sources (gunzipped if its name ends in .gz) as one map a
// row, keyed by the header. Lines that start with # are comments.
func readTable(name string) ([]map[string]string, error) {
	raw, err := os.ReadFile(filepath.Join("data", name))
	if err != nil {
		return nil, fmt.Errorf("read a source: %w", err)
	}
	var source io.Reader = bytes.NewReader(raw)
	if strings.HasSuffix(name, ".gz") {
		if source, err = gzip.NewReader(source); err != nil {
			return nil, fmt.Errorf("gunzip %s: %w", name, err)
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

package eval

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A row is one line of a file, by column.
type row map[string]string

// first returns the value of the first of the columns that has one.
func (r row) first(columns ...string) string {
	for _, column := range columns {
		if value := strings.TrimSpace(r[column]); value != "" {
			return value
		}
	}
	return ""
}

// Bounds of files.
const (
	maxLine = 1 << 20   // bytes
	maxRows = 2_000_000 // documents, or lines of judgements
)

// open opens a file, gunzipped where it is compressed. The caller closes what it returns.
func open(path string) (io.Reader, io.Closer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	buffered := bufio.NewReader(file)
	magic, err := buffered.Peek(2)
	if err != nil || !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, file, nil // what is too short for gzip is read as it is
	}
	unzipped, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("gunzip %s: %w", path, err), file.Close())
	}
	return unzipped, file, nil
}

// readRows calls each for the rows of a CSV file with a header, or of an NDJSON file, by the file's name.
func readRows(path string, each func(r row) error) error {
	source, closer, err := open(path)
	if err != nil {
		return err
	}
	defer closer.Close()
	switch strings.ToLower(filepath.Ext(strings.TrimSuffix(path, ".gz"))) {
	case ".csv":
		err = readCSV(source, each)
	case ".ndjson", ".jsonl":
		err = readNDJSON(source, each)
	default:
		err = errors.New("its name does not tell its format: call it .csv, .ndjson or .jsonl, with .gz behind if it is compressed")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func readCSV(source io.Reader, each func(r row) error) error {
	reader := csv.NewReader(source)
	header, err := reader.Read()
	if err != nil {
		return fmt.Errorf("read the header: %w", err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	for n := 0; ; n++ {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err // it names the line
		}
		line, _ := reader.FieldPos(0)
		if n == maxRows {
			return tooManyRows(line)
		}
		r := make(row, len(header))
		for i, column := range header {
			r[column] = record[i]
		}
		if err := each(r); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

func readNDJSON(source io.Reader, each func(r row) error) error {
	return eachLine(source, func(line []byte) error {
		var fields map[string]any
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		if err := decoder.Decode(&fields); err != nil {
			return fmt.Errorf("it must be one JSON object: %w", err)
		}
		r := make(row, len(fields))
		for column, value := range fields {
			switch value := value.(type) {
			case string:
				r[column] = value
			case json.Number:
				r[column] = value.String()
			}
		}
		return each(r)
	})
}

// eachLine calls each for every line that is neither empty nor a comment.
func eachLine(source io.Reader, each func(line []byte) error) error {
	lines := bufio.NewScanner(source)
	lines.Buffer(nil, maxLine)
	n := 1
	for ; lines.Scan(); n++ {
		line := bytes.TrimRight(lines.Bytes(), "\r")
		if len(bytes.TrimSpace(line)) == 0 || line[0] == '#' {
			continue
		}
		if n > maxRows {
			return tooManyRows(n)
		}
		if err := each(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n, err)
	}
	return nil
}

func tooManyRows(line int) error {
	return fmt.Errorf("line %d: more than %d rows: give a smaller file", line, maxRows)
}

package verify

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// WriteResult writes a line about a check for people, with its examples below it.
func WriteResult(w io.Writer, r Result) {
	fmt.Fprintf(w, "%-7s %-26s %10d rows  %s\n", verdict(r), r.Check, r.Examined, r.About)
	for _, example := range r.Examples {
		where := ""
		if example.Region != "" {
			where = " in " + example.Region
		}
		fmt.Fprintf(w, "        - %s%s: %s\n", example.ID, where, example.Problem)
	}
	if rest := r.Broken - int64(len(r.Examples)); rest > 0 {
		fmt.Fprintf(w, "        %d rows in all\n", r.Broken)
	}
}

// verdict returns the first word of a check's line.
func verdict(r Result) string {
	switch {
	case r.Broken == 0:
		return "ok"
	case r.Warning:
		return "overdue"
	}
	return "BROKEN"
}

// WriteSummary writes the last line of an audit for people.
func WriteSummary(w io.Writer, r Report) {
	fmt.Fprintf(w, "%d checks: %s broken, %s overdue\n", len(r.Results), rows(r.Broken), rows(r.Overdue))
}

func rows(n int64) string {
	if n == 1 {
		return "1 row is"
	}
	return strconv.FormatInt(n, 10) + " rows are"
}

// WriteJSON writes the report as one JSON object.
func WriteJSON(w io.Writer, r Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

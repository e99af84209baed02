package demo

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// report is what the tour tells the person at the terminal.
type report struct {
	out     io.Writer
	color   bool
	started time.Time

	passed, failed int
}

// style is how a terminal shows a text.
type style string

const (
	bold  style = "1"
	dim   style = "2"
	red   style = "31"
	green style = "32"
)

func (r *report) paint(s style, text string) string {
	if !r.color {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// width is where the words of a paragraph are broken.
const width = 96

func (r *report) heading() {
	fmt.Fprintln(r.out, r.paint(bold, "Meridian: a tour of one shop in four regions"))
}

// act begins an act.
func (r *report) act(n int, title, about string) {
	fmt.Fprintf(r.out, "\n%s\n", r.paint(bold, fmt.Sprintf("%d  %s", n, title)))
	for _, line := range wrap(about, width-3) {
		fmt.Fprintln(r.out, "   "+r.paint(dim, line))
	}
}

// check tells one thing that was looked at: what was found and, if it is not as it should
// be, what was expected.
func (r *report) check(ok bool, found, expected string) {
	if ok {
		r.passed++
		fmt.Fprintf(r.out, "   %s %s\n", r.paint(green, "✓"), found)
		return
	}
	r.failed++
	fmt.Fprintf(r.out, "   %s %s\n", r.paint(red, "✗"), found)
	fmt.Fprintf(r.out, "     %s\n", r.paint(red, "expected: "+expected))
}

// table tells figures: a header, and rows of as many columns.
func (r *report) table(header []string, rows [][]string) {
	widths := make([]int, len(header))
	for _, row := range append(rows, header) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	fmt.Fprintln(r.out, "     "+r.paint(dim, align(header, widths)))
	for _, row := range rows {
		fmt.Fprintln(r.out, "     "+align(row, widths))
	}
}

// align sets a row's cells below those of the others: what begins with a digit to the right.
func align(row []string, widths []int) string {
	var line strings.Builder
	for i, cell := range row {
		gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if cell != "" && cell[0] >= '0' && cell[0] <= '9' {
			cell, gap = gap+cell, ""
		}
		line.WriteString(cell + gap + "   ")
	}
	return strings.TrimRight(line.String(), " ")
}

// conclude tells how the tour ended, and is that as an error. ended is why it was cut short,
// if it was; err what an act failed with.
func (r *report) conclude(ended, err error) error {
	took := time.Since(r.started).Seconds()
	if err = cmp.Or(ended, err); err != nil {
		fmt.Fprintf(r.out, "\n%s\n", r.paint(red, fmt.Sprintf("The tour broke off after %.1f s and %d checks: %v", took, r.passed+r.failed, err)))
		if r.failed > 0 {
			return errors.Join(fmt.Errorf("%w: %d of %d checks failed", ErrBroken, r.failed, r.passed+r.failed), err)
		}
		return fmt.Errorf("the tour broke off: %w", err)
	}
	if r.failed > 0 {
		fmt.Fprintf(r.out, "\n%s\n", r.paint(red, fmt.Sprintf("FAILED: %d of %d checks, in %.1f s", r.failed, r.passed+r.failed, took)))
		return fmt.Errorf("%w: %d of %d checks failed", ErrBroken, r.failed, r.passed+r.failed)
	}
	fmt.Fprintf(r.out, "\n%s\n", r.paint(green, fmt.Sprintf("PASSED: all %d checks, in %.1f s", r.passed, took)))
	return nil
}

// wrap breaks a paragraph into lines of so many characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// thousands writes a number for people: 39,861.
func thousands(n int64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

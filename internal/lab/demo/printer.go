package demo

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"meridian/internal/lab/report"
)

// printer writes the report for the person at the terminal.
type printer struct {
	out     io.Writer
	color   bool
	started time.Time

	passed, failed int
}

// style is a terminal's way to show a text.
type style string

const (
	bold  style = "1"
	dim   style = "2"
	red   style = "31"
	green style = "32"
)

func (p *printer) paint(s style, text string) string {
	if !p.color {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// width is where the words of a paragraph are broken.
const width = 96

func (p *printer) heading() {
	fmt.Fprintln(p.out, p.paint(bold, "Meridian: a tour of one shop in four regions"))
}

// act prints the heading of an act.
func (p *printer) act(n int, title, about string) {
	fmt.Fprintf(p.out, "\n%s\n", p.paint(bold, fmt.Sprintf("%d  %s", n, title)))
	for _, line := range wrap(about, width-3) {
		fmt.Fprintln(p.out, "   "+p.paint(dim, line))
	}
}

// check counts and prints one check: what was found, by the format, and if it is not as it should be, what was expected.
func (p *printer) check(ok bool, expected, format string, args ...any) {
	mark := p.paint(green, "✓")
	if !ok {
		p.failed++
		mark = p.paint(red, "✗")
	} else {
		p.passed++
	}
	fmt.Fprintf(p.out, "   %s %s\n", mark, fmt.Sprintf(format, args...))
	if !ok {
		fmt.Fprintf(p.out, "     %s\n", p.paint(red, "expected: "+expected))
	}
}

// table prints figures: a header, and rows of as many columns.
func (p *printer) table(header []string, rows [][]string) {
	widths := make([]int, len(header))
	for _, row := range append(rows, header) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	fmt.Fprintln(p.out, "     "+p.paint(dim, align(header, widths)))
	for _, row := range rows {
		fmt.Fprintln(p.out, "     "+align(row, widths))
	}
}

// align pads a row's cells to the columns' widths, those that begin with a digit on the left.
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

// conclude prints how the tour ended and returns that as an error, nil if all is well. ended is why the tour was cut
// short, if it was; err what an act failed with.
func (p *printer) conclude(ended, err error) error {
	took := time.Since(p.started).Seconds()
	if err = cmp.Or(ended, err); err != nil {
		fmt.Fprintf(p.out, "\n%s\n", p.paint(red, fmt.Sprintf("The tour broke off after %.1f s and %d checks: %v", took, p.passed+p.failed, err)))
		if p.failed > 0 {
			return errors.Join(fmt.Errorf("%w: %d of %d checks failed", ErrBroken, p.failed, p.passed+p.failed), err)
		}
		return fmt.Errorf("the tour broke off: %w", err)
	}
	if p.failed > 0 {
		fmt.Fprintf(p.out, "\n%s\n", p.paint(red, fmt.Sprintf("FAILED: %d of %d checks, in %.1f s", p.failed, p.passed+p.failed, took)))
		return fmt.Errorf("%w: %d of %d checks failed", ErrBroken, p.failed, p.passed+p.failed)
	}
	fmt.Fprintf(p.out, "\n%s\n", p.paint(green, fmt.Sprintf("PASSED: all %d checks, in %.1f s", p.passed, took)))
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

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", report.Milliseconds(d)) }

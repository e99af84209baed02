// Package invalid reports input that is wrong in itself: every invalid field, each with its
// that is wrong, each with its remedy, in one error. All domains return the same one, so a
// caller answers all of them the same way. It imports nothing of this tree.
package invalid

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Field says what is wrong with one field of an input, and how to put it right. It never
// repeats personal data.
type Field struct {
	// Name is where: "email", "skus[0].prices.GBP".
	Name string
	// Remedy is what it must be: "must be 1 to 200 characters".
	Remedy string
}

// Error is returned for an input that is wrong in itself, with every fault.
type Error struct {
	// What was not valid: "product".
	What   string
	Fields []Field
}

// New returns an Error with one field.
func New(what, field, remedy string) *Error {
	return &Error{What: what, Fields: []Field{{Name: field, Remedy: remedy}}}
}

// Error names the fields and their remedies in one line.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("the " + e.What + " is not valid")
	for _, f := range e.Fields {
		text.WriteString("; " + f.Name + " " + f.Remedy)
	}
	return text.String()
}

// A List gathers what is wrong with an input. The zero List is empty.
type List []Field

// Add adds the fault of a field.
func (l *List) Add(field, remedy string, args ...any) {
	*l = append(*l, Field{Name: field, Remedy: fmt.Sprintf(remedy, args...)})
}

// AddAll adds the faults of a part of the input, the part's name before each field's. An err
// that holds no Error adds nothing.
func (l *List) AddAll(part string, err error) {
	var e *Error
	if errors.As(err, &e) {
		for _, f := range e.Fields {
			*l = append(*l, Field{Name: part + "." + f.Name, Remedy: f.Remedy})
		}
	}
}

// Line checks a line of text that a person wrote, and returns it without the spaces around
// it: from least to most characters, none of which ends the line or controls the terminal.
func (l *List) Line(field, text string, least, most int) string {
	text = strings.TrimSpace(text)
	n := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }):
		l.Add(field, "must be one line of text")
	case n == 0 && least > 0:
		l.Add(field, "must be given")
	case n < least || n > most:
		l.Add(field, "must be %d to %d characters", least, most)
	}
	return text
}

// Err returns an *Error with the fields of the list, or nil if it is empty.
func (l List) Err(what string) error {
	if len(l) == 0 {
		return nil
	}
	return &Error{What: what, Fields: l}
}

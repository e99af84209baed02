// Package invalid reports invalid input: one error lists every invalid field with its remedy. All domains return it, so
// that callers handle them alike. It imports nothing of this tree.
package invalid

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Field names an invalid field and says what it must be. It never repeats personal data.
type Field struct {
	// Name is the field's path: "email", "skus[0].prices.GBP".
	Name string
	// Remedy is what it must be: "must be 1 to 200 characters".
	Remedy string
}

// Error lists every invalid field of an input.
type Error struct {
	// What is the name of the input: "product".
	What   string
	Fields []Field
}

// New returns an Error with one field.
func New(what, field, remedy string) *Error {
	return &Error{What: what, Fields: []Field{{Name: field, Remedy: remedy}}}
}

// Error returns the fields and their remedies in one line.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("the " + e.What + " is not valid")
	for _, f := range e.Fields {
		text.WriteString("; " + f.Name + " " + f.Remedy)
	}
	return text.String()
}

// A List collects the invalid fields of an input. The zero List is empty.
type List []Field

// Add adds a field and its remedy, in Printf's form.
func (l *List) Add(field, remedy string, args ...any) {
	*l = append(*l, Field{Name: field, Remedy: fmt.Sprintf(remedy, args...)})
}

// AddAll adds the fields of an Error about a part of the input, each name prefixed with the part's. Other errors add
// nothing.
func (l *List) AddAll(part string, err error) {
	var e *Error
	if errors.As(err, &e) {
		for _, f := range e.Fields {
			*l = append(*l, Field{Name: part + "." + f.Name, Remedy: f.Remedy})
		}
	}
}

// Line checks a line of text that a person wrote and returns it without surrounding spaces. It must have least to
// most characters, all of them printable.
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

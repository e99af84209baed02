package account

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// text checks a line of text that a person wrote, and returns it without the spaces around it: from least to most
// characters, none of which ends the line or controls the terminal.
func (f *faults) text(field, value string, least, most int) string {
	value = strings.TrimSpace(value)
	n := utf8.RuneCountInString(value)
	switch {
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unprintable):
		f.add(field, "must be one line of text")
	case n == 0 && least > 0:
		f.add(field, "must be given")
	case n < least || n > most:
		f.add(field, fmt.Sprintf("must be %d to %d characters", least, most))
	}
	return value
}

package database

import "strings"

// Text returns a text from outside as a text column and jsonb take it: UTF-8 without NUL.
// What they refuse becomes U+FFFD.
func Text(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

package account

import (
	_ "embed"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"meridian/internal/invalid"
)

// The lengths of a password in characters. NIST SP 800-63B-4 asks for length and against rules about kinds of
// characters; the upper bound only keeps the hash's input small.
const (
	minPasswordLength = 10
	maxPasswordLength = 256
	// maxPasswordBytes bounds what is normalised and hashed at all.
	maxPasswordBytes = maxPasswordLength * utf8.UTFMax
)

// commonPasswords are the passwords of leaked lists that are long enough to pass otherwise, and those that come to
// mind first in this shop, in lower case, a line each.
//
//go:embed common_passwords.txt
var commonPasswordsText string

var commonPasswords = readCommonPasswords(commonPasswordsText)

func readCommonPasswords(text string) map[string]bool {
	set := make(map[string]bool)
	for line := range strings.Lines(text) {
		set[strings.TrimSpace(line)] = true
	}
	return set
}

// normalizePassword makes one password of what different keyboards send for the same characters (NIST SP 800-63B-4,
// 3.1.1.2: form KC before hashing).
func normalizePassword(password string) string { return norm.NFKC.String(password) }

// checkPassword adds what is wrong with a new password for the account of that address and name.
func checkPassword(f *invalid.List, field, password, email, name string) {
	// The length in bytes is bounded first: normalising costs time in proportion to it.
	if len(password) > maxPasswordBytes || !utf8.ValidString(password) {
		f.Add(field, "must be %d to %d characters", minPasswordLength, maxPasswordLength)
		return
	}
	password = normalizePassword(password)
	lower := strings.ToLower(password)
	local, _, _ := strings.Cut(strings.ToLower(email), "@")
	switch n := utf8.RuneCountInString(password); {
	case n < minPasswordLength || n > maxPasswordLength:
		f.Add(field, "must be %d to %d characters", minPasswordLength, maxPasswordLength)
	case strings.TrimSpace(password) == "":
		f.Add(field, "must not be all spaces")
	case lower == strings.ToLower(email) || lower == local || lower == strings.ToLower(name):
		f.Add(field, "must not be your e-mail address or name")
	case commonPasswords[lower] || isMonotonous(lower):
		f.Add(field, "is one that many people use: choose another")
	}
}

// isMonotonous reports whether a text has at most two different characters, or its characters follow one another
// throughout, up or down: "aaaaaaaaaa", "1212121212", "abcdefghij".
func isMonotonous(text string) bool {
	seen := make(map[rune]bool)
	var before, step rune
	follows := true
	for i, c := range []rune(text) {
		seen[c] = true
		switch {
		case i == 1:
			step = c - before
			follows = step == 1 || step == -1
		case i > 1 && c-before != step:
			follows = false
		}
		before = c
	}
	return len(seen) <= 2 || follows
}

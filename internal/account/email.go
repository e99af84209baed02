package account

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"meridian/internal/invalid"
)

// The bounds of RFC 5321, 4.5.3.1, with erratum 1690.
const (
	maxEmailBytes     = 254
	maxLocalPartBytes = 64
)

// NormalizeEmail returns the one spelling by which an e-mail address is kept and found: without spaces around it, in
// lower case, in Unicode's form C, its domain in ASCII. It returns a *invalid.Error for what is no address.
func NormalizeEmail(text string) (string, error) {
	invalid := invalid.New("e-mail address", "email", "must be an e-mail address such as name@example.com")
	text = strings.TrimSpace(text)
	if len(text) > maxEmailBytes || !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
		return "", invalid
	}
	text = norm.NFC.String(strings.ToLower(text))
	// A quoted local part, a comment and a display name are all syntax; none is an address that people have.
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Name != "" || parsed.Address != text || strings.ContainsAny(text, `"()<>[]`) {
		return "", invalid
	}
	at := strings.LastIndexByte(text, '@')
	domain, err := idna.Lookup.ToASCII(text[at+1:])
	if err != nil || !strings.Contains(domain, ".") || len(domain) > 253 || at > maxLocalPartBytes {
		return "", invalid
	}
	normal := text[:at+1] + domain
	if len(normal) > maxEmailBytes {
		return "", invalid
	}
	return normal, nil
}

// unprintable reports whether c is neither a letter, a mark, a digit, a sign nor a plain space.
func unprintable(c rune) bool { return !unicode.IsPrint(c) }

// emailHash returns the directory's key for a normalised address.
func (a *Accounts) emailHash(normal string) []byte { return mac(a.emailKey, normal) }

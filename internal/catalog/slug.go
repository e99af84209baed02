package catalog

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const maxSlug = 80

// letters without a decomposition that have a usual spelling in ASCII.
var slugLetters = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ı': "i", '&': " and ",
}

// slugOf returns a text in lower-case ASCII letters, digits and single hyphens, at most 80
// bytes, cut at a word where it can be. It is empty when nothing of the text is Latin.
func slugOf(text string) string {
	var b strings.Builder
	pending := false
	write := func(r rune) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			if pending && b.Len() > 0 {
				b.WriteByte('-')
			}
			pending = false
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r), r == '\'', r == '’':
			// An accent or an apostrophe does not end a word.
		default:
			pending = true
		}
	}
	for _, r := range norm.NFKD.String(strings.ToLower(text)) {
		if spelt, ok := slugLetters[r]; ok {
			for _, s := range spelt {
				write(s)
			}
			continue
		}
		write(r)
	}
	slug := b.String()
	if len(slug) <= maxSlug {
		return slug
	}
	slug = slug[:maxSlug+1]
	if cut := strings.LastIndexByte(slug, '-'); cut > maxSlug/2 {
		return slug[:cut]
	}
	return strings.TrimSuffix(slug[:maxSlug], "-")
}

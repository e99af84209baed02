package language

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"meridian/internal/search"
)

// A Token is a word of a text.
type Token struct {
	// Text is the word in lower case without accents, except where they make another word of a stop word: thé is not the.
	Text string
	Stem string // see Stem
	// Start and End are its bytes in the text.
	Start, End int
	// Accented is true if the word has accents, or letters that Text has in another form.
	Accented bool
	// Written is the word in lower case with its accents; only set if it has some.
	Written string
	// Whole is the stem of the compound that the word is a part of, or "".
	Whole string
	// Glued is true if only punctuation separates it from the token before.
	Glued bool
	// Digits is true if it has a digit: a number, a measure, a model number.
	Digits bool
}

// Tokenize splits a text into words. Letters and digits form words; a full stop or comma between digits belongs to the
// number, and apostrophes are dropped (l'eau is eau, women's is women). Each character of Han and kana, which are
// written without spaces, is a word. Words longer than maxTokenBytes are split.
func Tokenize(text string) []Token {
	s := scanner{text: text, tokens: make([]Token, 0, 4+len(text)/5)}
	for s.at < len(text) {
		s.next()
	}
	s.finish()
	return s.tokens
}

const maxTokenBytes = 64

type scanner struct {
	text    string
	at      int
	word    []byte
	start   int
	end     int
	digits  bool
	accents bool
	gap     bool // white space since the last token
	tokens  []Token
}

func (s *scanner) next() {
	r, size := rune(s.text[s.at]), 1
	if r >= utf8.RuneSelf {
		r, size = utf8.DecodeRuneInString(s.text[s.at:])
	}
	switch {
	case r < utf8.RuneSelf && ('a' <= r && r <= 'z'):
		s.add(byte(r))
	case r < utf8.RuneSelf && ('A' <= r && r <= 'Z'):
		s.add(byte(r) + 'a' - 'A')
	case '0' <= r && r <= '9':
		s.add(byte(r))
		s.digits = true
	case (r == '.' || r == ',') && s.betweenDigits():
		s.add('.')
	case r == '\'' || r == '’':
		s.apostrophe()
	case r < utf8.RuneSelf:
		s.finish()
		s.gap = s.gap || unicode.IsSpace(r)
	default:
		s.foreign(r, size)
	}
	s.at += size
	if len(s.word) > 0 {
		s.end = s.at
	}
	if len(s.word) >= maxTokenBytes {
		s.finish()
	}
}

func (s *scanner) add(b ...byte) {
	if len(s.word) == 0 {
		s.start = s.at
	}
	s.word = append(s.word, b...)
}

func (s *scanner) betweenDigits() bool {
	isDigit := func(i int) bool { return i >= 0 && i < len(s.text) && '0' <= s.text[i] && s.text[i] <= '9' }
	return len(s.word) > 0 && isDigit(s.at-1) && isDigit(s.at+1)
}

// apostrophe handles an apostrophe inside a word (o'neill), after an article (l'eau) or before a genitive (women's).
func (s *scanner) apostrophe() {
	switch string(s.word) {
	case "l", "d", "j", "m", "n", "s", "t", "c", "qu":
		s.word = s.word[:0]
		return
	}
	_, size := utf8.DecodeRuneInString(s.text[s.at:])
	rest := s.text[s.at+size:]
	if len(s.word) > 0 && len(rest) > 0 && (rest[0] == 's' || rest[0] == 'S') {
		after, _ := utf8.DecodeRuneInString(rest[1:])
		if len(rest) == 1 || !unicode.IsLetter(after) && !unicode.IsDigit(after) {
			s.finish()
			s.at++ // the s itself
		}
	}
}

// foreign handles a character outside of ASCII.
func (s *scanner) foreign(r rune, size int) {
	switch {
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana):
		s.finish()
		s.add([]byte(s.text[s.at : s.at+size])...)
		s.end = s.at + size
		s.finish()
	case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || unicode.IsNumber(r):
		s.add(fold(r)...)
		s.digits, s.accents = s.digits || unicode.IsNumber(r), true
	default:
		s.finish()
		s.gap = s.gap || unicode.IsSpace(r)
	}
}

func (s *scanner) finish() {
	if len(s.word) == 0 {
		return
	}
	t := Token{Text: string(s.word), Start: s.start, End: s.end, Accented: s.accents, Digits: s.digits, Glued: !s.gap && len(s.tokens) > 0}
	if t.Accented {
		if t.Written = written(s.text[s.start:s.end]); plainStops()[t.Text] {
			t.Text = t.Written
		}
	}
	t.Stem = t.Text
	if !t.Digits {
		t.Stem = Stem(t.Text)
	}
	s.tokens = append(s.tokens, t)
	s.word, s.digits, s.accents, s.gap = s.word[:0], false, false, false
}

// letters are folded forms of letters that have no Unicode decomposition, as they are typed without them on the
// keyboard.
var letters = map[rune]string{'ß': "ss", 'ẞ': "ss", 'æ': "ae", 'Æ': "ae", 'œ': "oe", 'Œ': "oe", 'ø': "o", 'Ø': "o",
	'ł': "l", 'Ł': "l", 'đ': "d", 'Đ': "d", 'ð': "d", 'Ð': "d", 'þ': "th", 'Þ': "th", 'ı': "i", 'ħ': "h", 'Ħ': "h"}

// fold returns a character in lower case without accents, and nothing for an accent itself.
func fold(r rune) []byte {
	if plain, ok := letters[r]; ok {
		return []byte(plain)
	}
	var folded []byte
	for _, part := range norm.NFKD.String(string(r)) {
		if unicode.IsLetter(part) || unicode.IsNumber(part) {
			folded = utf8.AppendRune(folded, unicode.ToLower(part))
		}
	}
	return folded
}

// folded returns a text in lower case without accents.
func folded(text string) string {
	var all []byte
	for _, r := range text {
		all = append(all, fold(r)...)
	}
	return string(all)
}

// written returns a word in lower case with its accents.
func written(word string) string { return strings.ToLower(norm.NFC.String(word)) }

// plainStops returns the stop words of all languages that have no accents.
var plainStops = sync.OnceValue(func() map[string]bool {
	all := make(map[string]bool)
	for _, words := range search.ShippedWords() {
		for _, word := range words.Stop {
			if !strings.ContainsFunc(word, func(r rune) bool { return r >= utf8.RuneSelf }) {
				all[word] = true
			}
		}
	}
	return all
})

// Joined returns the term of neighbouring words that are written as one.
func Joined(tokens []Token) string {
	var b strings.Builder
	digits := false
	for _, t := range tokens {
		b.WriteString(t.Text)
		digits = digits || t.Digits
	}
	if digits {
		return b.String()
	}
	return Stem(b.String())
}

// Code returns the compared form of a SKU or barcode: only its letters and digits, so that hyphens and spaces do not
// matter.
func Code(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			b.Write(fold(r))
		}
	}
	return b.String()
}

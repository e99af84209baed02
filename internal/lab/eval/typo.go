package eval

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"

	"meridian/internal/search"
)

// typoLetters is the least number of letters of a word that gets a typing error: of a shorter one nobody could tell
// what it was.
const typoLetters = 5

// mistype makes typing errors in a text: n of them, each in another word while there are any, words without digits
// first. Each replaces, inserts, deletes or swaps letters. It reports false for a text that has no word
// (or no room) for it. The
// same seed and id make the same errors.
func mistype(text, id string, n int, seed uint64) (string, bool) {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(id)) // it cannot fail
	draw := rand.New(rand.NewPCG(seed, hash.Sum64()))
	words := strings.Fields(text)
	places := mistypeable(words, draw)
	if len(places) == 0 {
		return text, false
	}
	for i := range n {
		place := places[i%len(places)]
		words[place] = mistypeWord(words[place], draw)
	}
	mistyped := strings.Join(words, " ")
	return mistyped, mistyped != text && len(mistyped) <= search.MaxTextBytes
}

// mistypeable returns the places of words that are long enough, in a drawn order, those with digits last.
func mistypeable(words []string, draw *rand.Rand) []int {
	var plain, mixed []int
	for _, i := range draw.Perm(len(words)) {
		letters := len(slices.DeleteFunc([]rune(words[i]), func(r rune) bool { return !unicode.IsLetter(r) }))
		switch {
		case letters < typoLetters:
		case strings.ContainsFunc(words[i], unicode.IsDigit):
			mixed = append(mixed, i)
		default:
			plain = append(plain, i)
		}
	}
	return append(plain, mixed...)
}

// mistypeWord makes one error among the letters of a word, which is another word then.
func mistypeWord(word string, draw *rand.Rand) string {
	for {
		runes := []rune(word)
		i := draw.IntN(len(runes))
		letter := 'a' + rune(draw.IntN(26))
		if !unicode.IsLetter(runes[i]) {
			continue
		}
		switch draw.IntN(4) {
		case 0:
			runes[i] = letter
		case 1:
			runes = slices.Insert(runes, i, letter)
		case 2:
			runes = slices.Delete(runes, i, i+1)
		default:
			if i+1 == len(runes) || !unicode.IsLetter(runes[i+1]) {
				continue
			}
			runes[i], runes[i+1] = runes[i+1], runes[i]
		}
		if other := string(runes); !strings.EqualFold(other, word) {
			return other
		}
	}
}

package concept

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/blevesearch/vellum"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/search"
)

func product(n int, version int64, title string) search.Document {
	return search.Document{ID: uuid.UUID{15: byte(n)}, Version: version, Title: title}
}

func TestLexicon_Learn(t *testing.T) {
	var l Lexicon
	first := product(1, 1, "Red door mats")
	first.Codes, first.Description = []string{"WHT-2210"}, "unseen"
	l.Learn([]search.Document{first, product(2, 1, "Red lanterns")})
	l.Learn([]search.Document{first, product(2, 1, "Red mat, of jute")}) // read again, and with other words
	for _, tt := range []struct {
		field Field
		term  string
		want  int
	}{
		{Words, "red", 2}, {Words, "mat", 1}, {Words, "jute", 1}, {Words, "lantern", 1}, {Words, "unseen", 1}, {Words, "doormat", 0},
		{Pairs, "doormat", 1}, {Pairs, "redmat", 1}, {Codes, "wht2210", 1}, {Codes, "wht", 0},
	} {
		if got := l.Count(tt.field, tt.term); got != tt.want {
			t.Errorf("%d documents have the %s %q, want %d", got, tt.field, tt.term, tt.want)
		}
	}
}

// TestLexicon_Scan compares with looking at every term.
func TestLexicon_Scan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l Lexicon
		letters := rapid.StringOfN(rapid.RuneFrom([]rune("abé")), 1, 6, -1)
		words := rapid.SliceOfN(letters, 0, 60).Draw(t, "words")
		for i, word := range words { // one document at a time: terms are merged with those before
			l.Learn([]search.Document{product(i+1, 1, word)})
		}
		typed, from := letters.Draw(t, "typed"), letters.Draw(t, "from")
		near, err := oneTypo.BuildDfa(typed, 1)
		if err != nil {
			t.Fatal(err)
		}
		for name, a := range map[string]vellum.Automaton{"all": nil, "near": near, "begins": begins{near}} {
			got, err := l.Scan(Words, a, []byte(from), After([]byte(from[:1])), 1000)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, f := range l.of(Words) {
				if f.Term >= from && strings.HasPrefix(f.Term, from[:1]) && (a == nil || accepts(a, f.Term)) {
					want = append(want, fmt.Sprint(f.Documents, f.Term))
				}
			}
			var found []string
			for i, f := range got {
				found = append(found, fmt.Sprint(f.Documents, f.Term))
				if i > 0 && got[i-1].Documents < f.Documents {
					t.Errorf("%s: %v is not in order of documents", name, got)
				}
			}
			slices.Sort(want)
			slices.Sort(found)
			if diff := cmp.Diff(want, found); diff != "" {
				t.Errorf("%s %q from %q (-want +got):\n%s", name, typed, from, diff)
			}
		}
	})
}

func accepts(a vellum.Automaton, term string) bool {
	state := a.Start()
	for i := range len(term) {
		state = a.Accept(state, term[i])
	}
	return a.IsMatch(state)
}

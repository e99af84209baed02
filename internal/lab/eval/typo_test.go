package eval

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMistype(t *testing.T) {
	for _, test := range []struct {
		name, text string
		typos      int
		changed    []string // the words that may be others than they were
		ok         bool
	}{
		{"the one long word", "red polkadot bag", 1, []string{"polkadot"}, true},
		{"no long word", "red bag 64gb", 1, nil, false},
		{"a model's name only", "samsung ue65nu7100x", 1, []string{"samsung"}, true},
		{"letters among digits where there is nothing else", "abcdef123", 1, []string{"abcdef123"}, true},
		{"two words", "christmas decorations", 2, []string{"christmas", "decorations"}, true},
		{"nothing", "", 1, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := range uint64(50) {
				got, ok := mistype(test.text, "q1", test.typos, seed)
				if ok != test.ok || ok == (got == test.text) {
					t.Fatalf("%q is mistyped as %q, %v", test.text, got, ok)
				}
				again, _ := mistype(test.text, "q1", test.typos, seed)
				if again != got {
					t.Fatalf("%q, and then %q", got, again)
				}
				wantOthersKept(t, test.text, got, test.changed, test.typos)
			}
		})
	}
}

func wantOthersKept(t *testing.T, text, mistyped string, changeable []string, n int) {
	t.Helper()
	before, after := strings.Fields(text), strings.Fields(mistyped)
	if len(before) != len(after) {
		t.Fatalf("%q has other words than %q", mistyped, text)
	}
	changed := 0
	for i := range before {
		if before[i] == after[i] {
			continue
		}
		changed++
		if !strings.Contains(" "+strings.Join(changeable, " ")+" ", " "+before[i]+" ") {
			t.Fatalf("%q became %q", before[i], after[i])
		}
	}
	if len(changeable) > 0 && changed != min(n, len(changeable)) {
		t.Fatalf("%d words of %q changed in %q", changed, text, mistyped)
	}
}

// An error is one letter replaced, inserted, deleted or swapped with its neighbour: at most one edit away, where a swap
// is one.
func TestMistypeWord_OneEdit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-zäé]{5,12}`).Draw(t, "word")
		got, ok := mistype(word, rapid.String().Draw(t, "id"), 1, rapid.Uint64().Draw(t, "seed"))
		if !ok || !oneEdit([]rune(word), []rune(got)) {
			t.Fatalf("%q became %q", word, got)
		}
	})
}

func oneEdit(a, b []rune) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	swapped := len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
	return swapped || len(a) <= 1 && len(b) <= 1 && len(a)+len(b) > 0
}

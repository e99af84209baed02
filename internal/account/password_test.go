package account

import (
	"bufio"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"meridian/internal/invalid"
	"meridian/internal/testkit"
)

func TestCheckPassword(t *testing.T) {
	for _, test := range []struct {
		name, password string
		good           bool
	}{
		{"a sentence", goodPassword, true},
		{"just long enough", "x7!kQ2mzp0", true},
		{"ten characters in other letters", "пароль-мой", true},
		{"the longest", strings.Repeat("äb漢", 85) + "z", true},
		{"empty", "", false},
		{"nine characters", "x7!kQ2mzp", false},
		{"nine characters, more bytes", "ääääöööüü", false},
		{"too long", strings.Repeat("ab!", 86), false},
		{"far too long", strings.Repeat("ab!", 1<<20), false},
		{"spaces", strings.Repeat(" ", 12), false},
		{"common", "password123", false},
		{"common in another case", "PassWord123", false},
		{"common in wide letters", "ｐａｓｓｗｏｒｄ１２３", false},
		{"one character", "zzzzzzzzzzzz", false},
		{"two characters", "xyxyxyxyxyxy", false},
		{"in a row", "fghijklmnopq", false},
		{"in a row, down", "zyxwvutsrqpo", false},
		{"the address", "Someone.Long@example.com", false},
		{"the local part", "someone.long", false},
		{"the name", "someone long", false},
		{"invalid UTF-8", "abcdefghijk\xff!", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var faults invalid.List
			checkPassword(&faults, "password", test.password, "someone.long@example.com", "Someone Long")
			if err := faults.Err("password"); test.good != (err == nil) {
				t.Errorf("got %v", err)
			} else if !test.good && test.password != "" {
				wantFault(t, err, "password", test.password)
			}
		})
	}
}

func TestCommonPasswords(t *testing.T) {
	lines := bufio.NewScanner(strings.NewReader(commonPasswordsText))
	for lines.Scan() {
		if line := lines.Text(); utf8.RuneCountInString(line) < minPasswordLength || line != strings.ToLower(line) {
			t.Errorf("%q is of no use in the list", line)
		}
	}
}

func testHasher(t testing.TB, atOnce int, wait time.Duration) *hasher {
	t.Helper()
	h := testkit.Must(newHasher(Argon2{MemoryKiB: 16, Passes: 1, Lanes: 1}, atOnce, wait))(t)
	return h
}

func TestHash(t *testing.T) {
	h := testHasher(t, 1, time.Minute)
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.StringN(1, 40, -1).Draw(t, "password")
		hash := testkit.Must(h.hash(context.Background(), password))(t)
		again, err := h.hash(context.Background(), password)
		if err != nil || again == hash {
			t.Errorf("hashed without a salt of its own: %v", err)
		}
		if good, outdated, err := h.verify(context.Background(), hash, password); !good || outdated || err != nil {
			t.Errorf("own password: %v %v %v", good, outdated, err)
		}
		if good, _, err := h.verify(context.Background(), hash, password+"x"); good || err != nil {
			t.Errorf("another password: %v %v", good, err)
		}
	})
}

// TestHash_Vector holds us to what the reference implementation of argon2 makes of its own example.
func TestHash_Vector(t *testing.T) {
	// echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h := testHasher(t, 1, time.Minute)
	if good, outdated, err := h.verify(t.Context(), reference, "password"); !good || !outdated || err != nil {
		t.Errorf("got %v %v %v", good, outdated, err)
	}
}

func TestVerify_SameTextFromAnotherKeyboard(t *testing.T) {
	h := testHasher(t, 1, time.Minute)
	hash := testkit.Must(h.hash(t.Context(), "café au lait ½"))(t)
	if good, _, err := h.verify(t.Context(), hash, "cafe\u0301 au lait 1⁄2"); !good || err != nil {
		t.Errorf("got %v %v", good, err)
	}
}

func TestParsePHC_Refuses(t *testing.T) {
	good := testkit.Must(testHasher(t, 1, time.Minute).hash(t.Context(), goodPassword))(t)
	testkit.Must(parsePHC(good))(t)
	for name, text := range map[string]string{
		"empty": "", "plain": goodPassword, "bcrypt": "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"another argon2":  strings.Replace(good, "argon2id", "argon2i", 1),
		"another version": strings.Replace(good, "v=19", "v=16", 1),
		"too much memory": strings.Replace(good, "m=16", "m=4194304", 1),
		"too many passes": strings.Replace(good, "t=1", "t=100000", 1),
		"no lanes":        strings.Replace(good, "p=1", "p=0", 1),
		"a sign":          strings.Replace(good, "m=16", "m=+16", 1),
		"cut short":       good[:len(good)-4],
		"padded":          good + "=",
		"more":            good + "$",
		"line end":        good + "\n",
	} {
		if _, err := parsePHC(text); !errors.Is(err, errBadHash) || strings.Contains(err.Error(), "$") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestHasher_IsBounded(t *testing.T) {
	h := testHasher(t, 1, time.Millisecond)
	leave := testkit.Must(h.enter(t.Context()))(t)
	if _, err := h.hash(t.Context(), goodPassword); !errors.Is(err, ErrBusy) {
		t.Errorf("the turn did not come: got %v", err)
	}
	h.wait = time.Hour
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.hash(cancelled, goodPassword); !errors.Is(err, ErrBusy) || !errors.Is(err, context.Canceled) {
		t.Errorf("the caller left: got %v", err)
	}
	h.waiting.Store(int64(waitersPerSlot))
	if _, err := h.hash(t.Context(), goodPassword); !errors.Is(err, ErrBusy) {
		t.Errorf("the queue is full: got %v", err)
	}
	if got := h.waiting.Load(); got != int64(waitersPerSlot) {
		t.Errorf("%d wait after the refusals, want %d", got, waitersPerSlot)
	}
	leave()
	if _, err := h.hash(t.Context(), goodPassword); err != nil {
		t.Errorf("the turn is free again: got %v", err)
	}
}

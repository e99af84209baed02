package account

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNormalizeEmail(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"plain", "name@example.com", "name@example.com"},
		{"spaces and case", "  Name.Last+Tag@EXAMPLE.Com\t", "name.last+tag@example.com"},
		{"international domain", "info@Bücher.example", "info@xn--bcher-kva.example"},
		{"international local part", "JOSÉ@example.com", "josé@example.com"},
		{"decomposed", "jose\u0301@example.com", "josé@example.com"},
		{"longest local part", strings.Repeat("a", 64) + "@example.com", strings.Repeat("a", 64) + "@example.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := NormalizeEmail(test.text); err != nil || got != test.want {
				t.Errorf("got %q %v, want %q", got, err, test.want)
			}
		})
	}
	for name, text := range map[string]string{
		"empty": "", "no at": "example.com", "no local part": "@example.com", "no domain": "name@", "no dot": "name@localhost",
		"two at": "a@b@example.com", "display name": "Name <name@example.com>", "angle": "<name@example.com>",
		"list": "a@example.com, b@example.com", "quoted": `"a b"@example.com`, "comment": "a(b)@example.com",
		"literal": "name@[127.0.0.1]", "space": "na me@example.com", "newline": "a@example.com\nBcc: b@example.com",
		"NUL": "a\x00@example.com", "invalid UTF-8": "a\xff@example.com", "dots": "a..b@example.com", "leading dot": ".a@example.com",
		"long local part": strings.Repeat("a", 65) + "@example.com", "long": "a@" + strings.Repeat("b.", 130) + "com",
		"hyphen": "a@-example.com", "invisible": "a\u200b@example.com", "right to left": "a\u202e@example.com",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NormalizeEmail(text)
			wantFault(t, err, "email", "Bcc")
		})
	}
}

func TestNormalizeEmail_IsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-zA-Zéß0-9._+ŉİ-]{1,20}@[a-zA-Zü0-9.-]{1,30}\.[a-zA-Z]{2,5}`).Draw(t, "address")
		once, err := NormalizeEmail(text)
		if err != nil {
			return
		}
		twice, err := NormalizeEmail(once)
		if err != nil || twice != once {
			t.Errorf("%q becomes %q, which becomes %q %v", text, once, twice, err)
		}
		upper, err := NormalizeEmail("  " + once + " ")
		if err != nil || upper != once {
			t.Errorf("spaces around %q give %q %v", once, upper, err)
		}
	})
}

func FuzzNormalizeEmail(f *testing.F) {
	f.Add("name@example.com")
	f.Add("JOSÉ@Bücher.example")
	f.Fuzz(func(t *testing.T, text string) {
		once, err := NormalizeEmail(text)
		if err != nil {
			return
		}
		if twice, err := NormalizeEmail(once); err != nil || twice != once {
			t.Errorf("%q becomes %q, which becomes %q %v", text, once, twice, err)
		}
	})
}

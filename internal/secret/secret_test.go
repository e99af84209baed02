package secret_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"meridian/internal/secret"
	"meridian/internal/testkit"
)

func TestBytes_AreNotShown(t *testing.T) {
	s := secret.Bytes("hunter2 hunter2 hunter2")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o"} {
		for _, value := range []any{s, struct{ Secret secret.Bytes }{s}, []secret.Bytes{s}} {
			text := fmt.Sprintf(verb, value)
			if strings.Contains(text, "hunter2") || strings.Contains(strings.ToLower(text), "68756e746572") || strings.Contains(text, "104 117") {
				t.Errorf("%s shows %s", verb, text)
			}
		}
	}
	if text, _ := s.MarshalText(); string(text) != "[redacted]" || s.LogValue().String() != "[redacted]" {
		t.Error("encoded or logged as it is")
	}
}

// TestKey pins a key: a change of the derivation would lose every account of every shop.
func TestKey(t *testing.T) {
	s := secret.Bytes(bytes.Repeat([]byte("s"), secret.MinBytes))
	key := testkit.Must(s.Key("a purpose"))(t)
	if got, want := hex.EncodeToString(key), "858dfba35cf16729c820f0526d1d6e27a59a36657dfbbf7ec10a782038a8eabb"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	other := testkit.Must(s.Key("another purpose"))(t)
	if bytes.Equal(key, other) {
		t.Error("two purposes have one key")
	}
}

package promotion

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"meridian/internal/invalid"
)

// ParseSpec reads a spec. It refuses what it does not know, so that no promotion applies
// without a condition that somebody thought it had, and with *invalid.Error what is not valid.
func ParseSpec(text []byte) (Spec, error) {
	var s Spec
	if err := json.Unmarshal(text, &s, json.RejectUnknownMembers(true)); err != nil {
		return Spec{}, fmt.Errorf("read what a promotion gives: %w", err)
	}
	var faults invalid.List
	s.check(&faults)
	return s, faults.Err("promotion")
}

// Encode writes the spec as ParseSpec reads it, the same text for the same spec.
func (s Spec) Encode() (string, error) {
	text, err := json.Marshal(s, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("encode what a promotion gives: %w", err)
	}
	return string(text), nil
}

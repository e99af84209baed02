package main

import (
	"strings"
	"testing"
)

func TestBenchSearch_Mistakes(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want []string // in the error
	}{
		{"no data", nil, []string{"--data", "pc_parts.jsonl.gz"}},
		{"data elsewhere", []string{"--data", t.TempDir()}, []string{"--data", "pricerunner_offers.csv.gz"}},
		{"no products", []string{"--data", "x", "--products", "0"}, []string{"--products 0", "1 or more"}},
		{"no clients", []string{"--data", "x", "--clients", "0"}, []string{"--clients", "more than 0"}},
		{"no such region", []string{"--data", "x", "--region", "mars"}, []string{"mars", "eu-west"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, _, stderr := meridianCommand(t, append([]string{"bench", "search"}, test.args...)...)
			if code != exitUsage {
				t.Errorf("exit code %d, want %d: %s", code, exitUsage, stderr)
			}
			for _, want := range test.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q does not say %q", stderr, want)
				}
			}
		})
	}
}

package database

import "testing"

func TestOperationOf(t *testing.T) {
	for sql, want := range map[string]string{
		"\nSELECT status\nFROM payments": "SELECT", "select 1": "SELECT", "SELECT\t1": "SELECT",
		"WITH due AS (SELECT 1) UPDATE outbox SET attempts = 1": "WITH",
		"begin isolation level serializable":                    "BEGIN", "commit;": "COMMIT",
		"SET TRANSACTION READ ONLY, DEFERRABLE": "SET",
		"":                                      "OTHER", "-- a comment\nSELECT 1": "OTHER", "o'hara@example.com": "OTHER", "SELECTED": "OTHER",
	} {
		if got := operationOf(t.Context(), sql); got != want {
			t.Errorf("%q is counted as %q, want %q", sql, got, want)
		}
	}
}

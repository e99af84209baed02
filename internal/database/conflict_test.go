package database

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestWhyAgain_Conflicts: what one transaction lost to another is run again, a fault of the
// server is not.
func TestWhyAgain_Conflicts(t *testing.T) {
	tests := []struct {
		name string
		err  pgconn.PgError
		want againReason
	}{
		{"serialization failure", pgconn.PgError{Code: "40001"}, conflict},
		{"deadlock", pgconn.PgError{Code: "40P01"}, conflict},
		{"race for a row's lock", pgconn.PgError{Code: "XX000", Message: "new multixact has more than one updating member: 0 2[7 (keysh), 8 (nokeyupd)]"}, conflict},
		{"any other internal error", pgconn.PgError{Code: "XX000", Message: "cache lookup failed"}, finalOutcome},
		{"a constraint", pgconn.PgError{Code: "23514"}, finalOutcome},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := whyAgain(fmt.Errorf("write: %w", &test.err)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if IsRowLockRace(errors.New("new multixact has more than one updating member")) {
		t.Error("an error that is not the server's passes for one")
	}
}

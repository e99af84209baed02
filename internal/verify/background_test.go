package verify_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/verify"
)

// TestRun_Background: a pod's audit finds what the operator's finds, whichever way its
// engine lets it read.
func TestRun_Background(t *testing.T) {
	s := newShop(t)
	databasetest.Exec(t, s.db, `UPDATE stock SET on_hand = on_hand + 1 WHERE sku = (SELECT min(sku) FROM stock)`)
	want := s.audit(t, verify.Options{})
	if want.Clean {
		t.Fatal("the audit finds nothing")
	}
	background := verify.Options{Regions: s.regions, Background: true}
	if diff := cmp.Diff(want.Results, s.audit(t, background).Results); diff != "" {
		t.Errorf("in the background (-want +got):\n%s", diff)
	}
	background.Examples = 20
	for _, result := range want.Results {
		if diff := cmp.Diff(result, testkit.Must(verify.RunStale(t.Context(), s.db, background, result.Check))(t)); diff != "" {
			t.Errorf("from a replica (-want +got):\n%s", diff)
		}
	}
}

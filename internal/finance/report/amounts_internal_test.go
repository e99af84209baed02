package report

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSums: a row adds up whatever its orders come to, also beyond 64 bits.
func TestSums(t *testing.T) {
	var s sums
	for range 3 {
		s.add(amounts{gross: math.MaxInt64, shipping: 1, tax: 2, discount: 3, refunds: 4})
	}
	want := []string{"27670116110564327421", "3", "6", "9", "12", "27670116110564327412"}
	if diff := cmp.Diff(want, s.record()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

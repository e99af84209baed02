package discovery

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"meridian/internal/testkit"
)

var four = []string{"us-east", "us-west", "eu-west", "ap-southeast"}

func change(region string) Change {
	return Change{Region: region, At: time.Now(), By: "ada", What: "drain", Reason: "database upgrade"}
}

// wantDrained waits until all directories say so of exactly some regions.
func (w *world) wantDrained(t *testing.T, want ...string) {
	t.Helper()
	for at, directory := range w.at {
		var drained []string
		for deadline := time.Now().Add(testkit.Patience); ; time.Sleep(20 * time.Millisecond) {
			drained = nil
			for _, region := range four {
				if directory.Pool().Regions[region].Control.Drained {
					drained = append(drained, region)
				}
			}
			if slices.Equal(drained, want) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("in %s %v are drained, want %v", at, drained, want)
			}
		}
	}
}

// TestConsul_Change: what an operator decides in one region holds in all four, and everybody follows.
func TestConsul_Change(t *testing.T) {
	w := newWorld(t, four...)
	began := time.Now()
	if missed, err := w.at["eu-west"].Change(t.Context(), change("us-east"), false, drain); err != nil || len(missed) > 0 {
		t.Fatalf("drain: missed %v, %v", missed, err)
	}
	w.wantDrained(t, "us-east")
	t.Logf("all four follow after %v", time.Since(began).Round(time.Millisecond))
	if _, err := w.at["us-west"].Change(t.Context(), change("us-west"), false, drain); err != nil {
		t.Fatal(err)
	}
	w.wantDrained(t, "us-east", "us-west")

	var racing sync.WaitGroup
	errs := make([]error, 2)
	for n, region := range []string{"eu-west", "ap-southeast"} {
		racing.Go(func() { _, errs[n] = w.at[region].Change(t.Context(), change(region), false, drain) })
	}
	racing.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("of two who close the last two regions at the same time one is refused: %v, %v", errs[0], errs[1])
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, ErrNothingOpen) && !errors.Is(err, errChanged) {
			t.Errorf("it is refused for %v", err)
		}
	}
	if _, err := w.at["us-west"].Change(t.Context(), change("mars"), false, drain); err == nil {
		t.Error("a region that there is not was drained")
	}
	controls, _, err := w.at["us-west"].Controls(t.Context())
	if err != nil || len(controls.History) != 3 || controls.History[0].By != "ada" || controls.History[0].Reason != "database upgrade" {
		t.Errorf("the history is %+v, %v", controls.History, err)
	}
}

// TestConsul_Reconcile: a datacenter that was away takes over what was decided meanwhile.
func TestConsul_Reconcile(t *testing.T) {
	w := newWorld(t, "us-east", "eu-west")
	w.servers["eu-west"].Kill()
	missed, err := w.at["us-east"].Change(t.Context(), change("us-east"), false, drain)
	if err != nil || !slices.Equal(missed, []string{"eu-west"}) {
		t.Fatalf("drain: missed %v, %v", missed, err)
	}
	w.servers["eu-west"].Run(t)
	for deadline := time.Now().Add(testkit.Patience); ; time.Sleep(200 * time.Millisecond) {
		if copied, err := w.at["us-east"].Reconcile(t.Context()); err == nil && copied == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the datacenter that is back does not take over")
		}
	}
	w.wantDrained(t, "us-east")
	if copied, err := w.at["us-east"].Reconcile(t.Context()); copied != 0 || err != nil {
		t.Errorf("a second time %d are copied, %v", copied, err)
	}
}

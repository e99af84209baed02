package discovery

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drain(c *Control) { c.Drained = true }

func TestControls_After(t *testing.T) {
	regions := []string{"us-east", "eu-west"}
	drained, err := Controls{}.after(Change{Region: "us-east", At: begun}, drain, regions, false)
	if err != nil || drained.Of("us-east").Takes() || !drained.Of("eu-west").Takes() || drained.Version != 1 {
		t.Fatalf("after a drain: %+v, %v", drained, err)
	}
	for name, set := range map[string]func(*Control){"drain": drain, "weight 0": func(c *Control) { c.WeightPercent = 0 }} {
		change := Change{Region: "eu-west", At: begun}
		if _, err := drained.after(change, set, regions, false); !errors.Is(err, ErrNothingOpen) {
			t.Errorf("%s of the last region: %v, want ErrNothingOpen", name, err)
		}
		forced, err := drained.after(change, set, regions, true)
		if err != nil || forced.Of("eu-west").Takes() {
			t.Errorf("%s by force: %+v, %v", name, forced, err)
		}
		if drained.Of("eu-west").Version != 0 {
			t.Errorf("%s changed what was before", name)
		}
	}
	for range maxHistory + 10 {
		drained, err = drained.after(Change{Region: "us-east", At: begun}, func(c *Control) { c.WeightPercent = 20 }, regions, false)
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(drained.History) != maxHistory {
		t.Errorf("%d changes are kept, want %d", len(drained.History), maxHistory)
	}
}

// TestControls_Newer: of any two that differ exactly one is in force, so that all datacenters agree after a cut.
func TestControls_Newer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Controls {
			at := begun.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, name+" at")) * time.Second)
			return Controls{Version: rapid.Int64Range(0, 2).Draw(t, name), History: []Change{{At: at}}}
		}
		a, b := draw("a"), draw("b")
		differ := a.Version != b.Version || !a.changedAt().Equal(b.changedAt())
		if (a.newer(b) != b.newer(a)) != differ {
			t.Fatalf("%+v and %+v: newer are %t and %t", a, b, a.newer(b), b.newer(a))
		}
	})
}

func TestChange_Validate(t *testing.T) {
	good := Change{Region: "eu-west", By: "ada", Reason: "database upgrade"}
	if err := good.Validate([]string{"eu-west"}); err != nil {
		t.Error(err)
	}
	for want, c := range map[string]Change{
		"region":  {Region: "mars", By: "ada", Reason: "upgrade"},
		"by:":     {Region: "eu-west", Reason: "upgrade"},
		"reason:": {Region: "eu-west", By: "ada"},
		"say why": {Region: "eu-west", By: "ada", Reason: strings.Repeat("x", maxText+1)},
	} {
		if err := c.Validate([]string{"eu-west"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q in it", c, err, want)
		}
	}
}

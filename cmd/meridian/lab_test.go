package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/lab/wan"
	"meridian/internal/local"
	"meridian/internal/local/pair"
	"meridian/internal/testkit"
)

// TestLab_Mistakes: each mistake is named, before anything is asked of a shop.
func TestLab_Mistakes(t *testing.T) {
	t.Chdir(t.TempDir()) // no shop is open here
	for want, args := range map[string][]string{
		"meridian up --wan":        {"status"},
		"cut FROM TO":              {"cut", "eu-west"},
		"--by is missing":          {"slow", "eu-west"},
		"--share is missing":       {"loss", "eu-west"},
		"--rate is missing":        {"bandwidth", "eu-west"},
		"kill REGION":              {"kill"},
		"unknown flag: --for":      {"cut", "a", "b", "--for", "2s"},
		"unknown command \"mend\"": {"mend"},
	} {
		code, _, stderr := meridianCommand(t, append([]string{"lab"}, args...)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("lab %v: exit code %d, %q; want a word on %s", args, code, stderr, want)
		}
	}
}

// TestPrintLab: people see which regions are up, where the database is, the round trips, and what was changed.
func TestPrintLab(t *testing.T) {
	const ms = time.Millisecond
	status := local.LabStatus{
		Sites:    []string{"us-east", "eu-west"},
		Regions:  []local.LabRegion{{Name: "us-east", Up: false}, {Name: "eu-west", Up: true}},
		Database: &pair.Status{Mode: pair.Asynchronous, Primary: "eu-west", Standby: "us-east", Generation: 2, TookOver: 1500 * ms},
		Links: []local.LabLink{
			{From: "us-east", To: "eu-west", Link: wan.Link{Delay: 33 * ms}},
			{From: "eu-west", To: "us-east", Link: wan.Link{Delay: 133 * ms, Loss: 0.02, Bandwidth: 5000, Cut: true}, Changed: true},
		},
	}
	var out bytes.Buffer
	testkit.NoError(t, printLab(&out, status))
	want := `us-east        DOWN
eu-west        up
database       primary in eu-west, generation 2, took over in 1.5s; the standby in us-east is lost or catches up: no failover

  round trip, ms  us-east  eu-west
         us-east               166
         eu-west      166         
eu-west to us-east: CUT, delay 133ms, loss 2 %, bandwidth 5000 bytes/s
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("what is printed differs (-want +got):\n%s", diff)
	}
	for mode, want := range map[pair.Mode]string{
		pair.Single: "no standby", pair.Synchronous: "synchronous standby in us-east", pair.Down: "DOWN",
	} {
		status.Database.Mode = mode
		if got := describeDatabase(*status.Database); !strings.Contains(got, want) {
			t.Errorf("%s is described as %q", mode, got)
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/lab/predict"
	"meridian/internal/testkit"
)

// geoPredict runs the command and returns its exit code and what it printed on both streams.
func geoPredict(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errors bytes.Buffer
	code = run(t.Context(), append([]string{"geo", "predict"}, args...), &out, &errors)
	return code, out.String(), errors.String()
}

// TestGeoPredict_Documented: docs/geo.md shows what the command prints.
func TestGeoPredict_Documented(t *testing.T) {
	code, stdout, stderr := geoPredict(t, "--from", "eu-west")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	page := string(testkit.Must(os.ReadFile("../../docs/geo.md"))(t))
	for line := range strings.Lines(stdout) {
		if !strings.Contains(page, strings.TrimRight(line, " \n")+"\n") {
			t.Errorf("docs/geo.md lacks the line %q", line)
		}
	}
}

// TestGeoPredict_Choice: what is printed is what is asked for.
func TestGeoPredict_Choice(t *testing.T) {
	type line struct{ From, Operation string }
	read := func(args ...string) (lines []line, rows []predict.Row) {
		t.Helper()
		code, stdout, stderr := geoPredict(t, append(args, "--json")...)
		if code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, stderr)
		}
		testkit.NoError(t, json.Unmarshal([]byte(stdout), &rows))
		for _, row := range rows {
			lines = append(lines, line{row.From, row.Operation})
		}
		return lines, rows
	}
	got, rows := read("--from", "SG", "--from", "us-west", "--operation", "getOrder", "--operation", "getPrice")
	want := []line{{"SG", "getOrder"}, {"SG", "getPrice"}, {"us-west", "getOrder"}, {"us-west", "getPrice"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the rows differ (-want +got):\n%s", diff)
	}
	o := rows[2]
	if o.SingleRegion != 86 || o.Near["region"] != 9 || o.Far["zone"] != 993 || o.FarHome != "ap-southeast" || o.Statements != 6 {
		t.Errorf("an order from us-west: %+v", o)
	}
	if got, _ = read(); len(got) != 4*len(predict.Journey) {
		t.Errorf("%d rows by default, want a purchase in four regions", len(got))
	}
	if got, _ = read("--all", "--from", "eu-west"); len(got) < 100 {
		t.Errorf("%d rows with --all", len(got))
	}
	_, stdout, _ := geoPredict(t, "--survival", "zone", "--from", "DE", "--operation", "placeOrder")
	if !strings.Contains(stdout, "near, zone") || strings.Contains(stdout, "region  far") {
		t.Errorf("with --survival zone:\n%s", stdout)
	}
	_, shorter := read("--from", "eu-west", "--operation", "registerAccount", "--max-offset", "250ms")
	_, longer := read("--from", "eu-west", "--operation", "registerAccount")
	if difference := longer[0].Near["zone"] - shorter[0].Near["zone"]; difference != 250 {
		t.Errorf("registering waits %v ms longer for clocks 250 ms further apart", difference)
	}
}

// TestGeoPredict_Refusals: each mistake is told with what there is, in one line but for several of them.
func TestGeoPredict_Refusals(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--from", "mars"}, `--from: "mars" is no place: use a region (us-east`},
		{[]string{"--operation", "buy"}, `--operation: there is no "buy": use one of addAddress`},
		{[]string{"--survival", "world"}, `--survival "world": use zone or region`},
		{[]string{"--max-offset", "-1s"}, "--max-offset -1s"},
		{[]string{"--repeat", "0"}, "--repeat 0: use 1 to 1000"},
		{[]string{"--all", "--operation", "getOrder"}, "--all and --operation"},
		{[]string{"--measure", "--from", "eu-west"}, "--measure buys in every region"},
		{[]string{"--pod", "eu-west=http://127.0.0.1:1"}, "--pod is for --measure"},
		{[]string{"--measure", "--pod", "mars=http://127.0.0.1:1"}, `--pod: there is no region "mars"`},
		{[]string{"--measure", "--pod", "eu-west=http://127.0.0.1:1"}, "--pod us-east=URL is missing"},
		{[]string{"--measure", "--pod", "eu-west"}, "--pod"},
		{[]string{"--measure", "--dir", dir}, "meridian up --wan"},
		{[]string{"everything"}, "everything"},
	} {
		code, stdout, stderr := geoPredict(t, c.args...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit %d, %q, want %q", c.args, code, stderr, c.want)
		}
	}
}

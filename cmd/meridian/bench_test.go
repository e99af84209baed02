package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	labaudit "meridian/internal/lab/audit"
	"meridian/internal/lab/bench"
	"meridian/internal/testkit"
)

func TestBench_Mistakes(t *testing.T) {
	t.Chdir(t.TempDir()) // no shop is open here
	for _, test := range []struct {
		name string
		args []string
		want []string // in the error
	}{
		{"no such scenario", []string{"fly"}, []string{`"fly"`, "hot-sku"}},
		{"no such region", []string{"--regions", "mars"}, []string{"--regions", "mars", "eu-west"}},
		{"too many clients", []string{"--clients", "100000"}, []string{"--clients 100000", "4096"}},
		{"no such way", []string{"--through", "tunnel"}, []string{"--through", "edge"}},
		{"no shop is open", []string{"--dir", "nowhere"}, []string{"--dir nowhere", "meridian up"}},
		{"another's shop filled", []string{"prices", "--dir", "nowhere"}, []string{"prices", "--dir"}},
		{"too few SKUs", []string{"prices", "--skus", "10"}, []string{"--skus 10", "2000"}},
		{"a profile of another's shop", []string{"--dir", "nowhere", "--profile", "x"}, []string{"--profile", "--dir"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, _, stderr := meridianCommand(t, append([]string{"bench"}, test.args...)...)
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

func TestBench_List(t *testing.T) {
	code, stdout, _ := meridianCommand(t, "bench", "--list")
	for _, name := range bench.Names() {
		if code != 0 || !strings.Contains(stdout, "  "+name+" ") {
			t.Errorf("exit code %d, and the list lacks %s:\n%s", code, name, stdout)
		}
	}
}

// A missed floor is printed in any case; with --strict it is an error, which exits 1.
func TestBench_Strict(t *testing.T) {
	report := bench.Report{
		Audit:  labaudit.Audit{Clean: true},
		Floors: []bench.Floor{{About: "checkout", Want: "at least 35%", Got: "30%"}},
	}
	for _, test := range []struct {
		name           string
		strict, asJSON bool
	}{{"lenient", false, false}, {"strict", true, false}, {"lenient JSON", false, true}, {"strict JSON", true, true}} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			err := benchFlags{strict: test.strict, asJSON: test.asJSON}.finish(&out, report)
			if errors.Is(err, bench.ErrMissed) != test.strict || err != nil && exitCode(err) != exitFailed {
				t.Errorf("finished with %v", err)
			}
			if !test.asJSON && !strings.Contains(out.String(), "MISSED") {
				t.Errorf("the report does not say MISSED:\n%s", &out)
			}
		})
	}
	for _, command := range [][]string{{"bench"}, {"bench", "search"}} {
		if _, help, _ := meridianCommand(t, append(command, "--help")...); !strings.Contains(help, "--strict") {
			t.Errorf("the help of %v does not tell of --strict", command)
		}
	}
}

func TestServePprof(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":6060", "192.0.2.1:6060", "localhost:6060", "[::]:0", "6060"} {
		code, _, stderr := meridianCommand(t, "up", "--dir", t.TempDir(), "--pprof", address)
		if code != exitUsage || !strings.Contains(stderr, "127.0.0.1:6060") {
			t.Errorf("%s: exit code %d, %s", address, code, stderr)
		}
	}
	var out bytes.Buffer
	stop := testkit.Must(servePprof("127.0.0.1:0", &out))(t)
	defer stop()
	url := strings.TrimSpace(strings.TrimPrefix(out.String(), "profiles at "))
	for path, want := range map[string]string{"": "goroutine", "allocs?debug=1": "heap profile"} {
		answer := testkit.Must(http.Get(url + path))(t)
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s%s does not say %q, %v", url, path, want, err)
		}
	}
}

package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"meridian/internal/telemetry"
	"meridian/internal/testkit"
)

func TestReadiness(t *testing.T) {
	fine := func(context.Context) error { return nil }
	failing := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	tests := []struct {
		name string
		set  func(*Deps, *Config)
		want []checkResponse
	}{
		{
			name: "ready",
			set: func(d *Deps, _ *Config) {
				d.SchemaCurrent = fine
				d.Checks = []Check{{Name: "search", Probe: fine}}
			},
			want: []checkResponse{{Name: "serving", OK: true}, {Name: "database", OK: true}, {Name: "schema", OK: true}, {Name: "search", OK: true}},
		},
		{
			name: "ready, with details",
			set: func(d *Deps, _ *Config) {
				d.Checks = []Check{{Name: "search", Detail: func() string { return "0.4 s behind, 4,429 documents" }}}
			},
			want: []checkResponse{{Name: "serving", OK: true}, {Name: "database", OK: true},
				{Name: "search", OK: true, Detail: "0.4 s behind, 4,429 documents"}},
		},
		{
			name: "database away",
			set: func(d *Deps, _ *Config) {
				d.Ping = failing(&pgconn.ConnectError{Config: &pgconn.Config{User: "meridian"}})
			},
			want: []checkResponse{{Name: "serving", OK: true}, {Name: "database", Detail: "the database does not answer"}},
		},
		{
			name: "database silent",
			set:  func(d *Deps, _ *Config) { d.Ping = failing(context.DeadlineExceeded) },
			want: []checkResponse{{Name: "serving", OK: true}, {Name: "database", Detail: "no answer within 1s"}},
		},
		{
			name: "migrations outstanding",
			set:  func(d *Deps, _ *Config) { d.SchemaCurrent = failing(errors.New("2 migrations are outstanding")) },
			want: []checkResponse{{Name: "serving", OK: true}, {Name: "database", OK: true},
				{Name: "schema", Detail: "2 migrations are outstanding"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := ask(validated(t, newTestServer(t, test.set).Handler()), "GET", "/readyz", "")
			var got readinessResponse
			testkit.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
			if diff := cmp.Diff(test.want, got.Checks); diff != "" {
				t.Error(diff)
			}
			ready := strings.HasPrefix(test.name, "ready")
			if got.Ready != ready || (w.Code == http.StatusOK) != ready {
				t.Errorf("answered %d, ready %v", w.Code, got.Ready)
			}
		})
	}
}

func TestHealth_AsksNobody(t *testing.T) {
	s := newTestServer(t, func(d *Deps, _ *Config) {
		d.Ping = func(context.Context) error {
			t.Error("the database was asked")
			return nil
		}
	})
	if w := ask(validated(t, s.Handler()), "GET", "/healthz", ""); w.Code != http.StatusOK {
		t.Errorf("answered %d", w.Code)
	}
}

func TestMetrics(t *testing.T) {
	reporting := testkit.Must(telemetry.Setup(t.Context(), telemetry.Config{Region: "eu-west"}))(t)
	h := validated(t, newTestServer(t, func(d *Deps, _ *Config) {
		d.Meter, d.Tracer, d.Metrics = reporting.Meter, reporting.Tracer, reporting.Metrics()
	}).Handler())
	ask(h, "GET", "/v1/regions", "")
	w := ask(h, "GET", "/metrics", "")
	const want = `http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="2xx",http_route="/v1/regions",region="eu-west"} 1`
	if w.Code != http.StatusOK || !containsLine(w.Body.String(), want) {
		t.Errorf("answered %d without %s:\n%s", w.Code, want, w.Body)
	}
	wantProblem(t, ask(newTestServer(t).Handler(), "GET", "/metrics", ""), http.StatusNotFound, "not_found")
}

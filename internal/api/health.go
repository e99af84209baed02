package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"meridian/internal/database"
)

// A Check is one condition for taking requests.
type Check struct {
	// Name is what is checked, for example "search".
	Name string
	// Probe returns nil while the condition holds, else an error that says what is missing. Its text is answered at
	// /readyz. It must heed its context, which ends after a second.
	Probe func(ctx context.Context) error
	// Detail, if not nil, says more of what is well, for people. Without a Probe that is all there is: what is told makes
	// no server unready.
	Detail func() string
}

// probeTimeout bounds each check, so that readiness is answered before a load balancer gives up on it.
const probeTimeout = time.Second

type healthResponse struct {
	Status string `json:"status"`
	Region string `json:"region"`
}

// getHealth says that the process runs and answers. It asks nobody: a pod is not restarted because the database is
// away.
func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, healthResponse{Status: "ok", Region: s.Region})
}

type readinessResponse struct {
	Ready   bool            `json:"ready"`
	Region  string          `json:"region"`
	Version string          `json:"version,omitzero"`
	Active  int64           `json:"active_requests"`
	DataAge int64           `json:"data_age_ms"`
	Checks  []checkResponse `json:"checks"`
}

type checkResponse struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitzero"`
}

// getReadiness says whether this pod should be sent requests, and if not, what exactly is missing.
func (s *Server) getReadiness(w http.ResponseWriter, r *http.Request) error {
	answer := readinessResponse{
		Ready: true, Region: s.Region, Version: s.Version, Active: s.metrics.current.Load(), Checks: s.probe(r.Context()),
	}
	if s.DataAge != nil {
		answer.DataAge = s.DataAge().Milliseconds()
	}
	for _, check := range answer.Checks {
		answer.Ready = answer.Ready && check.OK
	}
	if !answer.Ready {
		w.Header().Set("Retry-After", "1")
		return writeJSON(w, http.StatusServiceUnavailable, answer)
	}
	return writeJSON(w, http.StatusOK, answer)
}

// Ready returns nil if this pod should be sent requests, else an error that says what is missing.
func (s *Server) Ready(ctx context.Context) error {
	var faults []error
	for _, check := range s.probe(ctx) {
		if !check.OK {
			faults = append(faults, fmt.Errorf("%s: %s", check.Name, check.Detail))
		}
	}
	return errors.Join(faults...)
}

// probe runs every check at the same time. Callers that ask at the same time share one run, whose outcome does not
// depend on which of them leaves.
func (s *Server) probe(ctx context.Context) []checkResponse {
	outcome, _, _ := s.probing.Do("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
		defer cancel()
		checks := s.checks()
		answers := make([]checkResponse, len(checks))
		var wg sync.WaitGroup
		for i, check := range checks {
			wg.Go(func() { answers[i] = s.runCheck(ctx, check) })
		}
		wg.Wait()
		return answers, nil
	})
	return outcome.([]checkResponse)
}

func (s *Server) checks() []Check {
	checks := []Check{{Name: "serving", Probe: s.checkServing}, {Name: "database", Probe: s.Ping}}
	if s.SchemaCurrent != nil {
		checks = append(checks, Check{Name: "schema", Probe: s.SchemaCurrent})
	}
	return append(checks, s.Checks...)
}

func (s *Server) checkServing(context.Context) error {
	if s.draining.Load() {
		return errors.New("the server is stopping")
	}
	return nil
}

func (s *Server) runCheck(ctx context.Context, check Check) checkResponse {
	var err error
	if check.Probe != nil {
		err = check.Probe(ctx)
	}
	if err == nil {
		answer := checkResponse{Name: check.Name, OK: true}
		if check.Detail != nil {
			answer.Detail = check.Detail()
		}
		return answer
	}
	s.Log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.String("check", check.Name), slog.Any("error", err))
	return checkResponse{Name: check.Name, Detail: checkDetail(err)}
}

// checkDetail returns what a failed check may say in public: a driver's errors name hosts and users.
func checkDetail(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer within " + probeTimeout.String()
	case database.Unavailable(err):
		return "the database does not answer"
	}
	return err.Error()
}

// getMetrics answers Prometheus.
func (s *Server) getMetrics(w http.ResponseWriter, r *http.Request) error {
	if s.Metrics == nil {
		return notFound("This server keeps no metrics.")
	}
	s.Metrics.ServeHTTP(w, r)
	return nil
}

package dns

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"meridian/geo"
	"meridian/geo/rum"
)

// How often collectors are asked for the round trips that users measured, how long each may take, and how long its last
// answer counts while it does not answer.
const (
	measuredEvery   = time.Minute
	measuredTimeout = 5 * time.Second
	measuredKeep    = 24 * time.Hour
)

// A collector is what one of the file's URLs answered last.
type collector struct {
	figures []rum.Figure
	at      time.Time
}

// followMeasurements asks the collectors that the file names, at once and then at each interval, until ctx ends.
func (s *Server) followMeasurements(ctx context.Context, interval time.Duration) {
	client := &http.Client{Timeout: measuredTimeout}
	defer client.CloseIdleConnections()
	known := make(map[string]collector)
	ask := func() {
		known = s.askCollectors(ctx, client, known)
		var lists [][]rum.Figure
		for _, one := range known {
			lists = append(lists, one.figures)
		}
		s.correct(rum.Merge(lists...))
	}
	ask()
	every(ctx, interval, ask)
}

// askCollectors returns what the collectors say now, or said last.
func (s *Server) askCollectors(ctx context.Context, client *http.Client, known map[string]collector) map[string]collector {
	next := make(map[string]collector)
	for _, url := range s.view.Load().zone.file.Measurements {
		figures, err := rum.Fetch(ctx, client, url)
		if err == nil {
			next[url] = collector{figures, time.Now()}
			continue
		}
		if ctx.Err() == nil {
			s.cfg.Log.Warn("a collector does not answer: its last figures count on", slog.Any("error", err))
		}
		if last, ok := known[url]; ok && time.Since(last.at) < measuredKeep {
			next[url] = last
		}
	}
	return next
}

// correct has the regions ranked by the shipped figures, corrected by the observations. The same as before change nothing.
func (s *Server) correct(observed []geo.Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Equal(observed, s.observed) {
		return
	}
	s.observed, s.ranker = observed, s.base.Corrected(observed)
	now := s.view.Load()
	s.look(now.zone, now.states)
}

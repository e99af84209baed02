package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Degraded says which kind of source answered in place of the region's own index.
type Degraded string

// The ways in which an answer may be degraded, best first.
const (
	// NotDegraded means the region's own index.
	NotDegraded Degraded = ""
	// RemoteRegion means the index of the nearest other region that answers: the same products, with that region's
	// popularity.
	RemoteRegion Degraded = "remote-region"
	// FromDatabase means the database: titles and brands that begin with the text, by category. There are no facets.
	FromDatabase Degraded = "database"
)

// A Source is an engine that a Searcher may ask.
type Source struct {
	// Name identifies the source in logs and metrics; it is usually a region's name.
	Name     string
	Engine   Engine
	Degraded Degraded
	// Filled, if not nil, reports whether the index is complete. An index that is being filled, for the first time or
	// after it was lost, would return fewer hits. Filled is polled by Searcher.Watch, for engines that do not set
	// Result.Partial.
	Filled func(ctx context.Context) (bool, error)
	// Timeout bounds a query; zero means DefaultTimeout.
	Timeout time.Duration
}

// DefaultTimeout is how long an engine may take for a query. A shopper who waits longer is better served by the next
// source.
const DefaultTimeout = 800 * time.Millisecond

// The parameters of a source's circuit breaker: when it opens, and for how long.
const (
	breakerFailures = 5
	breakerOpen     = 2 * time.Second
	breakerWindow   = 10 * time.Second
	breakerMinimum  = 20 // queries in a window before the share of failures counts
)

// source is a Source with its circuit breaker.
type source struct {
	Source
	breaker *gobreaker.CircuitBreaker[Result]
	filled  atomic.Bool
}

func newSource(s Source, log *slog.Logger, changed func(source string, open bool)) *source {
	s.Timeout = cmp.Or(s.Timeout, DefaultTimeout)
	made := &source{Source: s}
	made.filled.Store(s.Filled == nil)
	made.breaker = gobreaker.NewCircuitBreaker[Result](gobreaker.Settings{
		Name: s.Name, Timeout: breakerOpen, Interval: breakerWindow,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.ConsecutiveFailures >= breakerFailures || c.Requests >= breakerMinimum && 2*c.TotalFailures >= c.Requests
		},
		// Cancelled requests say nothing about the engine.
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
		OnStateChange: func(name string, from, to gobreaker.State) {
			log.Warn("circuit of a search engine changed", "source", name, "from", from.String(), "to", to.String())
			changed(name, to == gobreaker.StateOpen)
		},
	})
	return made
}

// ask queries the source unless its breaker is open or its index incomplete.
func (s *source) ask(ctx context.Context, q Query) (Result, error) {
	if !s.filled.Load() {
		return Result{}, errFilling
	}
	found, err := s.breaker.Execute(func() (Result, error) {
		bounded, cancel := context.WithTimeout(ctx, s.Timeout)
		defer cancel()
		found, err := s.Engine.Search(bounded, q)
		if err != nil && ctx.Err() != nil {
			return found, ctx.Err() // the caller's deadline or cancellation, not the engine's
		}
		return found, err
	})
	if err == nil && found.Partial {
		return Result{}, errFilling
	}
	return found, err
}

// errFilling does not count as a failure of the engine: it does not open the circuit.
var errFilling = fmt.Errorf("%w: its index is still being filled", ErrUnavailable)

// ask queries one source after another until one answers. It fails with ErrUnavailable if none does, and with the
// context's error if ctx has ended.
func (s *Searcher) ask(ctx context.Context, q Query) (Result, *source, error) {
	var errs []error
	for _, from := range s.sources {
		found, err := from.ask(ctx, q)
		if err == nil {
			return found, from, nil
		}
		if ctx.Err() != nil {
			return Result{}, nil, ctx.Err()
		}
		s.metrics.failed(ctx, from.Name)
		if unexpected(err) {
			s.log.ErrorContext(ctx, "a search engine failed at a query", "source", from.Name, "error", err)
		}
		errs = append(errs, fmt.Errorf("%s: %w", from.Name, err))
	}
	return Result{}, nil, fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(errs...))
}

// unexpected reports whether an error is a bug rather than an engine that is down or overloaded.
func unexpected(err error) bool {
	return !errors.Is(err, ErrUnavailable) && !errors.Is(err, gobreaker.ErrOpenState) &&
		!errors.Is(err, gobreaker.ErrTooManyRequests) && !errors.Is(err, context.DeadlineExceeded)
}

// A RemoteEngine is another region's engine. Its answers ignore the InStock filter, since its index holds that region's
// stock.
type RemoteEngine struct{ Engine }

// Search queries the engine without the InStock filter, and lists it in Result.Ignored.
func (r RemoteEngine) Search(ctx context.Context, q Query) (Result, error) {
	if !q.Filter.InStock {
		return r.Engine.Search(ctx, q)
	}
	q.Filter.InStock = false
	found, err := r.Engine.Search(ctx, q)
	found.Ignored = append(slices.Clip(found.Ignored), PartStock)
	return found, err
}

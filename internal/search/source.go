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

// Degraded says that an answer does not come from the region's own index.
type Degraded string

// How an answer may be degraded, best first.
const (
	// NotDegraded is the region's own index.
	NotDegraded Degraded = ""
	// RemoteRegion is the index of the nearest other region that answers: the same products, popular there.
	RemoteRegion Degraded = "remote-region"
	// FromDatabase is the database: titles and brands that begin with the text, in a category. Without facets.
	FromDatabase Degraded = "database"
)

// A Source is somewhere that queries can be answered.
type Source struct {
	// Name tells it from the others in logs and metrics, such as a region's name.
	Name     string
	Engine   Engine
	Degraded Degraded
	// Filled, if not nil, says whether the index holds everything: while it is filled for the first time, or again
	// after it was lost, it would answer with less. It is asked in the background (Searcher.Watch), for the engines whose
	// results do not tell (Result.Partial).
	Filled func(ctx context.Context) (bool, error)
	// Timeout bounds one query; DefaultTimeout where it is zero.
	Timeout time.Duration
}

// DefaultTimeout is how long an engine may take for a query. A shopper who waits longer is better served by the next.
const DefaultTimeout = 800 * time.Millisecond

// The circuit breaker of a source: what opens it, and for how long it is then left alone.
const (
	breakerFailures = 5
	breakerOpen     = 2 * time.Second
	breakerWindow   = 10 * time.Second
	breakerMinimum  = 20 // queries of a window before their share of failures counts
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
		// A shopper who hangs up says nothing about the engine.
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
		OnStateChange: func(name string, from, to gobreaker.State) {
			log.Warn("circuit of a search engine changed", "source", name, "from", from.String(), "to", to.String())
			changed(name, to == gobreaker.StateOpen)
		},
	})
	return made
}

// ask asks the source, if its breaker lets us and it holds everything.
func (s *source) ask(ctx context.Context, q Query) (Result, error) {
	if !s.filled.Load() {
		return Result{}, errFilling
	}
	found, err := s.breaker.Execute(func() (Result, error) {
		bounded, cancel := context.WithTimeout(ctx, s.Timeout)
		defer cancel()
		found, err := s.Engine.Search(bounded, q)
		if err != nil && ctx.Err() != nil {
			return found, ctx.Err() // the caller's own end, not the engine's
		}
		return found, err
	})
	if err == nil && found.Partial {
		return Result{}, errFilling
	}
	return found, err
}

// errFilling is no fault of the engine's: it does not open the circuit.
var errFilling = fmt.Errorf("%w: its index is still being filled", ErrUnavailable)

// ask asks one source after the other until one answers. It fails with ErrUnavailable when none does, and with the
// context's error when that has ended.
func (s *Searcher) ask(ctx context.Context, q Query) (Result, *source, error) {
	var faults []error
	for _, from := range s.sources {
		found, err := from.ask(ctx, q)
		if err == nil {
			return found, from, nil
		}
		if ctx.Err() != nil {
			return Result{}, nil, ctx.Err()
		}
		s.telling.failed(ctx, from.Name)
		if unexpected(err) {
			s.log.ErrorContext(ctx, "a search engine failed at a query", "source", from.Name, "error", err)
		}
		faults = append(faults, fmt.Errorf("%s: %w", from.Name, err))
	}
	return Result{}, nil, fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(faults...))
}

// unexpected tells faults of the program from engines that are away.
func unexpected(err error) bool {
	return !errors.Is(err, ErrUnavailable) && !errors.Is(err, gobreaker.ErrOpenState) &&
		!errors.Is(err, gobreaker.ErrTooManyRequests) && !errors.Is(err, context.DeadlineExceeded)
}

// Elsewhere is another region's engine as this region may use it: what only holds over there, its stock, is ignored.
type Elsewhere struct{ Engine }

// Search asks the engine without the part that is not true here.
func (e Elsewhere) Search(ctx context.Context, q Query) (Result, error) {
	if !q.Filter.InStock {
		return e.Engine.Search(ctx, q)
	}
	q.Filter.InStock = false
	found, err := e.Engine.Search(ctx, q)
	found.Ignored = append(slices.Clip(found.Ignored), PartStock)
	return found, err
}

package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Bounds of a page.
const (
	defaultPage = 10
	maxPage     = 100
)

// pageJSON is a page of a list, the newest first. The next one starts after its last entry.
type pageJSON[T any] struct {
	Data    []T  `json:"data"`
	HasMore bool `json:"has_more"`
}

// filter is what the query of a list asks for.
type filter struct {
	from, until time.Time // zero for any
	paymentID   string    // of refunds
	limit       int
	after       string // the reference of the entry before the first; empty for the first page
}

// parseFilter parses the query of a list.
func parseFilter(query url.Values) (f filter, err error) {
	f = filter{paymentID: query.Get("payment_id"), after: query.Get("starting_after"), limit: defaultPage}
	for name, into := range map[string]*time.Time{"created[gte]": &f.from, "created[lt]": &f.until} {
		text := query.Get(name)
		if text == "" {
			continue
		}
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return f, badRequest(fmt.Errorf("%s: want Unix seconds", name))
		}
		*into = time.Unix(seconds, 0)
	}
	if text := query.Get("limit"); text != "" {
		if f.limit, err = strconv.Atoi(text); err != nil || f.limit < 1 || f.limit > maxPage {
			return f, badRequest(fmt.Errorf("limit: want 1 to %d", maxPage))
		}
	}
	return f, nil
}

// holds reports whether the filter lets something through that was made at an instant.
func (f filter) holds(at time.Time) bool {
	return !at.Before(f.from) && (f.until.IsZero() || at.Before(f.until))
}

// entry is what a list is ordered by: when something was made, and its reference.
type entry struct {
	at        time.Time
	reference string
}

// newerFirst orders a list.
func newerFirst(a, b entry) int {
	return cmp.Or(b.at.Compare(a.at), cmp.Compare(b.reference, a.reference))
}

// pageOf returns the page that a filter asks for of everything that it lets through.
func pageOf[T any](f filter, all []T, entryOf func(T) entry) (pageJSON[T], error) {
	slices.SortFunc(all, func(a, b T) int { return newerFirst(entryOf(a), entryOf(b)) })
	if f.after != "" {
		i := slices.IndexFunc(all, func(one T) bool { return entryOf(one).reference == f.after })
		if i < 0 {
			return pageJSON[T]{}, badRequest(fmt.Errorf("starting_after: no entry of this list has the reference %q", f.after))
		}
		all = all[i+1:]
	}
	n := min(f.limit, len(all))
	return pageJSON[T]{Data: slices.Concat([]T{}, all[:n]), HasMore: n < len(all)}, nil
}

// listPayments handles GET /v1/payments.
func (s *Server) listPayments(w http.ResponseWriter, r *http.Request) error {
	f, err := parseFilter(r.URL.Query())
	if err != nil {
		return err
	}
	var all []paymentJSON
	s.mu.Lock()
	for _, p := range s.memory.payments {
		if f.holds(p.CreatedAt) {
			shown := p.json()
			shown.ClientSecret = "" // a list is no place for it
			all = append(all, shown)
		}
	}
	s.mu.Unlock()
	page, err := pageOf(f, all, func(p paymentJSON) entry { return entry{p.CreatedAt, p.Reference} })
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, page)
}

// listRefunds handles GET /v1/refunds.
func (s *Server) listRefunds(w http.ResponseWriter, r *http.Request) error {
	f, err := parseFilter(r.URL.Query())
	if err != nil {
		return err
	}
	all, err := s.refundsIn(f)
	if err != nil {
		return err
	}
	page, err := pageOf(f, all, func(r refundJSON) entry { return entry{r.CreatedAt, r.Reference} })
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, page)
}

// refundsIn returns the refunds that a filter lets through, in no order.
func (s *Server) refundsIn(f filter) (all []refundJSON, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	payments := s.memory.payments
	if f.paymentID != "" {
		p, err := s.payment(f.paymentID)
		if err != nil {
			return nil, err
		}
		payments = map[string]*paymentState{p.ID: p}
	}
	for _, p := range payments {
		for i := range p.Refunds {
			if f.holds(p.Refunds[i].CreatedAt) {
				all = append(all, p.refundJSON(i))
			}
		}
	}
	return all, nil
}

package api

import (
	"net/http"
	"time"

	"meridian/internal/finance/report"
)

const (
	// reportTimeout is how long one report may take: it reads the orders of every region.
	reportTimeout = 10 * time.Minute
	// maxReports is how many a pod makes at the same time: each holds a connection to the database until its last row.
	maxReports = 2
	// reportWait is when to try again where too many reports are being made.
	reportWait = 30 * time.Second
)

// reports counts the reports that are being made.
type reports chan struct{}

func newReports() reports { return make(reports, maxReports) }

// begin counts one more, until end is called; ok is false where there are as many as there may be.
func (r reports) begin() (end func(), ok bool) {
	select {
	case r <- struct{}{}:
		return func() { <-r }, true
	default:
		return nil, false
	}
}

// getRevenueReport streams the revenue by day, market and currency as CSV.
func (s *Server) getRevenueReport(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleFinance); err != nil {
		return err
	}
	q := newQuery(r)
	from, to, market, currency := q.Word("from", 100), q.Word("to", 100), q.Word("market", 100), q.Word("currency", 100)
	if err := q.Err(); err != nil {
		return err
	}
	asked, err := report.ParseRange(from, to, market, currency)
	if err != nil {
		return err
	}
	end, ok := s.reports.begin()
	if !ok {
		return &Problem{Code: "unavailable", RetryAfter: reportWait,
			Detail: "As many reports are being made as there may be at a time: ask again later."}
	}
	defer end()
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="revenue-`+from+`-`+to+`.csv"`)
	return report.Write(r.Context(), s.DB, w, asked)
}

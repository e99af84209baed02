package api

import (
	"context"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"meridian/internal/finance"
)

// priceChangeResponse is an entry of the audit.
type priceChangeResponse struct {
	ID            string         `json:"id"`
	Kind          string         `json:"kind"`
	Subject       string         `json:"subject"`
	Status        string         `json:"status"`
	NeedsApproval bool           `json:"needs_approval"`
	Reason        string         `json:"reason"`
	Old           jsontext.Value `json:"old"`
	New           jsontext.Value `json:"new"`
	Effect        jsontext.Value `json:"effect"`
	RequestedBy   string         `json:"requested_by"`
	RequestedAt   time.Time      `json:"requested_at"`
	DecidedBy     string         `json:"decided_by"`
	DecidedAt     *time.Time     `json:"decided_at"`
}

func newPriceChangeResponse(c finance.Change) priceChangeResponse {
	answer := priceChangeResponse{
		ID: c.ChangeID(), Kind: c.Kind, Subject: c.Subject, Status: c.Status, NeedsApproval: c.NeedsApproval, Reason: c.Reason,
		Old: jsontext.Value(c.Old), New: jsontext.Value(c.New), Effect: jsontext.Value(c.Effect),
		RequestedBy: c.RequestedBy, RequestedAt: c.RequestedAt.UTC(), DecidedBy: c.DecidedBy,
	}
	if c.DecidedAt != nil {
		answer.DecidedAt = timeOrNull(*c.DecidedAt)
	}
	return answer
}

// httpStatus is 202 for a change that somebody has still to approve.
func (c priceChangeResponse) httpStatus() int {
	if c.Status == finance.StatusPending {
		return http.StatusAccepted
	}
	return http.StatusOK
}

// writeChange answers what became of a change.
func writeChange(w http.ResponseWriter, c finance.Change) error {
	answer := newPriceChangeResponse(c)
	return writeJSON(w, answer.httpStatus(), answer)
}

type priceChangesResponse struct {
	Changes    []priceChangeResponse `json:"changes"`
	NextCursor string                `json:"next_cursor,omitzero"`
}

// changePosition is where a page of the audit ended.
type changePosition struct {
	At time.Time `json:"at"`
	ID uuid.UUID `json:"id"`
}

// listChanges answers the audit, the latest first.
func (s *Server) listChanges(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financier(r); err != nil {
		return err
	}
	q := newQuery(r)
	filter := finance.ChangeFilter{
		Kind: q.OneOf("kind", finance.Kinds()...), Subject: q.Text("subject", 200), Status: q.OneOf("status", finance.Statuses()...),
	}
	if err := q.Err(); err != nil {
		return err
	}
	listing := "changes " + filter.Kind + " " + filter.Status + " " + filter.Subject
	var before changePosition
	page, err := s.readPage(r, listing, &before)
	if err != nil {
		return err
	}
	if page.Continued {
		position := finance.ChangePosition(before)
		filter.Before = &position
	}
	filter.Limit = page.Limit + 1 // one more tells whether there is another page
	changes, err := s.Finance.Changes(r.Context(), filter)
	if err != nil {
		return err
	}
	var answer priceChangesResponse
	if len(changes) > page.Limit {
		changes = changes[:page.Limit]
		last := changes[len(changes)-1]
		answer.NextCursor = s.nextCursor(listing, changePosition{At: last.RequestedAt, ID: last.ID})
	}
	for _, c := range changes {
		answer.Changes = append(answer.Changes, newPriceChangeResponse(c))
	}
	return writeJSON(w, http.StatusOK, answer)
}

// changeByID finds a change by its public id. An id that cannot be is 404, as one that is not there.
func (s *Server) changeByID(r *http.Request, text string) (finance.Change, error) {
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return finance.Change{}, finance.ErrNotFound
	}
	return s.Finance.Change(r.Context(), id)
}

// getChange answers one entry of the audit.
func (s *Server) getChange(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financier(r); err != nil {
		return err
	}
	found, err := s.changeByID(r, mux.Vars(r)["change"])
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, newPriceChangeResponse(found))
}

type priceChangeLinesResponse struct {
	Lines      []priceChangeLineResponse `json:"lines"`
	NextCursor string                    `json:"next_cursor,omitzero"`
}

// priceChangeLineResponse is a line of a bulk change. An amount that is null is no price.
type priceChangeLineResponse struct {
	Line        int64      `json:"line"`
	SKU         string     `json:"sku"`
	MinQuantity int64      `json:"min_quantity"`
	OldMinor    *int64     `json:"old_minor"`
	NewMinor    *int64     `json:"new_minor"`
	ValidFrom   *time.Time `json:"valid_from"`
	ValidTo     *time.Time `json:"valid_to"`
}

// changeLinePosition is where a page of lines ended.
type changeLinePosition struct {
	Line int64 `json:"line"`
}

// listChangeLines answers the lines of a bulk change, with the prices that they take the place of.
func (s *Server) listChangeLines(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financier(r); err != nil {
		return err
	}
	found, err := s.changeByID(r, mux.Vars(r)["change"])
	if err != nil {
		return err
	}
	listing := "lines of change " + found.ChangeID()
	var after changeLinePosition
	page, err := s.readPage(r, listing, &after)
	if err != nil {
		return err
	}
	lines, err := s.Finance.ChangeLines(r.Context(), found.ID, after.Line, page.Limit+1) // one more tells of another page
	if err != nil {
		return err
	}
	var answer priceChangeLinesResponse
	if len(lines) > page.Limit {
		lines = lines[:page.Limit]
		answer.NextCursor = s.nextCursor(listing, changeLinePosition{Line: lines[len(lines)-1].No})
	}
	for _, l := range lines {
		answer.Lines = append(answer.Lines, priceChangeLineResponse{
			Line: l.No, SKU: l.SKU, MinQuantity: l.MinQuantity, OldMinor: l.OldMinor, NewMinor: l.AmountMinor,
			ValidFrom: timeOrNull(l.From), ValidTo: timeOrNull(l.To),
		})
	}
	return writeJSON(w, http.StatusOK, answer)
}

// approveChange applies a change that waits, as its second person. A change is decided once: that is its guard.
func (s *Server) approveChange(w http.ResponseWriter, r *http.Request) error {
	return s.decideChange(w, r, s.Finance.Approve)
}

// rejectChange ends a change that waits.
func (s *Server) rejectChange(w http.ResponseWriter, r *http.Request) error {
	return s.decideChange(w, r, s.Finance.Reject)
}

func (s *Server) decideChange(w http.ResponseWriter, r *http.Request, decide func(ctx context.Context, id uuid.UUID, actor string) (finance.Change, error)) error {
	actor, err := s.financier(r)
	if err != nil {
		return err
	}
	text := mux.Vars(r)["change"]
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return finance.ErrNotFound
	}
	decided, err := decide(r.Context(), id, actor)
	if err != nil {
		return err
	}
	return writeChange(w, decided)
}

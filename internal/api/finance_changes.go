package api

import (
	"context"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"meridian/internal/finance"
	"meridian/regions"
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
		ID: c.PublicID(), Kind: c.Kind, Subject: c.Subject, Status: c.Status, NeedsApproval: c.NeedsApproval, Reason: c.Reason,
		Old: jsontext.Value(c.Old), New: jsontext.Value(c.New), Effect: jsontext.Value(c.Effect),
		RequestedBy: c.RequestedBy, RequestedAt: c.RequestedAt.UTC(), DecidedBy: c.DecidedBy,
	}
	if c.DecidedAt != nil {
		answer.DecidedAt = timeOrNull(*c.DecidedAt)
	}
	return answer
}

// httpStatus returns 202 for a change that somebody has still to approve, else 200.
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

// listChanges answers the audit, the latest first.
func (s *Server) listChanges(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
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
	var err error
	if filter.PageFilter, err = readPage[finance.ChangePosition](s, r, listing); err != nil {
		return err
	}
	page, err := s.Finance.Changes(r.Context(), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, priceChangesResponse{
		Changes: each(page.Items, newPriceChangeResponse), NextCursor: nextCursor(s, listing, page.Next),
	})
}

// parseChangeID reads a change's public id. One that cannot be is finance.ErrNotFound, as one that is not there.
func parseChangeID(text string) (uuid.UUID, error) {
	id, err := regions.ParseGlobalID(regions.ChangePrefix, text)
	if err != nil {
		return uuid.UUID{}, finance.ErrNotFound
	}
	return id, nil
}

// changeByID finds a change by its public id.
func (s *Server) changeByID(r *http.Request, text string) (finance.Change, error) {
	id, err := parseChangeID(text)
	if err != nil {
		return finance.Change{}, err
	}
	return s.Finance.Change(r.Context(), id)
}

// getChange answers one entry of the audit.
func (s *Server) getChange(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	found, err := s.changeByID(r, mux.Vars(r)["change_id"])
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
	AfterMinor  *int64     `json:"after_minor"`
	ValidFrom   *time.Time `json:"valid_from"`
	ValidTo     *time.Time `json:"valid_to"`
}

func newPriceChangeLineResponse(l finance.ChangeLine) priceChangeLineResponse {
	return priceChangeLineResponse{
		Line: l.No, SKU: l.SKU, MinQuantity: l.MinQuantity, OldMinor: l.OldMinor, NewMinor: l.AmountMinor, AfterMinor: l.AfterMinor,
		ValidFrom: timeOrNull(l.From), ValidTo: timeOrNull(l.To),
	}
}

// listChangeLines answers the lines of a bulk change, with the prices that they take the place of.
func (s *Server) listChangeLines(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	found, err := s.changeByID(r, mux.Vars(r)["change_id"])
	if err != nil {
		return err
	}
	listing := "lines of change " + found.PublicID()
	filter, err := readPage[int64](s, r, listing)
	if err != nil {
		return err
	}
	page, err := s.Finance.ChangeLines(r.Context(), found.ID, filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, priceChangeLinesResponse{
		Lines: each(page.Items, newPriceChangeLineResponse), NextCursor: nextCursor(s, listing, page.Next),
	})
}

// approveChange applies a change that waits, as its second person. A change is decided once: that is its guard.
func (s *Server) approveChange(w http.ResponseWriter, r *http.Request) error {
	return s.decideChange(w, r, s.Finance.Approve)
}

// rejectChange ends a change that waits.
func (s *Server) rejectChange(w http.ResponseWriter, r *http.Request) error {
	return s.decideChange(w, r, s.Finance.Reject)
}

func (s *Server) decideChange(
	w http.ResponseWriter, r *http.Request, decide func(ctx context.Context, id uuid.UUID, actor string) (finance.Change, error),
) error {
	actor, err := s.financeActor(r)
	if err != nil {
		return err
	}
	id, err := parseChangeID(mux.Vars(r)["change_id"])
	if err != nil {
		return err
	}
	decided, err := decide(r.Context(), id, actor)
	if err != nil {
		return err
	}
	return writeChange(w, decided)
}

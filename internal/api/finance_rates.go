package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"meridian/internal/fx"
	"meridian/internal/money"
)

// The largest file of exchange rates, in bytes, and how long its import may take.
const (
	rateFileLimit   = 32 << 20
	rateFileTimeout = 2 * time.Minute
)

// rateFileTypes are the media types of files of exchange rates; what they are is told by their content.
var rateFileTypes = []string{"text/csv", "application/xml", "text/xml", "application/zip"}

// rateResponse is a stored exchange rate.
type rateResponse struct {
	Currency   money.Currency `json:"currency"`
	Source     string         `json:"source"`
	Day        string         `json:"day"`
	Rate       money.Decimal  `json:"rate"`
	Status     string         `json:"status"`
	ValidFrom  *time.Time     `json:"valid_from"`
	ValidTo    *time.Time     `json:"valid_to"`
	ImportedAt time.Time      `json:"imported_at"`
}

func newRateResponse(e fx.Entry) rateResponse {
	utc := func(at *time.Time) *time.Time {
		if at == nil {
			return nil
		}
		return timeOrNull(*at)
	}
	return rateResponse{
		Currency: e.Currency, Source: e.Source, Day: e.Day, Rate: e.Rate, Status: string(e.Status),
		ValidFrom: utc(e.ValidFrom), ValidTo: utc(e.ValidTo), ImportedAt: e.ImportedAt.UTC(),
	}
}

type ratesResponse struct {
	Rates      []rateResponse `json:"rates"`
	NextCursor string         `json:"next_cursor,omitzero"`
}

// listRates answers stored exchange rates, the newest days first.
func (s *Server) listRates(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	q := newQuery(r)
	filter := fx.ListFilter{
		Currency: money.Currency(q.Word("currency", 3)), Source: q.OneOf("source", fx.SourceECB, fx.SourceManual),
		Status: fx.Status(q.OneOf("status", string(fx.InForce), string(fx.Held), string(fx.Rejected))),
	}
	if err := q.Err(); err != nil {
		return err
	}
	listing := "rates " + string(filter.Currency) + " " + filter.Source + " " + string(filter.Status)
	var err error
	if filter.PageFilter, err = readPage[fx.ListPosition](s, r, listing); err != nil {
		return err
	}
	page, err := s.Rates.List(r.Context(), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ratesResponse{each(page.Items, newRateResponse), nextCursor(s, listing, page.Next)})
}

type setRateRequest struct {
	Currency   string     `json:"currency"`
	Rate       string     `json:"rate"`
	ValidFrom  *time.Time `json:"valid_from"`
	ValidTo    *time.Time `json:"valid_to"`
	AcceptJump bool       `json:"accept_jump"`
	Reason     string     `json:"reason"`
}

// setRate enters an exchange rate by hand. A second one in its time is refused: that is its guard.
func (s *Server) setRate(w http.ResponseWriter, r *http.Request) error {
	actor, err := s.financeActor(r)
	if err != nil {
		return err
	}
	var body setRateRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	var faults []FieldError
	in := fx.ManualInput{
		Currency: money.Currency(body.Currency), Rate: decimal("rate", body.Rate, &faults), AcceptJump: body.AcceptJump,
		ValidFrom: moment("valid_from", body.ValidFrom, &faults), ValidTo: timeOrNull(moment("valid_to", body.ValidTo, &faults)),
		Actor: actor, Reason: body.Reason,
	}
	if err := badBody(faults); err != nil {
		return err
	}
	entry, err := s.Rates.SetManual(r.Context(), in)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, newRateResponse(entry))
}

// rateDecisionRequest names a rate of a currency, as the list shows it.
type rateDecisionRequest struct {
	Source string `json:"source"`
	Day    string `json:"day"`
	Reason string `json:"reason"`
}

// confirmRate puts a held exchange rate in force. A rate is decided about once: that is its guard, and that of the
// others.
func (s *Server) confirmRate(w http.ResponseWriter, r *http.Request) error {
	return s.decideRate(w, r, s.Rates.Confirm)
}

// rejectRate says that a held exchange rate is wrong.
func (s *Server) rejectRate(w http.ResponseWriter, r *http.Request) error {
	return s.decideRate(w, r, s.Rates.Reject)
}

// withdrawRate ends an exchange rate that was entered by hand.
func (s *Server) withdrawRate(w http.ResponseWriter, r *http.Request) error {
	return s.decideRate(w, r, s.Rates.WithdrawManual)
}

func (s *Server) decideRate(w http.ResponseWriter, r *http.Request, decide func(context.Context, fx.Decision) (fx.Entry, error)) error {
	actor, err := s.financeActor(r)
	if err != nil {
		return err
	}
	var body rateDecisionRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	if len(body.Day) > maxCode || len(body.Source) > maxCode {
		return fx.ErrNotFound // no rate is so
	}
	entry, err := decide(r.Context(), fx.Decision{
		Currency: money.Currency(mux.Vars(r)["currency"]), Source: body.Source, Day: body.Day, Actor: actor, Reason: body.Reason,
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, newRateResponse(entry))
}

// uploadedRates are exchange rates that somebody sent: a source of what it names.
type uploadedRates struct {
	name   string
	quotes []fx.Quotation
}

// Name returns the source that the rates are stored under.
func (u uploadedRates) Name() string { return u.name }

// Fetch returns the rates that were sent.
func (u uploadedRates) Fetch(context.Context) ([]fx.Quotation, error) { return u.quotes, nil }

// rateImportResponse is what an import of exchange rates did.
type rateImportResponse struct {
	Source    string                 `json:"source"`
	New       int                    `json:"new"`
	Unchanged int                    `json:"unchanged"`
	Late      int                    `json:"late"`
	Held      int                    `json:"held"`
	HeldRates []heldRateResponse     `json:"held_rates"`
	Conflicts int                    `json:"conflicts"`
	Conflict  []rateConflictResponse `json:"conflicting_rates"`
	Ignored   []string               `json:"ignored"`
}

type heldRateResponse struct {
	Currency money.Currency `json:"currency"`
	Day      string         `json:"day"`
	Rate     money.Decimal  `json:"rate"`
	Previous money.Decimal  `json:"previous"`
}

type rateConflictResponse struct {
	Currency money.Currency `json:"currency"`
	Day      string         `json:"day"`
	Rate     money.Decimal  `json:"rate"`
	Stored   money.Decimal  `json:"stored"`
	Overlaps bool           `json:"overlaps"`
}

// importRates imports a file of exchange rates. The same file again changes nothing: that is its guard.
func (s *Server) importRates(w http.ResponseWriter, r *http.Request) error {
	actor, err := s.financeActor(r)
	if err != nil {
		return err
	}
	q := newQuery(r)
	source := q.OneOf("source", fx.SourceECB, fx.SourceManual)
	if err := q.Err(); err != nil {
		return err
	}
	quotes, err := readRateFile(r)
	if err != nil {
		return err
	}
	var from fx.Source = uploadedRates{name: fx.SourceECB, quotes: quotes}
	if source == fx.SourceManual {
		from = fx.Manual(quotes)
	}
	report, err := s.Rates.Import(r.Context(), from, actor)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, newRateImportResponse(report))
}

// readRateFile reads the file in the body.
func readRateFile(r *http.Request) ([]fx.Quotation, error) {
	_, err := bodyType(r, "Send the ECB's file as "+strings.Join(rateFileTypes, ", ")+", in UTF-8, and say so in Content-Type.",
		rateFileTypes...)
	if err != nil {
		return nil, err
	}
	file, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, bodyError(err)
	}
	quotes, err := fx.Parse(file)
	if err != nil && !is[*fx.FormatError](err) { // it was packed, and is too large unpacked
		return nil, &Problem{Code: "body_too_large", Detail: "Send a file that is smaller when it is unpacked.", Err: err}
	}
	return quotes, err
}

// badRateFile says where a file of exchange rates is wrong.
func badRateFile(err error, p *Problem) {
	var format *fx.FormatError
	if errors.As(err, &format) {
		p.Detail = "The file of exchange rates cannot be read. Nothing was imported."
		p.Errors = []FieldError{{Field: "file", Message: bounded(format.Error(), 500)}}
	}
}

func newRateImportResponse(report fx.Report) rateImportResponse {
	answer := rateImportResponse{
		Source: report.Source, New: report.New, Unchanged: report.Unchanged, Late: report.Late, Held: report.Held,
		Conflicts: report.Conflicts, Ignored: report.Ignored,
	}
	for _, h := range report.HeldRates {
		answer.HeldRates = append(answer.HeldRates, heldRateResponse{Currency: h.Currency, Day: h.Day, Rate: h.Rate, Previous: h.Previous})
	}
	for _, c := range report.ConflictingRates {
		answer.Conflict = append(answer.Conflict, rateConflictResponse{
			Currency: c.Currency, Day: c.Day, Rate: c.Rate, Stored: c.Stored, Overlaps: c.Overlaps,
		})
	}
	return answer
}

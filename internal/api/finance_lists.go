package api

import (
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/mux"

	"meridian/internal/finance"
	"meridian/internal/idempotency"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/regions"
)

// financeActor returns the public id of the caller, who needs the role finance. The audit names changes' actors by it.
func (s *Server) financeActor(r *http.Request) (actor string, err error) {
	p, err := s.require(r, roleFinance)
	if err != nil {
		return "", err
	}
	return s.Regions.FormatID(regions.AccountPrefix, p.Account), nil
}

// financeKey returns the idempotency key of a call by finance. Price lists have no home: their keys are kept in one place for all
// regions.
func (s *Server) financeKey(actor, key string, fingerprint []byte) idempotency.Key {
	return idempotency.Key{Region: s.Regions.Primary().Name, Scope: "finance:" + actor, Key: key, Fingerprint: fingerprint}
}

// moment checks a time in a body and returns it as the database keeps it, the zero time where it is absent.
func moment(field string, at *time.Time, faults *[]FieldError) time.Time {
	if at == nil {
		return time.Time{}
	}
	if !isMoment(*at) {
		*faults = append(*faults, FieldError{Field: field, Message: momentRemedy})
		return time.Time{}
	}
	return at.UTC().Truncate(time.Microsecond)
}

// badBody returns the 400 that names what is wrong with a body, nil where nothing is.
func badBody(faults []FieldError) error {
	if len(faults) == 0 {
		return nil
	}
	return BadRequest("The body is not what this route takes.", faults...)
}

// timeOrNull returns the time in UTC, nil for the zero time.
func timeOrNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

// priceListResponse is the head of a price list.
type priceListResponse struct {
	Code          string         `json:"code"`
	Title         string         `json:"title"`
	Kind          string         `json:"kind"`
	Currency      money.Currency `json:"currency"`
	Market        string         `json:"market"`
	CustomerGroup string         `json:"customer_group"`
	Priority      int64          `json:"priority"`
	ValidFrom     time.Time      `json:"valid_from"`
	ValidTo       *time.Time     `json:"valid_to"`
	Version       int64          `json:"version"`
}

func newPriceListResponse(l pricing.List) priceListResponse {
	return priceListResponse{
		Code: l.Code, Title: l.Title, Kind: string(l.Kind), Currency: l.Currency, Market: l.Market, CustomerGroup: l.Group,
		Priority: l.Priority, ValidFrom: l.Period.From.UTC(), ValidTo: timeOrNull(l.Period.To), Version: l.Version,
	}
}

func writePriceList(w http.ResponseWriter, status int, l pricing.List) error {
	w.Header().Set("ETag", versionETag(l.Version))
	return writeJSON(w, status, newPriceListResponse(l))
}

type priceListsResponse struct {
	PriceLists []priceListResponse `json:"price_lists"`
	NextCursor string              `json:"next_cursor,omitzero"`
}

// listPriceLists answers the price lists, by code.
func (s *Server) listPriceLists(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	const listing = "price lists"
	filter, err := readPage[string](s, r, listing)
	if err != nil {
		return err
	}
	page, err := s.Finance.Lists(r.Context(), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, priceListsResponse{
		PriceLists: each(page.Items, newPriceListResponse), NextCursor: nextCursor(s, listing, page.Next),
	})
}

type createPriceListRequest struct {
	Code          string     `json:"code"`
	Title         string     `json:"title"`
	Kind          string     `json:"kind"`
	Currency      string     `json:"currency"`
	Market        string     `json:"market"`
	CustomerGroup string     `json:"customer_group"`
	Priority      int64      `json:"priority"`
	ValidFrom     *time.Time `json:"valid_from"`
	ValidTo       *time.Time `json:"valid_to"`
	Reason        string     `json:"reason"`
}

// createPriceList makes a price list. Its code guards it against being made twice; with a key a repetition gets the
// first answer.
func (s *Server) createPriceList(w http.ResponseWriter, r *http.Request) error {
	actor, err := s.financeActor(r)
	if err != nil {
		return err
	}
	key, err := optionalIdempotencyKey(r)
	if err != nil {
		return err
	}
	var body createPriceListRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	fingerprint, err := s.fingerprint(r, body)
	if err != nil {
		return err
	}
	var faults []FieldError
	in := finance.ListInput{
		By:   finance.By{Actor: actor, Reason: body.Reason, Idempotency: s.financeKey(actor, key, fingerprint)},
		Code: body.Code, Title: body.Title, Kind: pricing.Kind(body.Kind), Currency: money.Currency(body.Currency),
		Market: body.Market, Group: body.CustomerGroup, Priority: body.Priority,
		From: moment("valid_from", body.ValidFrom, &faults), To: moment("valid_to", body.ValidTo, &faults),
	}
	if err := badBody(faults); err != nil {
		return err
	}
	list, err := s.Finance.CreateList(r.Context(), in)
	list, _, err = answerOnce(w, list, err, func(code string) (pricing.List, error) { return s.Finance.List(r.Context(), code) })
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/finance/price-lists/"+list.Code)
	return writePriceList(w, http.StatusCreated, list)
}

// getPriceList answers the head of a price list.
func (s *Server) getPriceList(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	list, err := s.Finance.List(r.Context(), mux.Vars(r)["list"])
	if err != nil {
		return err
	}
	return writePriceList(w, http.StatusOK, list)
}

type updatePriceListRequest struct {
	Title *string `json:"title"`
	// ValidTo is absent, null for no end, or a time.
	ValidTo jsontext.Value `json:"valid_to"`
	Reason  string         `json:"reason"`
}

// updatePriceList changes the title or the end of a price list, based on the version that was read.
func (s *Server) updatePriceList(w http.ResponseWriter, r *http.Request) error {
	actor, err := s.financeActor(r)
	if err != nil {
		return err
	}
	version, err := ifMatch(r)
	if err != nil {
		return err
	}
	var body updatePriceListRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	in := finance.ListUpdate{
		By: finance.By{Actor: actor, Reason: body.Reason}, Code: mux.Vars(r)["list"], Version: version, Title: body.Title,
	}
	if body.ValidTo != nil {
		var faults []FieldError
		var at *time.Time
		if err := json.Unmarshal(body.ValidTo, &at); err != nil {
			faults = append(faults, FieldError{Field: "valid_to", Message: momentRemedy + ", or null for no end"})
		}
		to := moment("valid_to", at, &faults)
		if err := badBody(faults); err != nil {
			return err
		}
		in.To = &to
	}
	list, err := s.Finance.UpdateList(r.Context(), in)
	if err != nil {
		return err
	}
	return writePriceList(w, http.StatusOK, list)
}

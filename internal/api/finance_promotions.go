package api

import (
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/mux"

	"meridian/internal/finance"
	"meridian/internal/promotion"
)

// promotionResponse is a version of a promotion.
type promotionResponse struct {
	Code          string         `json:"code"`
	Title         string         `json:"title"`
	Coupon        string         `json:"coupon"`
	Priority      int64          `json:"priority"`
	TotalLimit    int64          `json:"total_limit"`
	CustomerLimit int64          `json:"customer_limit"`
	Spec          jsontext.Value `json:"spec"`
	ValidFrom     time.Time      `json:"valid_from"`
	ValidTo       *time.Time     `json:"valid_to"`
	// Used is how many orders use it, in all its versions; counted only where it has a total limit.
	Used int64 `json:"used"`
}

func newPromotionResponse(p promotion.Promotion, used int64) (promotionResponse, error) {
	spec, err := p.Spec.Encode()
	answer := promotionResponse{
		Code: p.ID, Title: p.Title, Coupon: p.Coupon, Priority: p.Priority, TotalLimit: p.TotalLimit, CustomerLimit: p.CustomerLimit,
		Spec: jsontext.Value(spec), ValidFrom: p.ValidFrom.UTC(), Used: used,
	}
	if p.ValidTo != nil {
		answer.ValidTo = timeOrNull(*p.ValidTo)
	}
	return answer, err
}

type promotionsResponse struct {
	Promotions []promotionResponse `json:"promotions"`
	NextCursor string              `json:"next_cursor,omitzero"`
}

// listPromotions answers the promotions in force at a moment, by id.
func (s *Server) listPromotions(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	q := newQuery(r)
	filter := promotion.ListFilter{At: q.Moment("as_of")}
	if err := q.Err(); err != nil {
		return err
	}
	if filter.At.IsZero() {
		filter.At = s.Now().UTC()
	}
	const listing = "promotions"
	var err error
	if filter.PageFilter, err = readPage[promotion.ListPosition](s, r, listing); err != nil {
		return err
	}
	page, err := s.Finance.Promotions.List(r.Context(), filter)
	if err != nil {
		return err
	}
	return s.writePromotions(w, r, page.Items, nextCursor(s, listing, page.Next))
}

// maxPromotionVersions bounds the versions of a promotion that are answered: the latest.
const maxPromotionVersions = 100

// getPromotion answers the versions of a promotion, the latest first.
func (s *Server) getPromotion(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	found, err := s.Finance.Promotions.Versions(r.Context(), mux.Vars(r)["promotion"], s.Now().AddDate(1000, 0, 0), maxPromotionVersions)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return finance.ErrNotFound
	}
	return s.writePromotions(w, r, found, "")
}

func (s *Server) writePromotions(w http.ResponseWriter, r *http.Request, found []promotion.Promotion, next string) error {
	ids := make([]string, len(found))
	for i, p := range found {
		ids[i] = p.ID
	}
	uses, err := s.Finance.Promotions.Uses(r.Context(), ids)
	if err != nil {
		return err
	}
	answer := promotionsResponse{NextCursor: next}
	for _, p := range found {
		one, err := newPromotionResponse(p, uses[p.ID])
		if err != nil {
			return err
		}
		answer.Promotions = append(answer.Promotions, one)
	}
	return writeJSON(w, http.StatusOK, answer)
}

type putPromotionRequest struct {
	Title         string `json:"title"`
	Coupon        string `json:"coupon"`
	Priority      int64  `json:"priority"`
	TotalLimit    int64  `json:"total_limit"`
	CustomerLimit int64  `json:"customer_limit"`
	// Spec is of the promotions' own type, so that what is wrong in it is named by its place.
	Spec    promotion.Spec `json:"spec"`
	ValidTo *time.Time     `json:"valid_to"`
	ruleRequest
}

// putPromotion gives a promotion a new version.
func (s *Server) putPromotion(w http.ResponseWriter, r *http.Request) error {
	actor, err := s.financeActor(r)
	if err != nil {
		return err
	}
	var body putPromotionRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	var faults []FieldError
	from, to := moment("valid_from", body.ValidFrom, &faults), moment("valid_to", body.ValidTo, &faults)
	if err := badBody(faults); err != nil {
		return err
	}
	spec, err := body.Spec.Encode()
	if err != nil {
		return err
	}
	p := &finance.PromotionRule{
		ID: mux.Vars(r)["promotion"], Title: body.Title, Coupon: body.Coupon, Priority: body.Priority,
		TotalLimit: body.TotalLimit, CustomerLimit: body.CustomerLimit, Spec: jsontext.Value(spec), ValidTo: timeOrNull(to),
	}
	change, err := s.Finance.SetRule(r.Context(), p, from, finance.By{Actor: actor, Reason: body.Reason})
	if err != nil {
		return err
	}
	return writeChange(w, change)
}

// endPromotion ends a promotion.
func (s *Server) endPromotion(w http.ResponseWriter, r *http.Request) error {
	actor, err := s.financeActor(r)
	if err != nil {
		return err
	}
	q := newQuery(r)
	reason, from := q.Text("reason", 2000), q.Moment("valid_from")
	if err := q.Err(); err != nil {
		return err
	}
	change, err := s.Finance.EndPromotion(r.Context(), mux.Vars(r)["promotion"], from, finance.By{Actor: actor, Reason: reason})
	if err != nil {
		return err
	}
	return writeChange(w, change)
}

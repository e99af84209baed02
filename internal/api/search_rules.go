package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"meridian/internal/catalog"
	"meridian/internal/search"
	"meridian/regions"
)

// searchRuleBody is what a query rule says.
type searchRuleBody struct {
	Texts    []string          `json:"texts"`
	Contains bool              `json:"contains"`
	Regions  []string          `json:"regions"`
	Pin      []string          `json:"pin"`
	Hide     []string          `json:"hide"`
	Boost    []searchBoostBody `json:"boost"`
	Redirect string            `json:"redirect"`
	From     *time.Time        `json:"valid_from" null:"yes"`
	To       *time.Time        `json:"valid_to" null:"yes"`
	Note     string            `json:"note"`
}

type searchBoostBody struct {
	Products []string `json:"product_ids"`
	Brand    string   `json:"brand"`
	Category string   `json:"category"`
	Percent  int64    `json:"percent"`
}

// searchRuleResponse is a query rule as it stands.
type searchRuleResponse struct {
	Code string `json:"code"`
	searchRuleBody
	Version   int64     `json:"version"`
	UpdatedBy string    `json:"updated_by"`
	UpdatedAt time.Time `json:"updated_at"`
}

type searchRulesResponse struct {
	Rules []searchRuleResponse `json:"rules"`
}

func newSearchRuleResponse(rule search.Rule) searchRuleResponse {
	answer := searchRuleResponse{Code: rule.ID, Version: rule.Version, UpdatedBy: rule.UpdatedBy, UpdatedAt: rule.UpdatedAt.UTC()}
	answer.searchRuleBody = searchRuleBody{
		Texts: rule.Texts, Contains: rule.Contains, Regions: rule.Regions, Pin: productIDs(rule.Pin), Hide: productIDs(rule.Hide),
		Redirect: rule.Redirect, From: timeOrNull(rule.From), To: timeOrNull(rule.To), Note: rule.Note,
	}
	for _, b := range rule.Boost {
		answer.Boost = append(answer.Boost, searchBoostBody{productIDs(b.Products), b.Brand, b.Category, b.Percent})
	}
	return answer
}

func productIDs(ids []uuid.UUID) []string {
	var texts []string
	for _, id := range ids {
		texts = append(texts, regions.FormatGlobalID(regions.ProductPrefix, id))
	}
	return texts
}

// rule returns the body as a rule of the search, and what is wrong with it.
func (b searchRuleBody) rule(id string) (search.Rule, []FieldError) {
	var faults []FieldError
	products := func(field string, texts []string) (ids []uuid.UUID) {
		for i, text := range texts {
			id, err := regions.ParseGlobalID(regions.ProductPrefix, text)
			if err != nil {
				faults = append(faults, FieldError{Field: field + "[" + strconv.Itoa(i) + "]", Message: "must be the id of a product, such as prd_…"})
			}
			ids = append(ids, id)
		}
		return ids
	}
	rule := search.Rule{
		ID: id, Texts: b.Texts, Contains: b.Contains, Regions: b.Regions, Pin: products("pin", b.Pin), Hide: products("hide", b.Hide),
		Redirect: b.Redirect, From: moment("valid_from", b.From, &faults), To: moment("valid_to", b.To, &faults), Note: b.Note,
	}
	for i, one := range b.Boost {
		rule.Boost = append(rule.Boost, search.Boost{
			Products: products("boost["+strconv.Itoa(i)+"].product_ids", one.Products),
			Brand:    one.Brand, Category: one.Category, Percent: one.Percent,
		})
	}
	return rule, faults
}

// listSearchRules answers all query rules.
func (s *Server) listSearchRules(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	rules, err := s.Search.Rules(r.Context())
	if err != nil {
		return err
	}
	var answer searchRulesResponse
	for _, rule := range rules {
		answer.Rules = append(answer.Rules, newSearchRuleResponse(rule))
	}
	return writeJSON(w, http.StatusOK, answer)
}

// getSearchRule answers a query rule.
func (s *Server) getSearchRule(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	rule, err := s.Search.Rule(r.Context(), mux.Vars(r)["rule"])
	if err != nil {
		return err
	}
	return writeSearchRule(w, rule)
}

// putSearchRule makes a query rule, or with If-Match replaces it.
func (s *Server) putSearchRule(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r, roleOperator)
	if err != nil {
		return err
	}
	var version int64
	if r.Header.Get("If-Match") != "" {
		if version, err = ifMatch(r); err != nil {
			return err
		}
	}
	var body searchRuleBody
	if err := readJSON(r, &body); err != nil {
		return err
	}
	rule, faults := body.rule(mux.Vars(r)["rule"])
	if err := badBody(faults); err != nil {
		return err
	}
	if err := s.checkRuleGoods(r.Context(), rule); err != nil {
		return err
	}
	rule.Version, rule.UpdatedBy = version, s.Regions.FormatID(regions.AccountPrefix, p.Account)
	put, err := s.Search.PutRule(r.Context(), rule, s.Regions.Names())
	if err != nil {
		return err
	}
	return writeSearchRule(w, put)
}

// checkRuleGoods wants a rule to name products, categories and brands that there are: of others it would do nothing.
func (s *Server) checkRuleGoods(ctx context.Context, rule search.Rule) error {
	named := catalog.Goods{Products: slices.Concat(rule.Pin, rule.Hide)}
	for _, b := range rule.Boost {
		named.Products = append(named.Products, b.Products...)
		if b.Brand != "" {
			named.Brands = append(named.Brands, b.Brand)
		}
		if b.Category != "" {
			named.Categories = append(named.Categories, b.Category)
		}
	}
	if len(named.Products)+len(named.Brands)+len(named.Categories) == 0 {
		return nil
	}
	unknown, err := s.Catalog.Unknown(ctx, named)
	if err != nil {
		return err
	}
	var faults []FieldError
	fault := func(field, what, name string) {
		faults = append(faults, FieldError{Field: field, Message: "must be " + what + ": there is no " + name})
	}
	products := func(field string, ids []uuid.UUID) {
		for i, id := range ids {
			if slices.Contains(unknown.Products, id) {
				fault(fmt.Sprintf("%s[%d]", field, i), "the id of a product", regions.FormatGlobalID(regions.ProductPrefix, id))
			}
		}
	}
	products("pin", rule.Pin)
	products("hide", rule.Hide)
	for i, b := range rule.Boost {
		field := fmt.Sprintf("boost[%d].", i)
		products(field+"product_ids", b.Products)
		if slices.Contains(unknown.Brands, b.Brand) {
			fault(field+"brand", "the brand of a product", strconv.Quote(b.Brand))
		}
		if slices.Contains(unknown.Categories, b.Category) {
			fault(field+"category", "the id of a category", strconv.Quote(b.Category))
		}
	}
	return badBody(faults)
}

func writeSearchRule(w http.ResponseWriter, rule search.Rule) error {
	w.Header().Set("ETag", versionETag(rule.Version))
	return writeJSON(w, http.StatusOK, newSearchRuleResponse(rule))
}

// deleteSearchRule deletes a query rule.
func (s *Server) deleteSearchRule(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	if err := s.Search.DeleteRule(r.Context(), mux.Vars(r)["rule"]); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type searchTermsResponse struct {
	Region string               `json:"region"`
	Terms  []searchTermResponse `json:"terms"`
}

// searchTermResponse is a text that shoppers of the region searched for.
type searchTermResponse struct {
	Text       string    `json:"text"`
	Searches   int64     `json:"searches"`
	Unmet      int64     `json:"unmet"`
	SearchedAt time.Time `json:"searched_at"`
}

// listSearchTerms answers what shoppers of a region search for, or what they search for in vain.
func (s *Server) listSearchTerms(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	q := newQuery(r)
	region, unmet, limit := q.OneOf("region", s.Regions.Names()...), q.Bool("unmet"), q.Int("limit", defaultPageSize, 1, maxPageSize)
	if err := q.Err(); err != nil {
		return err
	}
	region = cmp.Or(region, s.Region)
	terms, err := s.Search.Terms(r.Context(), region, unmet, limit)
	if err != nil {
		return err
	}
	answer := searchTermsResponse{Region: region}
	for _, t := range terms {
		answer.Terms = append(answer.Terms, searchTermResponse{t.Text, t.Searches, t.Unmet, t.SearchedAt.UTC()})
	}
	return writeJSON(w, http.StatusOK, answer)
}

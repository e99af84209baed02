package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"meridian/internal/finance"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/regions"
)

// maxCode bounds the code of a market, a country or the like in a query, in bytes.
const maxCode = 64

// ruleRequest is what every change of a rule has.
type ruleRequest struct {
	ValidFrom *time.Time `json:"valid_from"`
	Reason    string     `json:"reason"`
}

// decimal reads a decimal of a body.
func decimal(field, text string, faults *[]FieldError) money.Decimal {
	d, err := money.ParseDecimal(text)
	if err != nil {
		*faults = append(*faults, FieldError{Field: field, Message: `must be a decimal number in a text, such as "1.05"`})
	}
	return d
}

// versionResponse is when a version of a rule is in force, and the change that made it, if any did.
type versionResponse struct {
	ValidFrom time.Time  `json:"valid_from"`
	ValidTo   *time.Time `json:"valid_to"`
	ChangeID  *string    `json:"change_id"`
}

func newVersionResponse(p pricing.Period, change *uuid.UUID) versionResponse {
	return versionResponse{ValidFrom: p.From.UTC(), ValidTo: timeOrNull(p.To), ChangeID: changeIDOrNull(change)}
}

// changeIDOrNull returns the public id of the change that made something, or null.
func changeIDOrNull(change *uuid.UUID) *string {
	if change == nil {
		return nil
	}
	id := regions.FormatGlobalID(regions.ChangePrefix, *change)
	return &id
}

// marketResponse is a version of a market.
type marketResponse struct {
	Code             string                    `json:"code"`
	Title            string                    `json:"title"`
	Countries        []string                  `json:"countries"`
	Currency         money.Currency            `json:"currency"`
	PricesIncludeTax bool                      `json:"prices_include_tax"`
	Multiplier       money.Decimal             `json:"multiplier"`
	FromBasePrice    bool                      `json:"from_base_price"`
	Rounding         map[money.Currency]string `json:"rounding"`
	versionResponse
}

type marketsResponse struct {
	Markets []marketResponse `json:"markets"`
}

func newMarketsResponse(versions []*pricing.Market) marketsResponse {
	var answer marketsResponse
	for _, m := range versions {
		answer.Markets = append(answer.Markets, marketResponse{
			Code: m.Code, Title: m.Title, Countries: m.Countries, Currency: m.Currency, PricesIncludeTax: m.PricesIncludeTax,
			Multiplier: m.Multiplier, FromBasePrice: m.FromBasePrice, Rounding: m.Rounding,
			versionResponse: newVersionResponse(m.Period, m.ChangeID),
		})
	}
	return answer
}

// listMarkets answers all versions of all markets.
func (s *Server) listMarkets(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	versions, err := s.Prices.Markets(r.Context(), "")
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, newMarketsResponse(versions))
}

// getMarket answers all versions of a market.
func (s *Server) getMarket(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	versions, err := s.Prices.Markets(r.Context(), mux.Vars(r)["market"])
	if err != nil {
		return err
	}
	if len(versions) == 0 {
		return finance.ErrNotFound
	}
	return writeJSON(w, http.StatusOK, newMarketsResponse(versions))
}

type putMarketRequest struct {
	Title            string            `json:"title"`
	Countries        []string          `json:"countries"`
	Currency         string            `json:"currency"`
	PricesIncludeTax bool              `json:"prices_include_tax"`
	Multiplier       string            `json:"multiplier"`
	FromBasePrice    bool              `json:"from_base_price"`
	Rounding         map[string]string `json:"rounding"`
	ruleRequest
}

// putMarket gives a market a new version.
func (s *Server) putMarket(w http.ResponseWriter, r *http.Request) error {
	actor, err := s.financeActor(r)
	if err != nil {
		return err
	}
	var body putMarketRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	var faults []FieldError
	m := &finance.MarketRule{
		Code: mux.Vars(r)["market"], Title: body.Title, Countries: body.Countries, Currency: money.Currency(body.Currency),
		PricesIncludeTax: body.PricesIncludeTax, Multiplier: decimal("multiplier", body.Multiplier, &faults),
		FromBasePrice: body.FromBasePrice, Rounding: make(map[money.Currency]string),
	}
	for currency, name := range body.Rounding {
		m.Rounding[money.Currency(currency)] = name
	}
	from := moment("valid_from", body.ValidFrom, &faults)
	if err := badBody(faults); err != nil {
		return err
	}
	change, err := s.Finance.SetRule(r.Context(), m, from, finance.By{Actor: actor, Reason: body.Reason})
	if err != nil {
		return err
	}
	return writeChange(w, change)
}

// roundingRuleResponse is a version of a rounding rule.
type roundingRuleResponse struct {
	Name         string `json:"name"`
	ModulusMinor int64  `json:"modulus_minor"`
	EndingMinor  int64  `json:"ending_minor"`
	Mode         string `json:"mode"`
	versionResponse
}

type roundingRulesResponse struct {
	RoundingRules []roundingRuleResponse `json:"rounding_rules"`
}

// listRoundingRules answers all versions of all rounding rules.
func (s *Server) listRoundingRules(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	versions, err := s.Prices.Roundings(r.Context())
	if err != nil {
		return err
	}
	var answer roundingRulesResponse
	for _, v := range versions {
		answer.RoundingRules = append(answer.RoundingRules, roundingRuleResponse{
			Name: v.Name, ModulusMinor: v.Modulus, EndingMinor: v.Ending, Mode: string(v.Mode),
			versionResponse: newVersionResponse(v.Period, v.ChangeID),
		})
	}
	return writeJSON(w, http.StatusOK, answer)
}

type putRoundingRuleRequest struct {
	ModulusMinor int64  `json:"modulus_minor"`
	EndingMinor  int64  `json:"ending_minor"`
	Mode         string `json:"mode"`
	ruleRequest
}

// putRoundingRule gives a rounding rule a new version.
func (s *Server) putRoundingRule(w http.ResponseWriter, r *http.Request) error {
	actor, err := s.financeActor(r)
	if err != nil {
		return err
	}
	var body putRoundingRuleRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	var faults []FieldError
	from := moment("valid_from", body.ValidFrom, &faults)
	if err := badBody(faults); err != nil {
		return err
	}
	change, err := s.Finance.SetRule(r.Context(), &finance.RoundingRule{
		Name: mux.Vars(r)["rule"], ModulusMinor: body.ModulusMinor, EndingMinor: body.EndingMinor, Mode: money.Mode(body.Mode),
	}, from, finance.By{Actor: actor, Reason: body.Reason})
	if err != nil {
		return err
	}
	return writeChange(w, change)
}

// taxResponse is a version of a tax rate.
type taxResponse struct {
	Country     string        `json:"country"`
	State       string        `json:"state"`
	Category    string        `json:"category"`
	RatePercent money.Decimal `json:"rate_percent"`
	Source      string        `json:"source"`
	versionResponse
}

type taxesResponse struct {
	Taxes []taxResponse `json:"taxes"`
}

// listTaxes answers all versions of a country's tax rates.
func (s *Server) listTaxes(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	q := newQuery(r)
	country := q.Word("country", 2)
	if country == "" && q.Err() == nil {
		q.fault("country", "must be given, as an ISO 3166-1 code in upper case, such as IE")
	}
	if err := q.Err(); err != nil {
		return err
	}
	versions, err := s.Prices.Taxes(r.Context(), country)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, taxesResponse{Taxes: each(versions, newTaxResponse)})
}

func newTaxResponse(t *pricing.TaxRate) taxResponse {
	return taxResponse{
		Country: t.Country, State: t.State, Category: t.Category, RatePercent: t.Percent(), Source: t.Source,
		versionResponse: newVersionResponse(t.Period, t.ChangeID),
	}
}

type putTaxRequest struct {
	Country     string `json:"country"`
	State       string `json:"state"`
	Category    string `json:"category"`
	RatePercent string `json:"rate_percent"`
	Source      string `json:"source"`
	ruleRequest
}

// putTax gives a tax rate a new version.
func (s *Server) putTax(w http.ResponseWriter, r *http.Request) error {
	actor, err := s.financeActor(r)
	if err != nil {
		return err
	}
	var body putTaxRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	var faults []FieldError
	rate, from := decimal("rate_percent", body.RatePercent, &faults), moment("valid_from", body.ValidFrom, &faults)
	if err := badBody(faults); err != nil {
		return err
	}
	change, err := s.Finance.SetRule(r.Context(), &finance.TaxRule{
		Country: body.Country, State: body.State, Category: body.Category, RatePercent: rate, Source: body.Source,
	}, from, finance.By{Actor: actor, Reason: body.Reason})
	if err != nil {
		return err
	}
	return writeChange(w, change)
}

type customerGroupRequest struct {
	CustomerGroup string `json:"customer_group"`
	Reason        string `json:"reason"`
}

// setCustomerGroup puts an account into a customer group. It is a PUT, so repeating it does no harm.
func (s *Server) setCustomerGroup(w http.ResponseWriter, r *http.Request) error {
	actor, err := s.financeActor(r)
	if err != nil {
		return err
	}
	account, err := s.pathRef(r, "account_id", regions.AccountPrefix)
	if err != nil {
		return err
	}
	var body customerGroupRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	change, err := s.Finance.SetCustomerGroup(r.Context(), finance.GroupInput{
		By: finance.By{Actor: actor, Reason: body.Reason}, Account: account, Subject: mux.Vars(r)["account_id"], Group: body.CustomerGroup,
	})
	if err != nil {
		return err
	}
	return writeChange(w, change)
}

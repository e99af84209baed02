package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"meridian/internal/cart"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

// quoteRequest is goods that are to be priced in several currencies at once.
type quoteRequest struct {
	Market  string     `json:"market"`
	Country string     `json:"country"`
	State   string     `json:"state"`
	Group   string     `json:"customer_group"`
	AsOf    *time.Time `json:"as_of"`
	// Currencies may be left out for the market's.
	Currencies []string          `json:"currencies"`
	Coupons    []string          `json:"coupons"`
	Lines      []cartLineRequest `json:"lines"`
}

// Bounds of a request for quotes.
const (
	maxQuoteLines      = 1000
	maxQuoteCurrencies = 16
	maxSKUText         = 64
)

// quotePrices answers what goods cost together, in each of several currencies, and why. It changes nothing.
func (s *Server) quotePrices(w http.ResponseWriter, r *http.Request) error {
	var body quoteRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	in, err := s.goodsQuestion(r, body)
	if err != nil {
		return err
	}
	if err := s.knowBuyer(r, &in.priceQuestion); err != nil {
		return err
	}
	view, err := s.seePrices(r.Context(), in.priceQuestion, in.skus())
	if err != nil {
		return err
	}
	if err := in.find(&view); err != nil {
		return err
	}
	e := quoteEncoders.Get().(*quoteEncoder)
	defer e.release()
	if err := s.encodeQuotes(e, in, &view); err != nil {
		return err
	}
	setAge(w, s.Prices.Age())
	writeEncoded(w, http.StatusOK, e.b)
	return nil
}

// goodsQuestion is a question for the prices of goods.
type goodsQuestion struct {
	priceQuestion
	currencies []money.Currency // "" is the market's
	coupons    []string
	goods      []pricing.Wanted
	// articles are those of the goods, once they are found.
	articles []*pricing.PricedSKU
}

// goodsQuestion checks a request, all of it at once.
func (s *Server) goodsQuestion(r *http.Request, body quoteRequest) (goodsQuestion, error) {
	var faults invalid.List
	to, wrong := s.shownTo(r, body.Market, body.Country)
	in := goodsQuestion{priceQuestion: priceQuestion{shown: to, state: body.State, group: body.Group}}
	for _, f := range wrong {
		faults.Add(f.Field, "%s", f.Message)
	}
	checkText(&faults, "market", body.Market, maxMarketText)
	checkText(&faults, "state", body.State, maxStateText)
	checkText(&faults, "customer_group", body.Group, maxGroupText)
	if body.AsOf != nil {
		if !isMoment(*body.AsOf) {
			faults.Add("as_of", momentRemedy)
		}
		in.asOf = body.AsOf.UTC().Truncate(time.Microsecond)
	}
	in.currencies = checkCurrencies(&faults, body.Currencies, to.currency)
	cart.CheckCoupons(&faults, body.Coupons)
	in.coupons = cart.NormalizeCoupons(body.Coupons)
	in.goods = checkGoods(&faults, body.Lines)
	return in, faults.Err("request for quotes")
}

func checkText(faults *invalid.List, field, text string, most int) {
	if len(text) > most {
		faults.Add(field, "must be at most %d bytes", most)
	}
}

// checkCurrencies checks and returns the currencies, or the standard one where none is named.
func checkCurrencies(faults *invalid.List, codes []string, standard money.Currency) []money.Currency {
	if codes == nil {
		return []money.Currency{standard}
	}
	if len(codes) == 0 || len(codes) > maxQuoteCurrencies {
		faults.Add("currencies", "must be 1 to %d, or be left out", maxQuoteCurrencies)
		return nil
	}
	currencies := make([]money.Currency, len(codes))
	for i, code := range codes {
		c, err := money.ParseCurrency(code)
		switch {
		case err != nil:
			faults.Add(fmt.Sprintf("currencies[%d]", i), "must be an ISO 4217 code in upper case, such as EUR")
		case slices.Contains(currencies[:i], c):
			faults.Add(fmt.Sprintf("currencies[%d]", i), "must be given once")
		}
		currencies[i] = c
	}
	return currencies
}

// checkGoods checks and returns the goods of the lines, each SKU once.
func checkGoods(faults *invalid.List, lines []cartLineRequest) []pricing.Wanted {
	if len(lines) == 0 || len(lines) > maxQuoteLines {
		faults.Add("lines", "must be 1 to %d", maxQuoteLines)
		return nil
	}
	goods := make([]pricing.Wanted, len(lines))
	seen := make(map[string]struct{}, len(lines))
	for i, line := range lines {
		goods[i] = pricing.Wanted(line)
		if line.SKU == "" || len(line.SKU) > maxSKUText {
			faults.Add(fmt.Sprintf("lines[%d].sku", i), "must have 1 to %d bytes", maxSKUText)
		}
		if line.Quantity < 1 || line.Quantity > cart.MaxQuantity {
			faults.Add(fmt.Sprintf("lines[%d].quantity", i), "must be from 1 to %d", cart.MaxQuantity)
		}
		if _, again := seen[line.SKU]; again {
			faults.Add(fmt.Sprintf("lines[%d].sku", i), "must be given once")
		}
		seen[line.SKU] = struct{}{}
	}
	return goods
}

// skus returns the SKUs of the goods.
func (in goodsQuestion) skus() []string {
	skus := make([]string, len(in.goods))
	for i, wanted := range in.goods {
		skus[i] = wanted.SKU
	}
	return skus
}

// find finds the articles of the goods; all of them must be there.
func (in *goodsQuestion) find(view *priceView) error {
	in.articles = make([]*pricing.PricedSKU, len(in.goods))
	var missing []FieldError
	for i, wanted := range in.goods {
		if in.articles[i] = view.article(wanted.SKU); in.articles[i] == nil {
			missing = append(missing, FieldError{Field: fmt.Sprintf("lines[%d].sku", i), Message: "must be a SKU that is for sale"})
		}
	}
	if missing == nil {
		return nil
	}
	return &Problem{Code: "sku_unknown", Detail: "Leave out the lines that the answer names, or correct their SKUs.", Errors: missing}
}

// encodeQuotes prices the goods in each currency.
func (s *Server) encodeQuotes(e *quoteEncoder, in goodsQuestion, view *priceView) error {
	digest := pricing.GoodsDigest(in.goods, in.coupons)
	e.begin(s.Prices.MaxRateAge)
	for _, c := range in.currencies {
		in.currency = c
		ask, err := view.ask(in.priceQuestion)
		if err != nil {
			return err
		}
		quote, err := e.price(in, view, ask)
		if err != nil {
			return err
		}
		var id string
		var expires time.Time
		if in.asOf.IsZero() && e.unpriced == nil && in.sellable() {
			if id, expires, err = s.promise(&quote, digest); err != nil {
				return err
			}
		}
		e.quote(&quote, id, expires)
	}
	e.end()
	return nil
}

// sellable reports whether all of the goods can be ordered.
func (in goodsQuestion) sellable() bool {
	return !slices.ContainsFunc(in.articles, func(a *pricing.PricedSKU) bool { return !a.Sellable })
}

// price returns the quote of the goods that have a price; the others are kept as unpriced.
func (e *quoteEncoder) price(in goodsQuestion, view *priceView, ask pricing.Ask) (pricing.Quote, error) {
	e.items, e.unpriced = e.items[:0], nil
	for i, article := range in.articles {
		unit, err := view.Rules.Unit(article, ask, in.goods[i].Quantity)
		if err == nil {
			e.items = append(e.items, pricing.Item{Priced: article, Quantity: in.goods[i].Quantity, Unit: unit})
			continue
		}
		var none *pricing.NoPriceError
		if !errors.As(err, &none) {
			return pricing.Quote{}, err
		}
		e.unpriced = append(e.unpriced, none)
	}
	return view.Rules.Quote(pricing.QuoteInput{
		Dest: in.destination(), Ask: ask, Items: e.items, Coupons: in.coupons, FirstOrder: view.buyer.FirstOrder,
	})
}

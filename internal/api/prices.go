package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/fx"
	"meridian/internal/money"
	"meridian/internal/order"
	"meridian/internal/pricing"
	"meridian/regions"
)

// priceResponse is what units of a SKU cost, and why.
type priceResponse struct {
	SKU              string         `json:"sku"`
	At               time.Time      `json:"as_of"`
	Market           string         `json:"market"`
	MarketCurrency   money.Currency `json:"market_currency,omitzero"`
	Country          string         `json:"country"`
	State            string         `json:"state,omitzero"`
	Currency         money.Currency `json:"currency"`
	Quantity         int64          `json:"quantity"`
	UnitPriceMinor   int64          `json:"unit_price_minor"`
	Formatted        string         `json:"formatted"`
	PricesIncludeTax bool           `json:"prices_include_tax"`
	// RegularMinor is the unit's price without the sale that it is in, LowestMinor the lowest of the 30 days before.
	RegularMinor  *int64             `json:"regular_minor,omitzero"`
	LowestMinor   *int64             `json:"lowest_30_days_minor,omitzero"`
	SubtotalMinor int64              `json:"subtotal_minor"`
	DiscountMinor int64              `json:"discount_minor"`
	TaxMinor      int64              `json:"tax_minor"`
	TotalMinor    int64              `json:"total_minor"`
	Derivation    pricing.Derivation `json:"derivation"`
	// Quote is the id of a quote that checkout honours until QuoteExpiresAt; there is none of another moment than now.
	Quote          string    `json:"quote_id,omitzero"`
	QuoteExpiresAt time.Time `json:"quote_expires_at,omitzero"`
}

// getPrice answers what units of a SKU cost, and why: now, or at any moment past.
func (s *Server) getPrice(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	sku, quantity := mux.Vars(r)["sku"], int64(q.Int("quantity", 1, 1, cart.MaxQuantity))
	in := priceQuestion{shown: s.readShown(r, q), state: q.Text("state", maxStateText), group: q.Text("customer_group", maxGroupText)}
	in.asOf = q.Moment("as_of")
	if err := q.Err(); err != nil {
		return err
	}
	if err := s.knowBuyer(r, &in); err != nil {
		return err
	}
	view, err := s.seePrices(r.Context(), in, []string{sku})
	if err != nil {
		return err
	}
	article := view.article(sku)
	if article == nil {
		return notFound("There is no such SKU, or it is not for sale.")
	}
	answer, err := s.newPriceResponse(in, view, article, quantity)
	if err != nil {
		return s.sinceWhen(r.Context(), in, sku, err)
	}
	setAge(w, s.Prices.Age())
	return writeJSON(w, http.StatusOK, answer)
}

// sinceWhen returns a NoPriceBeforeError for a SKU that had no price yet at the moment that was asked about, else err.
func (s *Server) sinceWhen(ctx context.Context, in priceQuestion, sku string, err error) error {
	var none *pricing.NoPriceError
	if in.asOf.IsZero() || !errors.As(err, &none) {
		return err
	}
	first, firstErr := s.Prices.FirstPrice(ctx, sku)
	if firstErr != nil || first.IsZero() || !in.asOf.Before(first) {
		return cmp.Or(firstErr, err)
	}
	return &pricing.NoPriceBeforeError{SKU: sku, First: first}
}

func (s *Server) newPriceResponse(in priceQuestion, view priceView, article *pricing.PricedSKU, quantity int64) (priceResponse, error) {
	ask, err := view.ask(in)
	if err != nil {
		return priceResponse{}, err
	}
	unit, err := view.Rules.Unit(article, ask, quantity)
	if err != nil {
		return priceResponse{}, err
	}
	quote, err := view.Rules.Quote(pricing.QuoteInput{
		Dest: in.destination(), Ask: ask, FirstOrder: view.buyer.FirstOrder,
		Items: []pricing.Item{{Priced: article, Quantity: quantity, Unit: unit}},
	})
	if err != nil {
		return priceResponse{}, err
	}
	line := quote.Lines[0]
	answer := priceResponse{
		SKU: line.SKU, At: ask.At, Market: ask.Market.Code, MarketCurrency: marketCurrency(ask),
		Country: quote.Dest.Country, State: quote.Dest.StateCode(), Currency: ask.Currency,
		Quantity: quantity, UnitPriceMinor: line.UnitPriceMinor, Formatted: s.locales.format(in.locale, line.UnitPriceMinor, ask.Currency),
		PricesIncludeTax: quote.PricesIncludeTax, LowestMinor: line.LowestMinor, SubtotalMinor: line.SubtotalMinor,
		DiscountMinor: line.DiscountMinor, TaxMinor: line.TaxMinor, TotalMinor: line.TotalMinor,
		Derivation: quote.Derivation(0, s.Prices.MaxRateAge),
	}
	if regular, reduced := line.RegularMinor(); reduced {
		answer.RegularMinor = &regular
	}
	if in.asOf.IsZero() && article.Sellable {
		goods := pricing.GoodsDigest([]pricing.Wanted{{SKU: line.SKU, Quantity: quantity}}, nil)
		answer.Quote, answer.QuoteExpiresAt, err = s.promise(&quote, goods)
	}
	return answer, err
}

// promise signs a quote of those goods. It returns the id by which checkout honours its prices, and until when.
func (s *Server) promise(quote *pricing.Quote, goods []byte) (id string, expires time.Time, err error) {
	expires = quote.Ask.At.Add(s.Prices.QuoteLife)
	id, err = s.Prices.Sign(pricing.Terms{
		At: quote.Ask.At, Expires: expires, Market: quote.Ask.Market.Code, Currency: quote.Currency, Group: quote.Ask.Group,
		Country: quote.Dest.Country, State: quote.Dest.StateCode(), Goods: goods,
	})
	return id, expires, err
}

// Bounds of a question's texts, in bytes.
const (
	maxStateText = 100
	maxGroupText = 64
)

// A priceQuestion says for whom, and as of when, prices are asked.
type priceQuestion struct {
	shown
	state string
	// asOf is the moment; zero for now.
	asOf time.Time
	// group is a customer group that staff named; empty for the caller's own.
	group string
	// customer is whose group and orders count; nil for none.
	customer *regions.Ref
	// staff may ask for what others may not: for groups, for what is to come, and for what is no longer sold.
	staff bool
}

// destination returns where the goods would go.
func (in priceQuestion) destination() pricing.Destination {
	return pricing.Destination{Country: in.country, State: in.state}
}

// knowBuyer adds to a question who asks it, and refuses what only staff may ask.
func (s *Server) knowBuyer(r *http.Request, in *priceQuestion) error {
	p, signedIn, err := s.principal(r)
	if err != nil {
		return err
	}
	in.staff = signedIn && p.Has(roleFinance, roleOperator)
	if in.staff || in.group == "" && !in.asOf.After(s.Prices.Moment()) {
		if signedIn && in.group == "" {
			in.customer = &p.Account
		}
		return nil
	}
	if !signedIn {
		return &Problem{Code: "unauthenticated", Detail: "Only the shop's own people may name a group, or a moment to come."}
	}
	return forbidden("Naming a group, or a moment to come, needs the role finance or operator.")
}

// A priceView holds what prices are worked out from: rules and SKUs as they are in the database, or were, and the buyer.
type priceView struct {
	pricing.Snapshot
	at    time.Time
	buyer cart.Buyer
	staff bool
}

// seePrices reads the prices of some SKUs: no round trip for what is in memory, one for anything else, which is also
// the one in which a customer's group is read.
func (s *Server) seePrices(ctx context.Context, in priceQuestion, skus []string) (priceView, error) {
	view := priceView{at: in.asOf, buyer: cart.Buyer{Group: in.group}, staff: in.staff}
	if view.at.IsZero() {
		view.at = s.Prices.Moment()
	}
	var also []func(b *database.Batch)
	if in.customer != nil {
		also = append(also, func(b *database.Batch) { order.QueueBuyer(b, *in.customer, &view.buyer) })
	}
	var err error
	view.Snapshot, err = s.Prices.Lookup(ctx, skus, view.at, also...)
	return view, err
}

// ask returns the question to the rules.
func (v *priceView) ask(in priceQuestion) (pricing.Ask, error) {
	ask, err := in.shown.ask(v.Rules, v.at)
	ask.Group = v.buyer.Group
	return ask, err
}

// article returns a SKU that the caller may know of, or nil: what is not sold yet is a secret, and what no longer is, only
// staff has to do with.
func (v *priceView) article(sku string) *pricing.PricedSKU {
	if a := v.SKUs[sku]; a != nil && (a.Sellable || v.staff) {
		return a
	}
	return nil
}

// noRate adds which currency has no exchange rate.
func noRate(err error, p *Problem) {
	var none *fx.NoRateError
	if errors.As(err, &none) {
		p.Detail = "Prices cannot be compared in " + string(none.Currency) + ": ask for another currency."
		p.Extra = map[string]any{"missing_rate": none.Currency}
	}
}

// noPriceBefore adds when the SKU's first price began.
func noPriceBefore(err error, p *Problem) {
	var before *pricing.NoPriceBeforeError
	if errors.As(err, &before) {
		p.Detail = before.Error() + ": ask for that moment or a later one."
		p.Extra = map[string]any{"sku": before.SKU, "first_price_at": before.First}
	}
}

// noPrice adds which SKU has no price in which currency, and which exchange rate is missing, if that is why.
func noPrice(err error, p *Problem) {
	var none *pricing.NoPriceError
	if !errors.As(err, &none) {
		return
	}
	p.Detail = none.Error() + "."
	p.Extra = map[string]any{"sku": none.SKU, "currency": none.Currency}
	if currency, missing := none.MissingRate(); missing {
		p.Extra["missing_rate"] = currency
	}
}

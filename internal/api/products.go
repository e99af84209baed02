package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"
	"github.com/maypok86/otter/v2"

	"meridian/internal/catalog"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/rating"
)

// How long caches outside, such as a CDN, may keep what everyone reads of the catalogue.
const (
	productMaxAge  = 10 * time.Second
	listingMaxAge  = 10 * time.Second
	categoryMaxAge = time.Minute
)

// productResponse is a product as everyone sees it.
type productResponse struct {
	ID          string          `json:"id"`
	Slug        string          `json:"slug"`
	Seller      string          `json:"seller_id"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Brand       string          `json:"brand"`
	Category    string          `json:"category"`
	TaxCategory string          `json:"tax_category"`
	Attributes  map[string]any  `json:"attributes"`
	Images      []imageResponse `json:"images"`
	SKUs        []skuResponse   `json:"skus"`
	// Rating is absent while there is none.
	Rating    *ratingSummary `json:"rating,omitzero"`
	UpdatedAt time.Time      `json:"updated_at"`
}

type imageResponse struct {
	URL string `json:"url"`
	Alt string `json:"alt"`
}

type skuResponse struct {
	SKU         string            `json:"sku"`
	Barcode     string            `json:"barcode"`
	Options     map[string]string `json:"options"`
	WeightGrams int64             `json:"weight_grams"`
	Status      string            `json:"status"`
	// Prices are the seller's list prices in minor units, by currency.
	Prices map[string]int64 `json:"prices"`
	// Price is what a unit costs the shopper who asks; absent where it cannot be bought there.
	Price *priceTag `json:"price,omitzero"`
}

// priceTag is a price as it is shown in a market.
type priceTag struct {
	Market           string         `json:"market"`
	MarketCurrency   money.Currency `json:"market_currency,omitzero"`
	Currency         money.Currency `json:"currency"`
	AmountMinor      int64          `json:"amount_minor"`
	Formatted        string         `json:"formatted"`
	PricesIncludeTax bool           `json:"prices_include_tax"`
	// RegularMinor is the price without the sale that it is in, LowestMinor the lowest of the 30 days before.
	RegularMinor *int64 `json:"regular_minor,omitzero"`
	LowestMinor  *int64 `json:"lowest_30_days_minor,omitzero"`
}

func newProductResponse(p catalog.Product, at time.Time) productResponse {
	answer := productResponse{
		ID: p.PublicID(), Slug: p.Slug, Seller: catalog.Seller{ID: p.SellerID}.PublicID(), Title: p.Title,
		Description: p.Description, Brand: p.Brand, Category: p.CategoryID, TaxCategory: string(p.TaxCategory),
		Attributes: p.Attributes, UpdatedAt: p.UpdatedAt, Rating: newRatingSummary(p.Rating),
	}
	for _, image := range p.Images {
		answer.Images = append(answer.Images, imageResponse(image))
	}
	for _, sku := range p.SKUs {
		prices := make(map[string]int64)
		for currency, amount := range sku.Prices(at) {
			prices[string(currency)] = amount
		}
		answer.SKUs = append(answer.SKUs, skuResponse{SKU: sku.Code, Barcode: sku.Barcode, Options: sku.Options,
			WeightGrams: sku.WeightGrams, Status: string(sku.Status), Prices: prices})
	}
	return answer
}

// getProduct answers a product that is on sale, by its id or slug.
func (s *Server) getProduct(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	in := s.readShown(r, q)
	from := q.OneOf("from", "search")
	if err := q.Err(); err != nil {
		return err
	}
	p, err := s.Catalog.GetProduct(r.Context(), mux.Vars(r)["product_id"])
	if err != nil {
		return err
	}
	answer, err := s.answerOf(r.Context(), p, in)
	if err != nil {
		return err
	}
	if r.Method == http.MethodGet {
		s.Recommend.Viewed(p.ID, from != "")
	}
	setAge(w, s.Catalog.Age())
	cachePublic(w, productMaxAge)
	varyByShopper(w, in.byCountry)
	if notModified(w, r, answer.etag) {
		return nil
	}
	writeEncoded(w, http.StatusOK, answer.body)
	return nil
}

// varyByShopper tells caches outside what an answer depends on besides its URL: the language, and the country unless the query
// says for whom prices are shown. The edge replaces the country's header by what a cache in front of it sees.
func varyByShopper(w http.ResponseWriter, byCountry bool) {
	vary := "Accept-Language"
	if byCountry {
		vary += ", " + countryHeader
	}
	w.Header().Add("Vary", vary)
}

// pricedProduct returns a product with its prices for a shopper, and until when they stand.
func (s *Server) pricedProduct(p catalog.Product, in shown, rules *pricing.Rules) (productResponse, time.Time, error) {
	ask, err := in.ask(rules, s.Prices.Moment())
	if err != nil {
		return productResponse{}, time.Time{}, err
	}
	answer := newProductResponse(p, ask.At)
	until := ask.At.Add(time.Hour)
	for i, sku := range p.SKUs {
		article := p.PricedSKU(sku)
		if next := rules.Next(article, ask); next.Before(until) {
			until = next
		}
		tag, priced, err := rules.Tag(article, ask)
		if err != nil {
			return productResponse{}, time.Time{}, err
		}
		if priced {
			answer.SKUs[i].Price = s.newPriceTag(tag, ask, in.locale)
		}
	}
	return answer, until, nil
}

func (s *Server) newPriceTag(tag pricing.Tag, ask pricing.Ask, locale string) *priceTag {
	return &priceTag{
		Market: ask.Market.Code, MarketCurrency: marketCurrency(ask), Currency: ask.Currency, AmountMinor: tag.AmountMinor,
		Formatted:        s.locales.format(locale, tag.AmountMinor, ask.Currency),
		PricesIncludeTax: ask.Market.PricesIncludeTax, RegularMinor: tag.RegularMinor, LowestMinor: tag.LowestMinor,
	}
}

type productsResponse struct {
	Products   []productResponse `json:"products"`
	NextCursor string            `json:"next_cursor,omitzero"`
}

// The most bytes of a category's id and a brand in a query.
const (
	maxCategoryText = 64
	maxBrandText    = 400
)

const unknownCategory = "there is no such category; GET /v1/categories lists them"

// listProducts answers products that are on sale, the newest first.
func (s *Server) listProducts(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	filter := catalog.ListFilter{CategoryID: q.Text("category", maxCategoryText), Brand: q.Text("brand", maxBrandText)}
	if err := q.Err(); err != nil {
		return err
	}
	in := s.readShown(r, q)
	if err := q.Err(); err != nil {
		return err
	}
	listing := "products " + filter.CategoryID + " by " + filter.Brand
	var err error
	if filter.PageFilter, err = readPage[catalog.ListPosition](s, r, listing); err != nil {
		return err
	}
	page, err := s.Catalog.ListProducts(r.Context(), filter)
	if err != nil {
		return err
	}
	if len(page.Items) == 0 && filter.CategoryID != "" {
		tree, err := s.Catalog.Categories(r.Context())
		if err != nil {
			return err
		}
		if _, ok := tree.Get(filter.CategoryID); !ok {
			return BadRequest("The query is not valid.", FieldError{Field: "category", Message: unknownCategory})
		}
	}
	answer := productsResponse{NextCursor: nextCursor(s, listing, page.Next)}
	for _, p := range page.Items {
		rules, err := s.Prices.Current(r.Context(), p.Rules)
		if err != nil {
			return err
		}
		priced, _, err := s.pricedProduct(p, in, rules)
		if err != nil {
			return err
		}
		answer.Products = append(answer.Products, priced)
	}
	cachePublic(w, listingMaxAge)
	varyByShopper(w, in.byCountry)
	if notModified(w, r, contentETag(marshal(answer))) {
		return nil
	}
	return writeJSON(w, http.StatusOK, answer)
}

// takenSKU says which SKU belongs to another product.
func takenSKU(err error, p *Problem) {
	var taken *catalog.SKUTakenError
	if errors.As(err, &taken) {
		p.Extra = map[string]any{"sku": taken.SKU}
	}
}

// productAnswers keeps the encoded answers of products that are read often: encoding is a fifth of what a read out of
// memory costs. A product's version moves with everything its answer shows but the rating and the prices; the key
// holds these, or all that they depend on but time, and an answer says until when it stands. So what is kept is never wrong and needs no
// forgetting.
type productAnswers struct {
	cache *otter.Cache[answerKey, productAnswer]
}

type answerKey struct {
	id      uuid.UUID
	version int64
	rating  rating.Total
	rules   int64
	shown
}

// productAnswer is an encoded answer with its ETag.
type productAnswer struct {
	body  []byte
	etag  string
	until time.Time
}

// productAnswersBytes bounds what is kept.
const productAnswersBytes = 32 << 20

func newProductAnswers() (productAnswers, error) {
	cache, err := otter.New(&otter.Options[answerKey, productAnswer]{
		MaximumWeight: productAnswersBytes,
		Weigher:       func(_ answerKey, answer productAnswer) uint32 { return uint32(len(answer.body)) + 200 },
	})
	if err != nil {
		return productAnswers{}, fmt.Errorf("cache of answers: %w", err)
	}
	return productAnswers{cache}, nil
}

// answerOf returns the encoded answer of a product for a shopper.
func (s *Server) answerOf(ctx context.Context, p catalog.Product, in shown) (productAnswer, error) {
	rules, err := s.Prices.Current(ctx, p.Rules)
	if err != nil {
		return productAnswer{}, err
	}
	key := answerKey{id: p.ID, version: p.Version, rating: p.Rating, rules: rules.Version, shown: in}
	if kept, ok := s.products.cache.GetIfPresent(key); ok && s.Now().Before(kept.until) {
		return kept, nil
	}
	priced, until, err := s.pricedProduct(p, in, rules)
	if err != nil {
		return productAnswer{}, err
	}
	answer := productAnswer{etag: contentETag(marshal(priced)), until: until}
	if answer.body, err = encode(priced); err != nil {
		return productAnswer{}, err
	}
	s.products.cache.Set(key, answer)
	return answer, nil
}

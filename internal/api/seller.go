package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/finance"
	"meridian/internal/idempotency"
	"meridian/internal/money"
	"meridian/regions"
)

// sellerProductResponse is a product as its seller sees it.
type sellerProductResponse struct {
	productResponse
	Key       string    `json:"key"`
	Status    string    `json:"status"`
	Version   int64     `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	// ScheduledPrices begin soon: every pod has to know of them first.
	ScheduledPrices []scheduledPriceResponse `json:"scheduled_prices"`
	// PendingPrices of an edit wait until somebody of finance approves them.
	PendingPrices []pendingPriceResponse `json:"pending_prices,omitzero"`
}

type scheduledPriceResponse struct {
	SKU         string         `json:"sku"`
	Currency    money.Currency `json:"currency"`
	AmountMinor int64          `json:"amount_minor"`
	ValidFrom   time.Time      `json:"valid_from"`
}

type pendingPriceResponse struct {
	SKU         string         `json:"sku"`
	Currency    money.Currency `json:"currency"`
	AmountMinor int64          `json:"amount_minor"`
	ChangeID    string         `json:"change_id"`
}

func newSellerProductResponse(p catalog.Product) sellerProductResponse {
	now := time.Now()
	answer := sellerProductResponse{
		productResponse: newProductResponse(p, now), Key: p.Key, Status: string(p.Status), Version: p.Version, CreatedAt: p.CreatedAt,
		ScheduledPrices: []scheduledPriceResponse{},
	}
	for _, sku := range p.SKUs {
		for _, price := range sku.ScheduledPrices(now) {
			answer.ScheduledPrices = append(answer.ScheduledPrices,
				scheduledPriceResponse{sku.Code, price.Currency, price.AmountMinor, price.From.UTC()})
		}
	}
	for _, price := range p.Waiting {
		answer.PendingPrices = append(answer.PendingPrices,
			pendingPriceResponse{price.SKU, price.Currency, price.AmountMinor, price.ChangeID})
	}
	return answer
}

// productRequest is a product as its seller wants it to be, whole.
type productRequest struct {
	Key         string         `json:"key"`
	Title       string         `json:"title"`
	Description string         `json:"description"`
	Brand       string         `json:"brand"`
	Category    string         `json:"category"`
	TaxCategory string         `json:"tax_category"`
	Status      string         `json:"status"`
	Attributes  map[string]any `json:"attributes"`
	Images      []imageRequest `json:"images"`
	SKUs        []skuRequest   `json:"skus"`
}

type imageRequest struct {
	URL string `json:"url"`
	Alt string `json:"alt"`
}

type skuRequest struct {
	SKU         string                   `json:"sku"`
	Barcode     string                   `json:"barcode"`
	Options     map[string]string        `json:"options"`
	WeightGrams int64                    `json:"weight_grams"`
	Prices      map[money.Currency]int64 `json:"prices"`
}

func (body productRequest) input() catalog.ProductInput {
	in := catalog.ProductInput{
		Key: body.Key, Title: body.Title, Description: body.Description, Brand: body.Brand, CategoryID: body.Category,
		TaxCategory: catalog.TaxCategory(body.TaxCategory), Status: catalog.Status(body.Status), Attributes: body.Attributes,
	}
	for _, image := range body.Images {
		in.Images = append(in.Images, catalog.Image(image))
	}
	for _, sku := range body.SKUs {
		in.SKUs = append(in.SKUs, catalog.SKUInput{Code: sku.SKU, Barcode: sku.Barcode, Options: sku.Options,
			WeightGrams: sku.WeightGrams, Prices: sku.Prices})
	}
	return in
}

// requireSeller returns the seller that the caller acts for.
func (s *Server) requireSeller(r *http.Request) (uuid.UUID, error) {
	seller, _, err := s.requireSellerActor(r)
	return seller, err
}

// requireSellerActor is requireSeller with the caller's public id, for the audit.
func (s *Server) requireSellerActor(r *http.Request) (seller uuid.UUID, actor string, err error) {
	p, err := s.require(r, roleSeller)
	if err != nil {
		return uuid.Nil, "", err
	}
	if p.Seller == uuid.Nil {
		return uuid.Nil, "", forbidden("This account acts for no seller: an admin can grant it one.")
	}
	return p.Seller, s.Regions.FormatID(regions.AccountPrefix, p.Account), nil
}

// sellerGate keeps back the prices of an edit that are for a second person to decide.
func (s *Server) sellerGate(actor, edit string) *catalog.Gate {
	return s.Finance.SellerGate(finance.By{Actor: actor, Reason: "the seller's " + edit})
}

// createProduct adds a product of the caller's seller.
func (s *Server) createProduct(w http.ResponseWriter, r *http.Request) error {
	seller, err := s.requireSeller(r)
	if err != nil {
		return err
	}
	var body productRequest
	key, err := s.readIdempotent(r, &body)
	if err != nil {
		return err
	}
	// Sellers have no home: their keys are kept in one place for all regions.
	key.Region, key.Scope = s.Regions.Primary().Name, regions.FormatGlobalID(regions.SellerPrefix, seller)
	created, err := s.Catalog.CreateProduct(r.Context(), catalog.CreateInput{Seller: seller, Product: body.input(), Idempotency: key})
	created, _, err = answerOnce(w, created, err, func(id string) (catalog.Product, error) {
		product, err := regions.ParseGlobalID(regions.ProductPrefix, id)
		if err != nil {
			return catalog.Product{}, err
		}
		return s.Catalog.GetSellerProduct(r.Context(), seller, product)
	})
	if err != nil {
		return err
	}
	setProductHeaders(w, created)
	return writeJSON(w, http.StatusCreated, newSellerProductResponse(created))
}

func setProductHeaders(w http.ResponseWriter, p catalog.Product) {
	w.Header().Set("Location", "/v1/seller/products/"+p.PublicID())
	w.Header().Set("ETag", versionETag(p.Version))
}

// getSellerProduct answers a product of the caller's seller, in any state.
func (s *Server) getSellerProduct(w http.ResponseWriter, r *http.Request) error {
	seller, err := s.requireSeller(r)
	if err != nil {
		return err
	}
	id, err := pathGlobalID(r, "product_id", regions.ProductPrefix)
	if err != nil {
		return err
	}
	p, err := s.Catalog.GetSellerProduct(r.Context(), seller, id)
	if err != nil {
		return err
	}
	// The version is what a change is based on. It stays when a scheduled price begins, so no 304 goes by it.
	w.Header().Set("ETag", versionETag(p.Version))
	return writeJSON(w, http.StatusOK, newSellerProductResponse(p))
}

// replaceProduct changes a product of the caller's seller, whole.
func (s *Server) replaceProduct(w http.ResponseWriter, r *http.Request) error {
	seller, actor, err := s.requireSellerActor(r)
	if err != nil {
		return err
	}
	id, err := pathGlobalID(r, "product_id", regions.ProductPrefix)
	if err != nil {
		return err
	}
	version, err := ifMatch(r)
	if err != nil {
		return err
	}
	var body productRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	p, err := s.Catalog.UpdateProduct(r.Context(), catalog.UpdateInput{
		Seller: seller, ID: id, Version: version, Product: body.input(),
		Gate: s.sellerGate(actor, "edit of "+regions.FormatGlobalID(regions.ProductPrefix, id)),
	})
	if err != nil {
		return err
	}
	w.Header().Set("ETag", versionETag(p.Version))
	return writeJSON(w, http.StatusOK, newSellerProductResponse(p))
}

// archiveProduct takes a product of the caller's seller off sale.
func (s *Server) archiveProduct(w http.ResponseWriter, r *http.Request) error {
	seller, err := s.requireSeller(r)
	if err != nil {
		return err
	}
	id, err := pathGlobalID(r, "product_id", regions.ProductPrefix)
	if err != nil {
		return err
	}
	version, err := ifMatch(r)
	if err != nil {
		return err
	}
	p, err := s.Catalog.ArchiveProduct(r.Context(), seller, id, version)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", versionETag(p.Version))
	return writeJSON(w, http.StatusOK, newSellerProductResponse(p))
}

type sellerProductsResponse struct {
	Products   []sellerProductResponse `json:"products"`
	NextCursor string                  `json:"next_cursor,omitzero"`
}

// listSellerProducts answers the products of the caller's seller, in any state, by key.
func (s *Server) listSellerProducts(w http.ResponseWriter, r *http.Request) error {
	seller, err := s.requireSeller(r)
	if err != nil {
		return err
	}
	q := newQuery(r)
	status := q.OneOf("status", string(catalog.Draft), string(catalog.Active), string(catalog.Archived))
	if err := q.Err(); err != nil {
		return err
	}
	listing := "products of " + seller.String() + " " + status
	filter := catalog.SellerListFilter{Seller: seller, Status: catalog.Status(status)}
	if filter.PageFilter, err = readPage[string](s, r, listing); err != nil {
		return err
	}
	page, err := s.Catalog.ListSellerProducts(r.Context(), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, sellerProductsResponse{
		Products: each(page.Items, newSellerProductResponse), NextCursor: nextCursor(s, listing, page.Next),
	})
}

type sellerRequest struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
}

type sellerResponse struct {
	ID        string    `json:"id"`
	Slug      string    `json:"slug"`
	Name      string    `json:"name"`
	Status    string    `json:"status"`
	CreatedAt time.Time `json:"created_at"`
}

func newSellerResponse(seller catalog.Seller) sellerResponse {
	return sellerResponse{ID: seller.PublicID(), Slug: seller.Slug, Name: seller.Name, Status: string(seller.Status),
		CreatedAt: seller.CreatedAt}
}

// createSeller adds a seller. Its slug guards it against being made twice; with a key a repetition gets the first answer.
func (s *Server) createSeller(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleAdmin); err != nil {
		return err
	}
	var body sellerRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	// Sellers have no home: their keys are kept in one place for all regions.
	key := idempotency.Key{Region: s.Regions.Primary().Name, Scope: "sellers"}
	var err error
	if key.Key, err = optionalIdempotencyKey(r); err != nil {
		return err
	}
	if key.Fingerprint, err = s.fingerprint(r, body); err != nil {
		return err
	}
	seller, err := s.Catalog.CreateSeller(r.Context(), catalog.SellerInput{Slug: body.Slug, Name: body.Name, Idempotency: key})
	seller, _, err = answerOnce(w, seller, err, func(id string) (catalog.Seller, error) {
		key, err := regions.ParseGlobalID(regions.SellerPrefix, id)
		if err != nil {
			return catalog.Seller{}, err
		}
		return s.Catalog.GetSeller(r.Context(), key)
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, newSellerResponse(seller))
}

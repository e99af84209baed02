package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"meridian/internal/cart"
	"meridian/internal/idempotency"
	"meridian/internal/money"
	"meridian/regions"
)

// countryHeader is the client's country as the edge found it out.
const countryHeader = "X-Meridian-Country"

// cartResponse is a cart with the prices and the stock of now.
type cartResponse struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Version  int64  `json:"version"`
	Currency string `json:"currency"`
	Country  string `json:"country"`
	// Market is whose prices the cart has.
	Market string `json:"market"`
	// Coupons are the codes that were entered.
	Coupons   []couponResponse     `json:"coupons,omitzero"`
	Lines     []cartLineResponse   `json:"lines"`
	Estimate  cartEstimateResponse `json:"estimate"`
	CreatedAt time.Time            `json:"created_at"`
	UpdatedAt time.Time            `json:"updated_at"`
	ExpiresAt time.Time            `json:"expires_at"`
	// GuestToken is only in the answer to the guest who made the cart.
	GuestToken string `json:"guest_token,omitzero"`
}

type cartLineResponse struct {
	SKU       string            `json:"sku"`
	ProductID string            `json:"product_id"`
	Title     string            `json:"title"`
	Slug      string            `json:"slug"`
	ImageURL  string            `json:"image_url,omitzero"`
	Options   map[string]string `json:"options"`
	Quantity  int64             `json:"quantity"`
	// UnitPriceMinor and SubtotalMinor are absent where the line cannot be bought.
	UnitPriceMinor *int64 `json:"unit_price_minor,omitzero"`
	SubtotalMinor  *int64 `json:"subtotal_minor,omitzero"`
	// DiscountMinor is what promotions take off SubtotalMinor.
	DiscountMinor int64 `json:"discount_minor"`
	// RegularMinor is the unit's price without the sale that it is in, LowestMinor its lowest of the 30 days before.
	RegularMinor *int64 `json:"regular_minor,omitzero"`
	LowestMinor  *int64 `json:"lowest_30_days_minor,omitzero"`
	Buyable      bool   `json:"buyable"`
	Availability string `json:"availability"`
}

// couponResponse is a code; Refused says why it gives nothing.
type couponResponse struct {
	Code    string `json:"code"`
	Refused string `json:"refused,omitzero"`
}

// cartEstimateResponse is what the buyable lines would cost in the cart's country.
type cartEstimateResponse struct {
	SubtotalMinor    int64                 `json:"subtotal_minor"`
	DiscountMinor    int64                 `json:"discount_minor"`
	ShippingMinor    int64                 `json:"shipping_minor"`
	TaxMinor         int64                 `json:"tax_minor"`
	TotalMinor       int64                 `json:"total_minor"`
	PricesIncludeTax bool                  `json:"prices_include_tax"`
	Delivery         *cartDeliveryResponse `json:"delivery,omitzero"`
}

type cartDeliveryResponse struct {
	Service string `json:"service"`
	MinDays int64  `json:"min_days"`
	MaxDays int64  `json:"max_days"`
}

func (s *Server) newCartResponse(ctx context.Context, c cart.Cart) (cartResponse, error) {
	quote, err := s.Carts.Quote(ctx, cart.QuoteInput{Cart: c})
	if err != nil {
		return cartResponse{}, err
	}
	answer := cartResponse{
		ID:        s.Regions.FormatID(regions.CartPrefix, c.Ref),
		Status:    c.Status,
		Version:   c.Version,
		Currency:  string(c.Currency),
		Country:   c.Country,
		Market:    quote.Ask.Market.Code,
		Coupons:   newCoupons(c, quote),
		Estimate:  newCartEstimate(quote),
		CreatedAt: c.CreatedAt,
		UpdatedAt: c.UpdatedAt,
		ExpiresAt: c.ExpiresAt,
	}
	for _, line := range c.Lines {
		answer.Lines = append(answer.Lines, newCartLineResponse(line, &quote))
	}
	return answer, nil
}

func newCartLineResponse(line cart.Line, quote *cart.Quote) cartLineResponse {
	answer := cartLineResponse{
		SKU:          line.SKU,
		ProductID:    regions.FormatGlobalID(regions.ProductPrefix, line.ProductID),
		Title:        line.Title,
		Slug:         line.Slug,
		ImageURL:     line.ImageURL,
		Options:      line.Options,
		Quantity:     line.Quantity,
		Availability: string(line.Availability()),
	}
	if priced := quote.Line(line.SKU); priced != nil {
		answer.UnitPriceMinor, answer.SubtotalMinor = &priced.UnitPriceMinor, &priced.SubtotalMinor
		answer.DiscountMinor, answer.LowestMinor = priced.DiscountMinor, priced.LowestMinor
		if regular, reduced := priced.RegularMinor(); reduced {
			answer.RegularMinor = &regular
		}
		answer.Buyable = true
	}
	return answer
}

// newCoupons returns the codes of a cart, each with the reason where it gives nothing.
func newCoupons(c cart.Cart, quote cart.Quote) []couponResponse {
	var answer []couponResponse
	for _, code := range c.Coupons {
		coupon := couponResponse{Code: code}
		for _, refused := range quote.RefusedCoupons {
			if refused.Coupon == code {
				coupon.Refused = string(refused.Reason)
			}
		}
		answer = append(answer, coupon)
	}
	return answer
}

func newCartEstimate(quote cart.Quote) cartEstimateResponse {
	answer := cartEstimateResponse{
		SubtotalMinor:    quote.SubtotalMinor,
		DiscountMinor:    quote.DiscountMinor,
		ShippingMinor:    quote.ShippingMinor,
		TaxMinor:         quote.TaxMinor,
		TotalMinor:       quote.TotalMinor,
		PricesIncludeTax: quote.PricesIncludeTax,
	}
	if rate := quote.Delivery; rate.Service != "" {
		answer.Delivery = &cartDeliveryResponse{Service: rate.Service, MinDays: rate.MinDays, MaxDays: rate.MaxDays}
	}
	return answer
}

// answerCart answers what an operation on a cart returned. The ETag is the version that a change may be based on;
// prices and stock move without it, so a cart is never answered with 304.
func (s *Server) answerCart(ctx context.Context, w http.ResponseWriter, c cart.Cart, err error) error {
	if err != nil {
		return s.cartProblem(ctx, err)
	}
	answer, err := s.newCartResponse(ctx, c)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", versionETag(c.Version))
	return writeJSON(w, http.StatusOK, answer)
}

// cartLineRequest is units of a SKU.
type cartLineRequest struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

type createCartRequest struct {
	Currency string            `json:"currency"`
	Country  string            `json:"country"`
	Lines    []cartLineRequest `json:"lines"`
}

// createCart makes a guest's cart, or opens the one of a customer.
func (s *Server) createCart(w http.ResponseWriter, r *http.Request) error {
	p, signedIn, err := s.principal(r)
	if err != nil {
		return err
	}
	var body createCartRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	in := cart.CreateInput{Country: body.Country, Currency: money.Currency(body.Currency)}
	for _, line := range body.Lines {
		in.Lines = append(in.Lines, cart.Change{Op: cart.OpAdd, SKU: line.SKU, Quantity: line.Quantity})
	}
	if in.Idempotency, err = s.cartKey(r, body); err != nil {
		return err
	}
	if in.Country == "" {
		in.Country = s.countryOf(r)
	}
	if signedIn {
		in.Account = &p.Account
	} else if in.ID, err = s.guestCartID(in.Idempotency.Key); err != nil {
		return err
	}
	created, err := s.Carts.Create(r.Context(), in)
	if err != nil {
		return s.cartProblem(r.Context(), err)
	}
	s.noteAdded(created, in.Lines...)
	return s.writeCreatedCart(r.Context(), w, created)
}

func (s *Server) writeCreatedCart(ctx context.Context, w http.ResponseWriter, created cart.Cart) error {
	answer, err := s.newCartResponse(ctx, created)
	if err != nil {
		return err
	}
	if created.Account == nil {
		answer.GuestToken = s.guestToken(guestCart, answer.ID)
	}
	w.Header().Set("ETag", versionETag(created.Version))
	w.Header().Set("Location", "/v1/carts/"+answer.ID)
	return writeJSON(w, http.StatusCreated, answer)
}

// minGuestKeyBytes is the least length of the key that names a guest's new cart: whoever knows the key gets the cart.
const minGuestKeyBytes = 16

// guestCartID returns the id of the cart that a guest makes here with an idempotency key, so that a repetition finds it.
// Another region's is another cart, with another id.
func (s *Server) guestCartID(key string) (uuid.UUID, error) {
	if len(key) < minGuestKeyBytes {
		return uuid.UUID{}, &Problem{Code: "idempotency_key_invalid",
			Detail: "A guest's new cart needs a random key of 16 characters or more, such as a UUID: whoever knows it can open the cart."}
	}
	id := uuid.UUID(mac(s.keys.guest[0], "cart id in "+s.Region, key)[:16])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // as a random UUID, version 4
	return id, nil
}

// countryOf returns the caller's country as the edge says, else that of the region's first warehouse.
func (s *Server) countryOf(r *http.Request) string {
	if country := r.Header.Get(countryHeader); s.Shipping.Serves(country) {
		return country
	}
	region, _ := s.Regions.Get(s.Region)
	return region.Warehouses[0].Country
}

// getCart answers a cart to its owner.
func (s *Server) getCart(w http.ResponseWriter, r *http.Request) error {
	ref, account, err := s.cartOwner(r)
	if err != nil {
		return err
	}
	c, err := s.Carts.Get(r.Context(), ref, account)
	return s.answerCart(r.Context(), w, c, err)
}

// cartOwner reads which cart the path names and as whose it may be used: the guest's who holds its token, else the
// caller's account. Whether the cart is theirs, the carts decide.
func (s *Server) cartOwner(r *http.Request) (regions.Ref, *regions.Ref, error) {
	ref, err := s.pathRef(r, "cart_id", regions.CartPrefix)
	if err != nil {
		return regions.Ref{}, nil, err
	}
	p, signedIn, err := s.principal(r)
	switch {
	case err != nil:
		return regions.Ref{}, nil, err
	case s.guestHolds(r, guestCart, mux.Vars(r)["cart_id"]):
		return ref, nil, nil
	case signedIn:
		return ref, &p.Account, nil
	}
	return regions.Ref{}, nil, cart.ErrNotFound
}

type changeCartRequest struct {
	Version  *int64 `json:"version"`
	Currency string `json:"currency"`
	Country  string `json:"country"`
	// Coupons are the codes that the cart has from now on; absent leaves them, [] takes all out.
	Coupons []string            `json:"coupons"`
	Changes []cartChangeRequest `json:"changes"`
}

type cartChangeRequest struct {
	Op       string `json:"op"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// changeCart makes several changes of a cart, all or none.
func (s *Server) changeCart(w http.ResponseWriter, r *http.Request) error {
	var body changeCartRequest
	in, err := s.cartChange(r, &body)
	if err != nil {
		return err
	}
	if body.Version != nil {
		if in.Version != nil && *in.Version != *body.Version {
			return BadRequest("The change is based on two versions.",
				FieldError{Field: "version", Message: "must be left out, or the same as If-Match"})
		}
		in.Version = body.Version
	}
	in.Currency, in.Country, in.Coupons = money.Currency(body.Currency), body.Country, body.Coupons
	for _, change := range body.Changes {
		in.Changes = append(in.Changes, cart.Change{Op: cart.Op(change.Op), SKU: change.SKU, Quantity: change.Quantity})
	}
	changed, err := s.Carts.Change(r.Context(), in)
	s.noteAdded(changed, in.Changes...)
	return s.answerCart(r.Context(), w, changed, err)
}

// addCartLine adds units of a SKU to a cart.
func (s *Server) addCartLine(w http.ResponseWriter, r *http.Request) error {
	var body cartLineRequest
	in, err := s.cartChange(r, &body)
	if err != nil {
		return err
	}
	changed, err := s.Carts.Add(r.Context(), in, body.SKU, body.Quantity)
	s.noteAdded(changed, cart.Change{Op: cart.OpAdd, SKU: body.SKU})
	return s.answerCart(r.Context(), w, changed, err)
}

type setCartLineRequest struct {
	Quantity int64 `json:"quantity"`
}

// setCartLine makes a line hold exactly so many units.
func (s *Server) setCartLine(w http.ResponseWriter, r *http.Request) error {
	var body setCartLineRequest
	in, err := s.cartChange(r, &body)
	if err != nil {
		return err
	}
	changed, err := s.Carts.Set(r.Context(), in, mux.Vars(r)["sku"], body.Quantity)
	return s.answerCart(r.Context(), w, changed, err)
}

// removeCartLine takes a line out of a cart.
func (s *Server) removeCartLine(w http.ResponseWriter, r *http.Request) error {
	in, err := s.cartChange(r, nil)
	if err != nil {
		return err
	}
	changed, err := s.Carts.Remove(r.Context(), in, mux.Vars(r)["sku"])
	return s.answerCart(r.Context(), w, changed, err)
}

// cartChange reads what every change of a cart has: whose cart, the body (nil for a route without), the version that
// it is based on, if it says, and its key.
func (s *Server) cartChange(r *http.Request, body any) (cart.ChangeInput, error) {
	ref, account, err := s.cartOwner(r)
	if err != nil {
		return cart.ChangeInput{}, err
	}
	in := cart.ChangeInput{Cart: ref, Account: account}
	if body != nil {
		if err := readJSON(r, body); err != nil {
			return cart.ChangeInput{}, err
		}
	}
	if r.Header.Get("If-Match") != "" {
		version, err := ifMatch(r)
		if err != nil {
			return cart.ChangeInput{}, err
		}
		in.Version = &version
	}
	in.Idempotency, err = s.cartKey(r, body)
	return in, err
}

// cartKey returns the call's idempotency key; the carts add what it is scoped to.
func (s *Server) cartKey(r *http.Request, body any) (idempotency.Key, error) {
	key, err := idempotencyKey(r)
	if err != nil {
		return idempotency.Key{}, err
	}
	print, err := s.fingerprint(r, body)
	return idempotency.Key{Key: key, Fingerprint: print}, err
}

// getAccountCart answers the customer's open cart.
func (s *Server) getAccountCart(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	c, err := s.Carts.GetOpen(r.Context(), p.Account)
	return s.answerCart(r.Context(), w, c, err)
}

type mergeCartRequest struct {
	GuestCart string `json:"cart_id"`
	Strategy  string `json:"strategy"`
}

// mergeCart moves the cart of a guest, who has signed in, to the customer's.
func (s *Server) mergeCart(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	var body mergeCartRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	guest, err := s.Regions.ParseID(regions.CartPrefix, body.GuestCart)
	if err != nil {
		return BadRequest("The cart's id is malformed.", FieldError{Field: "cart_id", Message: "must be the id of a cart"})
	}
	if !s.guestHolds(r, guestCart, body.GuestCart) {
		return cart.ErrNotFound
	}
	merged, err := s.Carts.Merge(r.Context(), cart.MergeInput{
		Guest: guest, Customer: p.Account, Strategy: cart.Strategy(body.Strategy),
	})
	return s.answerCart(r.Context(), w, merged, err)
}

// cartProblem adds to a conflict the current cart as clients know carts, which only the server can write.
func (s *Server) cartProblem(ctx context.Context, err error) error {
	var conflict *cart.ConflictError
	if !errors.As(err, &conflict) {
		return err
	}
	current, quoteErr := s.newCartResponse(ctx, conflict.Current)
	if quoteErr != nil {
		return errors.Join(err, quoteErr)
	}
	return &Problem{Code: "cart_changed", Extra: map[string]any{"cart": current}, Err: err}
}

// notSold adds which SKUs cannot be put into a cart.
func notSold(err error, p *Problem) {
	var unknown *cart.UnknownSKUError
	if errors.As(err, &unknown) {
		p.Extra = map[string]any{"skus": unknown.SKUs}
	}
}

// tooManyLines adds how many lines there may be.
func tooManyLines(err error, p *Problem) {
	var lines *cart.TooManyLinesError
	if errors.As(err, &lines) {
		p.Extra = map[string]any{"max_lines": lines.Max}
	}
}

// tooManyUnits adds which line would hold too much, and how much it may.
func tooManyUnits(err error, p *Problem) {
	var quantity *cart.QuantityError
	if errors.As(err, &quantity) {
		p.Extra = map[string]any{"sku": quantity.SKU, "max_quantity": cart.MaxQuantity}
	}
}

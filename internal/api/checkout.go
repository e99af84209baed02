package api

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"meridian/internal/account"
	"meridian/internal/cart"
	"meridian/internal/idempotency"
	"meridian/internal/invalid"
	"meridian/internal/inventory"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/regions"
)

// placeOrderRequest is a checkout. It has either ship_to or, for a customer, the id of a saved address.
type placeOrderRequest struct {
	Cart string `json:"cart_id"`
	// CartVersion is the version the shopper saw; 0 takes the cart as it is.
	CartVersion int64 `json:"cart_version"`
	// Email is where the shop writes to; a customer may leave it out for the account's own.
	Email   string         `json:"email"`
	ShipTo  *shipTo        `json:"ship_to"`
	Address string         `json:"address_id"`
	Payment paymentRequest `json:"payment"`
	// Quote is the id of a quote whose prices are to be honoured.
	Quote string `json:"quote_id"`
	// ExpectedTotalMinor is the total that the shopper agreed to; nil agrees to any.
	ExpectedTotalMinor *int64 `json:"expected_total_minor"`
}

// paymentRequest is who takes the money, and from what.
type paymentRequest struct {
	// Provider may be left out where the shop has only one.
	Provider string `json:"provider"`
	// Method is the provider's token for what is paid with; never a card number.
	Method string `json:"method"`
	// ReturnURL is where the shopper comes back to after an action at the provider.
	ReturnURL string `json:"return_url"`
}

// shipTo is where an order goes.
type shipTo struct {
	Name     string `json:"name"`
	Line1    string `json:"line1"`
	Line2    string `json:"line2,omitzero"`
	City     string `json:"city"`
	State    string `json:"state,omitzero"`
	Postcode string `json:"postcode,omitzero"`
	Country  string `json:"country"`
	Phone    string `json:"phone,omitzero"`
}

// placedResponse is an order just placed, and what its buyer needs to go on.
type placedResponse struct {
	Order   orderResponse         `json:"order"`
	Payment placedPaymentResponse `json:"payment"`
	// GuestToken opens the order to the guest who placed it.
	GuestToken string `json:"guest_token,omitzero"`
}

// placedPaymentResponse is where the payment stands.
type placedPaymentResponse struct {
	Status payment.State `json:"status"`
	// ClientSecret is what the shopper's browser shows the provider where an action is required.
	ClientSecret string `json:"client_secret,omitzero"`
}

// placeOrder makes an order of a cart and asks for its money. Customers place theirs, guests show their cart's token.
// Once the order exists the answer is never an error: a payment that could not be asked for now is asked for again by
// a worker. A repeated call is answered with the first one's order, as it is now.
func (s *Server) placeOrder(w http.ResponseWriter, r *http.Request) error {
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	var body placeOrderRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	cartRef, buyer, err := s.cartBuyer(r, body.Cart)
	if err != nil {
		return err
	}
	in, err := s.placeInput(body, buyer)
	if err != nil {
		return err
	}
	in.Cart, in.Network = cartRef, clientNetwork(callOf(r).addr)
	in.Idempotency = idempotency.Key{Region: cartRef.Region, Scope: body.Cart, Key: key}
	if in.Idempotency.Fingerprint, err = s.fingerprint(r, body); err != nil {
		return err
	}
	placed, err := s.Orders.Place(r.Context(), in)
	placed, again, err := answerOnce(w, placed, err, s.orderByID(r.Context()))
	if err != nil {
		return s.checkoutProblem(r.Context(), err)
	}
	if !again {
		s.noteOrdered(placed)
	}
	clientSecret := ""
	if !again || placed.Status == order.PendingPayment {
		// To ask again starts nothing twice: the first answer, and what the shopper's browser needs, may have been lost.
		placed, clientSecret = s.startPayment(r.Context(), placed, body.Payment.ReturnURL)
	}
	return s.answerPlaced(w, placed, clientSecret)
}

// cartBuyer finds out who may order the cart: nil stands for the guest who holds its token.
func (s *Server) cartBuyer(r *http.Request, cartID string) (regions.Ref, *Principal, error) {
	ref, err := s.Regions.ParseID(regions.CartPrefix, cartID)
	if err != nil {
		return regions.Ref{}, nil, BadRequest("The body is not what this route takes.",
			FieldError{Field: "cart_id", Message: "must be the id of a cart, as the API gave it"})
	}
	p, signedIn, err := s.principal(r)
	switch {
	case err != nil:
		return regions.Ref{}, nil, err
	case signedIn:
		return ref, &p, nil
	case !s.guestHolds(r, guestCart, cartID):
		return regions.Ref{}, nil, cart.ErrNotFound
	}
	return ref, nil, nil
}

// startPaymentTimeout bounds the start of a payment with what follows from its answer.
const startPaymentTimeout = 15 * time.Second

// startPayment starts the order's payment. It returns the order as it is then, and what the shopper's browser needs
// where an action is required.
func (s *Server) startPayment(ctx context.Context, placed order.Order, returnURL string) (order.Order, string) {
	// A client that hangs up now has an order all the same: its payment is started, not left to a worker.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startPaymentTimeout)
	defer cancel()
	outcome, err := s.Orders.StartPayment(ctx, placed, returnURL)
	if err == nil && outcome.Status.Final() {
		var settled order.Order
		if settled, err = s.Orders.Get(ctx, placed.Ref); err == nil {
			return settled, ""
		}
	}
	if err != nil {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "an order was placed and its payment is left to a worker",
			slog.String("order", s.Orders.PublicID(placed.Ref)), slog.Any("error", err))
	}
	if outcome.Status == payment.StatusRequiresAction {
		placed.Payment.State = payment.RequiresAction
	}
	return placed, outcome.ClientSecret
}

// checkoutProblem adds to a conflict the current cart as clients know carts.
func (s *Server) checkoutProblem(ctx context.Context, err error) error {
	var conflict *cart.ConflictError
	if !errors.As(err, &conflict) {
		return err
	}
	current, quoteErr := s.newCartResponse(ctx, conflict.Current)
	if quoteErr != nil {
		return errors.Join(quoteErr, err)
	}
	return &Problem{Code: "cart_conflict", Extra: map[string]any{"cart": current, "cart_version": current.Version}, Err: err}
}

// notForSale adds the SKUs that have to leave the cart.
func notForSale(err error, p *Problem) {
	var refused *order.NotForSaleError
	if errors.As(err, &refused) {
		p.Extra = map[string]any{"skus": refused.SKUs}
	}
}

// shortageResponse is a SKU of which fewer units are left than were asked for.
type shortageResponse struct {
	SKU    string `json:"sku"`
	Wanted int64  `json:"wanted"`
	Left   int64  `json:"left"`
}

// soldOut adds how many units of which SKUs are left.
func soldOut(err error, p *Problem) {
	var short *inventory.SoldOutError
	if !errors.As(err, &short) {
		return
	}
	var shortages []shortageResponse
	for _, s := range short.Shortages {
		shortages = append(shortages, shortageResponse(s))
	}
	p.Extra = map[string]any{"shortages": shortages}
}

// totalChanged adds the expected and the actual total.
func totalChanged(err error, p *Problem) {
	var changed *order.TotalChangedError
	if errors.As(err, &changed) {
		p.Extra = map[string]any{
			"expected_total_minor": changed.Expected.Minor, "actual_total_minor": changed.Actual.Minor, "currency": changed.Actual.Currency,
		}
	}
}

// quoteRefused adds why the quote is refused and what the order would cost now.
func quoteRefused(err error, p *Problem) {
	var refused *order.QuoteRefusedError
	if errors.As(err, &refused) {
		p.Extra = map[string]any{"reason": refused.Reason, "actual_total_minor": refused.Current.Minor, "currency": refused.Current.Currency}
	}
}

// couponsRefused adds the codes that give nothing, and why.
func couponsRefused(err error, p *Problem) {
	var refused *order.CouponRefusedError
	if !errors.As(err, &refused) {
		return
	}
	var coupons []couponResponse
	for _, c := range refused.Refused {
		coupons = append(coupons, couponResponse{Code: c.Coupon, Refused: string(c.Reason)})
	}
	p.Extra = map[string]any{"coupons": coupons}
}

func (s *Server) answerPlaced(w http.ResponseWriter, placed order.Order, clientSecret string) error {
	id := s.Orders.PublicID(placed.Ref)
	answer := placedResponse{
		Order:   s.newOrderResponse(placed, forBuyer),
		Payment: placedPaymentResponse{Status: placed.Payment.State, ClientSecret: clientSecret},
	}
	if placed.Account == nil {
		answer.GuestToken = s.guestToken(guestOrder, id)
	}
	w.Header().Set("Location", "/v1/orders/"+id)
	return writeJSON(w, http.StatusCreated, answer)
}

// Bounds of a checkout's texts, in characters.
const (
	maxMethod    = 200
	maxReturnURL = 2000
)

// placeInput checks a checkout, all of it at once.
func (s *Server) placeInput(body placeOrderRequest, buyer *Principal) (order.PlaceInput, error) {
	if len(s.Orders.Providers) == 0 {
		return order.PlaceInput{}, &Problem{Code: "payments_unavailable", Err: errors.New("the pod has no payment provider")}
	}
	f := new(checkoutFaults)
	in := order.PlaceInput{
		CartVersion: body.CartVersion, QuoteID: body.Quote, ExpectedTotalMinor: body.ExpectedTotalMinor,
		Email:  f.email(body.Email, buyer == nil),
		Method: f.Line("payment.method", body.Payment.Method, 1, maxMethod),
	}
	if buyer != nil {
		in.Account, in.SessionEpoch = &buyer.Account, buyer.SessionEpoch
	}
	if body.CartVersion < 0 {
		f.Add("cart_version", "must be the version of the cart, 1 or more")
	}
	if body.ExpectedTotalMinor != nil && *body.ExpectedTotalMinor < 0 {
		f.Add("expected_total_minor", "must be 0 or more")
	}
	in.Provider = f.provider(body.Payment.Provider, slices.Sorted(maps.Keys(s.Orders.Providers)))
	if provider, ok := s.Orders.Providers[in.Provider]; ok {
		f.method(provider, in.Method)
	}
	f.returnURL(body.Payment.ReturnURL)
	switch {
	case (body.ShipTo == nil) == (body.Address == ""):
		f.Add("ship_to", "must be given, or else address; not both")
	case body.ShipTo != nil:
		in.ShipTo = f.shipTo(s.Regions, *body.ShipTo)
	case buyer == nil:
		f.Add("address_id", "is for signed-in customers: send ship_to")
	default:
		in.SavedAddress = f.address(s.Regions, body.Address)
	}
	return in, f.Err("checkout")
}

// checkoutFaults gathers what is wrong with a checkout.
type checkoutFaults struct{ invalid.List }

// email checks an e-mail address and returns it in the spelling in which accounts keep theirs.
func (f *checkoutFaults) email(text string, required bool) string {
	if text == "" && !required {
		return ""
	}
	normal, err := account.NormalizeEmail(text)
	if err != nil {
		f.Add("email", "must be an e-mail address such as name@example.com")
	}
	return normal
}

// provider returns the provider that was asked for, or the only one there is.
func (f *checkoutFaults) provider(name string, offered []string) string {
	switch {
	case name != "":
		return name
	case len(offered) == 1:
		return offered[0]
	}
	f.Add("payment.provider", "must be one of %s", strings.Join(offered, ", "))
	return ""
}

// method lets the provider check the token, unless that is already known not to be a line of text.
func (f *checkoutFaults) method(provider payment.Provider, token string) {
	const field = "payment.method"
	known := slices.ContainsFunc(f.List, func(fault invalid.Field) bool { return fault.Name == field })
	if err := provider.CheckMethod(token); err != nil && !known {
		f.Add(field, "%s", err)
	}
}

func (f *checkoutFaults) returnURL(text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || len(text) > maxReturnURL || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		f.Add("payment.return_url", "must be an https or http URL of at most %d bytes", maxReturnURL)
	}
}

// address parses the id of a saved address.
func (f *checkoutFaults) address(set *regions.Set, id string) *regions.Ref {
	ref, err := set.ParseID(regions.AddressPrefix, id)
	if err != nil {
		f.Add("address_id", "must be the id of an address, as the API gave it")
	}
	return &ref
}

// shipTo checks an address by the rules of a saved one.
func (f *checkoutFaults) shipTo(set *regions.Set, a shipTo) order.Address {
	fields := account.AddressFields{
		Name: a.Name, Line1: a.Line1, Line2: a.Line2, City: a.City, State: a.State, Postcode: a.Postcode, Country: a.Country, Phone: a.Phone,
	}
	f.AddAll("ship_to", fields.Normalize(set))
	return order.Address{
		Name: fields.Name, Line1: fields.Line1, Line2: fields.Line2, City: fields.City, State: fields.State, Postcode: fields.Postcode,
		Country: fields.Country, Phone: fields.Phone,
	}
}

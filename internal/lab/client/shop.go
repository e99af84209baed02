package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Line is so many units of one SKU.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// Address is where an order goes.
type Address struct {
	Name     string `json:"name"`
	Line1    string `json:"line1"`
	City     string `json:"city"`
	State    string `json:"state,omitzero"`
	Postcode string `json:"postcode,omitzero"`
	Country  string `json:"country"`
}

// RegisterInput is a new customer.
type RegisterInput struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Name     string `json:"name"`
	Country  string `json:"country"`
}

// Account is a customer or an operator.
type Account struct {
	ID         string   `json:"id"`
	HomeRegion string   `json:"home_region"`
	Roles      []string `json:"roles"`
}

// Session is what signing in gives.
type Session struct {
	Account     Account   `json:"account"`
	AccessToken string    `json:"access_token"`
	ExpiresAt   time.Time `json:"access_token_expires_at"`
}

// By makes calls as the one who signed in.
func (s Session) By() By { return By{AccessToken: s.AccessToken} }

// Register makes a customer's account and signs it in.
func (c *Client) Register(ctx context.Context, key string, in RegisterInput) (Session, error) {
	var s Session
	err := c.Do(ctx, http.MethodPost, "/v1/accounts", By{}, key, in, &s)
	return s, err
}

// SignIn opens a session; its access token holds for minutes (ExpiresAt).
func (c *Client) SignIn(ctx context.Context, email, password string) (Session, error) {
	var s Session
	err := c.Do(ctx, http.MethodPost, "/v1/sessions", By{}, "", map[string]string{"email": email, "password": password}, &s)
	return s, err
}

// CartInput is a new cart. An empty Country is the one that the edge found out.
type CartInput struct {
	Country  string `json:"country,omitzero"`
	Currency string `json:"currency,omitzero"`
	Lines    []Line `json:"lines"`
}

// Cart is a cart, priced. Amounts are minor units of Currency.
type Cart struct {
	ID       string `json:"id"`
	Version  int64  `json:"version"`
	Currency string `json:"currency"`
	Country  string `json:"country"`
	Lines    []struct {
		Line
		Title          string `json:"title"`
		UnitPriceMinor int64  `json:"unit_price_minor"`
		Buyable        bool   `json:"buyable"`
		Availability   string `json:"availability"`
	} `json:"lines"`
	Estimate struct {
		SubtotalMinor int64 `json:"subtotal_minor"`
		ShippingMinor int64 `json:"shipping_minor"`
		TaxMinor      int64 `json:"tax_minor"`
		TotalMinor    int64 `json:"total_minor"`
	} `json:"estimate"`
	// GuestToken opens a guest's cart; it is given once, when the cart is made.
	GuestToken string `json:"guest_token"`
}

// CreateCart makes a cart, of a customer or of a guest.
func (c *Client) CreateCart(ctx context.Context, by By, key string, in CartInput) (Cart, error) {
	var cart Cart
	err := c.Do(ctx, http.MethodPost, "/v1/carts", by, key, in, &cart)
	return cart, err
}

// GetCart reads a cart.
func (c *Client) GetCart(ctx context.Context, by By, id string) (Cart, error) {
	var cart Cart
	err := c.Do(ctx, http.MethodGet, "/v1/carts/"+id, by, "", nil, &cart)
	return cart, err
}

// AddLine puts units of a SKU into a cart.
func (c *Client) AddLine(ctx context.Context, by By, key, id string, line Line) (Cart, error) {
	var cart Cart
	err := c.Do(ctx, http.MethodPost, "/v1/carts/"+id+"/lines", by, key, line, &cart)
	return cart, err
}

// CartChange is a change of one line: Op is "add", "set" or "remove".
type CartChange struct {
	Op       string `json:"op"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity,omitzero"`
}

// ChangeCart makes several changes of a cart, all or none.
func (c *Client) ChangeCart(ctx context.Context, by By, key, id string, changes []CartChange) (Cart, error) {
	var cart Cart
	err := c.Do(ctx, http.MethodPatch, "/v1/carts/"+id, by, key, map[string]any{"changes": changes}, &cart)
	return cart, err
}

// CheckoutInput is a checkout.
type CheckoutInput struct {
	Cart    string  `json:"cart"`
	Email   string  `json:"email,omitzero"`
	ShipTo  Address `json:"ship_to"`
	Payment struct {
		Provider string `json:"provider,omitzero"`
		Method   string `json:"method"`
	} `json:"payment"`
}

// Order is an order. Amounts are minor units of Currency.
type Order struct {
	ID           string    `json:"id"`
	Status       string    `json:"status"`
	CancelReason string    `json:"cancel_reason"`
	Version      int64     `json:"version"`
	Currency     string    `json:"currency"`
	Country      string    `json:"country"`
	TotalMinor   int64     `json:"total_minor"`
	PlacedAt     time.Time `json:"placed_at"`
	UpdatedAt    time.Time `json:"updated_at"`
	Lines        []struct {
		Line
		LineNo           int64 `json:"line_no"`
		UnitPriceMinor   int64 `json:"unit_price_minor"`
		TotalMinor       int64 `json:"total_minor"`
		RefundedQuantity int64 `json:"refunded_quantity"`
		RefundedMinor    int64 `json:"refunded_minor"`
	} `json:"lines"`
	Payment struct {
		ID            string `json:"id"`
		Status        string `json:"status"`
		FailureCode   string `json:"failure_code"`
		CapturedMinor int64  `json:"captured_minor"`
		RefundedMinor int64  `json:"refunded_minor"`
	} `json:"payment"`
	Refunds []struct {
		ID          string `json:"id"`
		Status      string `json:"status"`
		AmountMinor int64  `json:"amount_minor"`
	} `json:"refunds"`
}

// Placed is an order just placed.
type Placed struct {
	Order   Order `json:"order"`
	Payment struct {
		Status       string `json:"status"`
		ClientSecret string `json:"client_secret"`
	} `json:"payment"`
	// GuestToken opens a guest's order.
	GuestToken string `json:"guest_token"`
}

// Checkout places an order of a cart and asks for its money.
func (c *Client) Checkout(ctx context.Context, by By, key string, in CheckoutInput) (Placed, error) {
	var placed Placed
	err := c.Do(ctx, http.MethodPost, "/v1/orders", by, key, in, &placed)
	return placed, err
}

// GetOrder reads an order of the caller's.
func (c *Client) GetOrder(ctx context.Context, by By, id string) (Order, error) {
	var o Order
	err := c.Do(ctx, http.MethodGet, "/v1/orders/"+id, by, "", nil, &o)
	return o, err
}

// CancelOrder gives an order of the caller's up.
func (c *Client) CancelOrder(ctx context.Context, by By, key, id, reason string) (Order, error) {
	var o Order
	err := c.Do(ctx, http.MethodPost, "/v1/orders/"+id+"/cancel", by, key, map[string]string{"reason": reason}, &o)
	return o, err
}

// OrderPage is one page of a customer's orders, the newest first.
type OrderPage struct {
	Orders     []Order `json:"orders"`
	NextCursor string  `json:"next_cursor"`
}

// ListOrders reads a page of the caller's orders; the first with an empty cursor.
func (c *Client) ListOrders(ctx context.Context, by By, cursor string) (OrderPage, error) {
	var page OrderPage
	err := c.Do(ctx, http.MethodGet, "/v1/orders?"+url.Values{"cursor": {cursor}}.Encode(), by, "", nil, &page)
	return page, err
}

// Product is a product as shoppers see it; prices are minor units by currency.
type Product struct {
	ID       string `json:"id"`
	Slug     string `json:"slug"`
	Title    string `json:"title"`
	Category string `json:"category"`
	SKUs     []struct {
		SKU    string           `json:"sku"`
		Status string           `json:"status"`
		Prices map[string]int64 `json:"prices"`
	} `json:"skus"`
}

// ProductPage is one page of the listing.
type ProductPage struct {
	Products   []Product `json:"products"`
	NextCursor string    `json:"next_cursor"`
}

// ListProducts reads a page of the listing; query takes category, limit, cursor …
func (c *Client) ListProducts(ctx context.Context, query url.Values) (ProductPage, error) {
	var page ProductPage
	err := c.Do(ctx, http.MethodGet, "/v1/products?"+query.Encode(), By{}, "", nil, &page)
	return page, err
}

// GetProduct reads a product by its id or slug.
func (c *Client) GetProduct(ctx context.Context, id string) (Product, error) {
	var p Product
	err := c.Do(ctx, http.MethodGet, "/v1/products/"+id, By{}, "", nil, &p)
	return p, err
}

// Availability is whether a SKU can be had, by region.
type Availability struct {
	SKU     string `json:"sku"`
	Regions []struct {
		Region       string `json:"region"`
		Availability string `json:"availability"`
		Units        int64  `json:"units"`
	} `json:"regions"`
}

// GetAvailability tells where a SKU can be had.
func (c *Client) GetAvailability(ctx context.Context, sku string) (Availability, error) {
	var a Availability
	err := c.Do(ctx, http.MethodGet, "/v1/skus/"+url.PathEscape(sku)+"/availability", By{}, "", nil, &a)
	return a, err
}

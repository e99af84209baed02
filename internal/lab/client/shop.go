package client

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// Line is a quantity of one SKU.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// Address is the delivery address of an order.
type Address struct {
	Name     string `json:"name"`
	Line1    string `json:"line1"`
	City     string `json:"city"`
	State    string `json:"state,omitzero"`
	Postcode string `json:"postcode,omitzero"`
	Country  string `json:"country"`
}

// RegisterInput describes a new customer.
type RegisterInput struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Name     string `json:"name"`
	Country  string `json:"country"`
}

// Account identifies a customer or an operator.
type Account struct {
	ID         string   `json:"id"`
	HomeRegion string   `json:"home_region"`
	Roles      []string `json:"roles"`
}

// Session holds the answer to a sign-in.
type Session struct {
	Account     Account   `json:"account"`
	AccessToken string    `json:"access_token"`
	ExpiresAt   time.Time `json:"access_token_expires_at"`
}

// By authorises calls of the account that signed in.
func (s Session) By() By { return By{AccessToken: s.AccessToken} }

// Register creates a customer's account and returns its first session.
func (c *Client) Register(ctx context.Context, key string, in RegisterInput) (Session, error) {
	var s Session
	err := c.Do(ctx, http.MethodPost, "/v1/accounts", By{}, key, in, &s)
	return s, err
}

// SignIn returns a new session. Its access token is valid for minutes, until ExpiresAt.
func (c *Client) SignIn(ctx context.Context, email, password string) (Session, error) {
	var s Session
	err := c.Do(ctx, http.MethodPost, "/v1/sessions", By{}, "", map[string]string{"email": email, "password": password}, &s)
	return s, err
}

// CartInput describes a new cart. An empty Country leaves it to the edge to locate the shopper.
type CartInput struct {
	Country  string `json:"country,omitzero"`
	Currency string `json:"currency,omitzero"`
	Lines    []Line `json:"lines"`
}

// Cart holds a cart with its prices. Amounts are minor units of Currency.
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
	// GuestToken authorises a guest. It is set only in the answer that creates the cart.
	GuestToken string `json:"guest_token"`
}

// CreateCart creates a cart for a customer or a guest and returns it. A customer who has one
// gets that.
func (c *Client) CreateCart(ctx context.Context, by By, key string, in CartInput) (Cart, error) {
	var cart Cart
	err := c.Do(ctx, http.MethodPost, "/v1/carts", by, key, in, &cart)
	return cart, err
}

// GetCart returns a cart.
func (c *Client) GetCart(ctx context.Context, by By, id string) (Cart, error) {
	var cart Cart
	err := c.Do(ctx, http.MethodGet, "/v1/carts/"+id, by, "", nil, &cart)
	return cart, err
}

// AddLine adds units of a SKU to a cart and returns the cart.
func (c *Client) AddLine(ctx context.Context, by By, key, id string, line Line) (Cart, error) {
	var cart Cart
	err := c.Do(ctx, http.MethodPost, "/v1/carts/"+id+"/lines", by, key, line, &cart)
	return cart, err
}

// CartChange describes a change of one line: Op is "add", "set" or "remove".
type CartChange struct {
	Op       string `json:"op"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity,omitzero"`
}

// ChangeCart applies several changes to a cart, all or none, and returns the cart.
func (c *Client) ChangeCart(ctx context.Context, by By, key, id string, changes []CartChange) (Cart, error) {
	var cart Cart
	err := c.Do(ctx, http.MethodPatch, "/v1/carts/"+id, by, key, map[string]any{"changes": changes}, &cart)
	return cart, err
}

// CheckoutInput describes a checkout.
type CheckoutInput struct {
	Cart    string  `json:"cart_id"`
	Email   string  `json:"email,omitzero"`
	ShipTo  Address `json:"ship_to"`
	Payment struct {
		Provider string `json:"provider,omitzero"`
		Method   string `json:"method"`
	} `json:"payment"`
}

// Order holds an order. Amounts are minor units of Currency.
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

// Settled reports whether nothing about the order's money is pending.
func (o Order) Settled() bool {
	if o.Status == "pending_payment" || o.Payment.Status == "pending" || o.Payment.Status == "requires_action" {
		return false
	}
	for _, refund := range o.Refunds {
		if refund.Status == "pending" {
			return false
		}
	}
	return true
}

// Placed holds the answer to a checkout.
type Placed struct {
	Order   Order `json:"order"`
	Payment struct {
		Status       string `json:"status"`
		ClientSecret string `json:"client_secret"`
	} `json:"payment"`
	// GuestToken lets a guest read the order.
	GuestToken string `json:"guest_token"`
}

// Checkout places the order of a cart, starts its payment and returns both.
func (c *Client) Checkout(ctx context.Context, by By, key string, in CheckoutInput) (Placed, error) {
	var placed Placed
	err := c.Do(ctx, http.MethodPost, "/v1/orders", by, key, in, &placed)
	return placed, err
}

// GetOrder returns an order of the caller's.
func (c *Client) GetOrder(ctx context.Context, by By, id string) (Order, error) {
	var o Order
	err := c.Do(ctx, http.MethodGet, "/v1/orders/"+id, by, "", nil, &o)
	return o, err
}

// CancelOrder cancels an order of the caller's and returns it.
func (c *Client) CancelOrder(ctx context.Context, by By, key, id string) (Order, error) {
	var o Order
	err := c.Do(ctx, http.MethodPost, "/v1/orders/"+id+":cancel", by, key, nil, &o)
	return o, err
}

// OrderPage holds a page of a customer's orders, newest first.
type OrderPage struct {
	Orders     []Order `json:"orders"`
	NextCursor string  `json:"next_cursor"`
}

// ListOrders returns a page of the caller's orders: the first for an empty cursor.
func (c *Client) ListOrders(ctx context.Context, by By, cursor string) (OrderPage, error) {
	var page OrderPage
	err := c.Do(ctx, http.MethodGet, "/v1/orders?"+url.Values{"cursor": {cursor}}.Encode(), by, "", nil, &page)
	return page, err
}

// Product holds a product as shoppers see it. Prices are minor units by currency.
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

// ProductPage holds a page of the listing.
type ProductPage struct {
	Products   []Product `json:"products"`
	NextCursor string    `json:"next_cursor"`
}

// ListProducts returns a page of the listing; query takes category, limit, cursor …
func (c *Client) ListProducts(ctx context.Context, query url.Values) (ProductPage, error) {
	var page ProductPage
	err := c.Do(ctx, http.MethodGet, "/v1/products?"+query.Encode(), By{}, "", nil, &page)
	return page, err
}

// EachProduct calls do with every product of the listing that query asks for, page by page,
// until do returns false.
func (c *Client) EachProduct(ctx context.Context, query url.Values, do func(Product) bool) error {
	return eachPage(query, func(query url.Values) (string, error) {
		page, err := c.ListProducts(ctx, query)
		for _, p := range page.Products {
			if !do(p) {
				return "", err
			}
		}
		return page.NextCursor, err
	})
}

// pageSize is the number of things on a page of a list.
const pageSize = "100"

// eachPage reads pages until one has no next cursor.
func eachPage(query url.Values, read func(url.Values) (next string, err error)) error {
	page := url.Values{"limit": {pageSize}}
	maps.Copy(page, query)
	for {
		next, err := read(page)
		if err != nil || next == "" {
			return err
		}
		page.Set("cursor", next)
	}
}

// GetProduct returns a product by its id or slug.
func (c *Client) GetProduct(ctx context.Context, id string) (Product, error) {
	var p Product
	err := c.Do(ctx, http.MethodGet, "/v1/products/"+id, By{}, "", nil, &p)
	return p, err
}

// Availability tells in which regions a SKU is available.
type Availability struct {
	SKU     string `json:"sku"`
	Regions []struct {
		Region       string `json:"region"`
		Availability string `json:"availability"`
		Units        int64  `json:"units"`
	} `json:"regions"`
}

// GetAvailability returns the regions in which a SKU is available.
func (c *Client) GetAvailability(ctx context.Context, sku string) (Availability, error) {
	var a Availability
	err := c.Do(ctx, http.MethodGet, "/v1/skus/"+url.PathEscape(sku)+"/availability", By{}, "", nil, &a)
	return a, err
}

// SearchAnswer holds what a search found.
type SearchAnswer struct {
	Total int `json:"total"`
	// Degraded names the fallback that answered; "" for the search engine.
	Degraded string `json:"degraded"`
}

// Search searches; target is a path of the search API with its query.
func (c *Client) Search(ctx context.Context, target string) (SearchAnswer, error) {
	var a SearchAnswer
	err := c.Do(ctx, http.MethodGet, target, By{}, "", nil, &a)
	return a, err
}

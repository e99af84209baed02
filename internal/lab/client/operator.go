package client

import (
	"context"
	"net/http"
	"net/url"
)

// OperatorOrder returns any order, to an operator.
func (c *Client) OperatorOrder(ctx context.Context, by By, id string) (Order, error) {
	var o Order
	err := c.Do(ctx, http.MethodGet, "/v1/operator/orders/"+id, by, "", nil, &o)
	return o, err
}

// RefundInput describes a refund, and with Restock a return of the goods. Without Lines and
// AmountMinor, it covers all that is left of the order.
type RefundInput struct {
	Lines       []RefundLine `json:"lines,omitzero"`
	AmountMinor *int64       `json:"amount_minor,omitzero"`
	Restock     bool         `json:"restock,omitzero"`
	Reason      string       `json:"reason"`
}

// RefundLine is a quantity of an order line to be refunded.
type RefundLine struct {
	LineNo   int64 `json:"line_no"`
	Quantity int64 `json:"quantity"`
}

// Refund refunds money of an order, as an operator, and returns the order.
func (c *Client) Refund(ctx context.Context, by By, key, order string, in RefundInput) (Order, error) {
	var o Order
	err := c.Do(ctx, http.MethodPost, "/v1/operator/orders/"+order+":refund", by, key, in, &o)
	return o, err
}

// Advance packs, ships or delivers an order, as an operator, and returns it: step is "pack",
// "ship" or "deliver".
func (c *Client) Advance(ctx context.Context, by By, key, order, step string, body any) (Order, error) {
	if body == nil {
		body = struct{}{}
	}
	var o Order
	err := c.Do(ctx, http.MethodPost, "/v1/operator/orders/"+order+":"+step, by, key, body, &o)
	return o, err
}

// ReceiveInput describes a delivery of units to a warehouse.
type ReceiveInput struct {
	SKU       string `json:"sku"`
	Warehouse string `json:"warehouse"`
	Quantity  int64  `json:"quantity"`
	Reason    string `json:"reason,omitzero"`
	Reference string `json:"reference,omitzero"`
}

// Receive books a delivery, as an operator.
func (c *Client) Receive(ctx context.Context, by By, key string, in ReceiveInput) error {
	return c.Do(ctx, http.MethodPost, "/v1/operator/stock:receive", by, key, in, nil)
}

// AdjustInput describes a correction of a stock row: units found, lost or broken.
type AdjustInput struct {
	SKU       string `json:"sku"`
	Warehouse string `json:"warehouse"`
	Delta     int64  `json:"delta"`
	Reason    string `json:"reason"`
	Reference string `json:"reference,omitzero"`
}

// Adjust corrects stock, as an operator.
func (c *Client) Adjust(ctx context.Context, by By, key string, in AdjustInput) error {
	return c.Do(ctx, http.MethodPost, "/v1/operator/stock:adjust", by, key, in, nil)
}

// StockLevel holds the stock of one SKU in one warehouse.
type StockLevel struct {
	SKU       string `json:"sku"`
	Warehouse string `json:"warehouse"`
	OnHand    int64  `json:"on_hand"`
	Available int64  `json:"available"`
}

// StockPage holds a page of stock rows.
type StockPage struct {
	Stock      []StockLevel `json:"stock"`
	NextCursor string       `json:"next_cursor"`
}

// ListStock returns a page of stock rows, to an operator; query takes sku, warehouse, limit
// and cursor.
func (c *Client) ListStock(ctx context.Context, by By, query url.Values) (StockPage, error) {
	var page StockPage
	err := c.Do(ctx, http.MethodGet, "/v1/operator/stock?"+query.Encode(), by, "", nil, &page)
	return page, err
}

// EachStock calls do with every stock row that query asks for, page by page, as an operator.
func (c *Client) EachStock(ctx context.Context, by By, query url.Values, do func(StockLevel)) error {
	return eachPage(query, func(query url.Values) (string, error) {
		page, err := c.ListStock(ctx, by, query)
		for _, level := range page.Stock {
			do(level)
		}
		return page.NextCursor, err
	})
}

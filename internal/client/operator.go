package client

import (
	"context"
	"net/http"
)

// RefundInput is money, and perhaps goods, given back. Without Lines and AmountMinor it is
// all that is left of the order.
type RefundInput struct {
	Lines       []RefundLine `json:"lines,omitzero"`
	AmountMinor *int64       `json:"amount_minor,omitzero"`
	Restock     bool         `json:"restock,omitzero"`
	Reason      string       `json:"reason"`
}

// RefundLine is units of an order line that are paid back.
type RefundLine struct {
	LineNo   int64 `json:"line_no"`
	Quantity int64 `json:"quantity"`
}

// Refund gives money back, as an operator.
func (c *Client) Refund(ctx context.Context, by By, key, order string, in RefundInput) (Order, error) {
	var o Order
	err := c.Do(ctx, http.MethodPost, "/v1/operator/orders/"+order+"/refund", by, key, in, &o)
	return o, err
}

// Advance packs, ships or delivers an order, as an operator: step is "pack", "ship" or
// "deliver".
func (c *Client) Advance(ctx context.Context, by By, key, order, step string, body any) (Order, error) {
	if body == nil {
		body = struct{}{}
	}
	var o Order
	err := c.Do(ctx, http.MethodPost, "/v1/operator/orders/"+order+"/"+step, by, key, body, &o)
	return o, err
}

// ReceiveInput is a delivery of units to a warehouse.
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

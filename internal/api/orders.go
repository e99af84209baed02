package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"meridian/internal/idempotency"
	"meridian/internal/money"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/regions"
)

// orderSummary is what a list tells of an order. Amounts are minor units of Currency.
type orderSummary struct {
	ID               string         `json:"id"`
	Account          string         `json:"account_id,omitzero"`
	Status           order.Status   `json:"status"`
	CancelReason     string         `json:"cancel_reason,omitzero"`
	Version          int64          `json:"version"`
	Currency         money.Currency `json:"currency"`
	Country          string         `json:"country"`
	Market           string         `json:"market"`
	SubtotalMinor    int64          `json:"subtotal_minor"`
	DiscountMinor    int64          `json:"discount_minor"`
	ShippingMinor    int64          `json:"shipping_minor"`
	TaxMinor         int64          `json:"tax_minor"`
	TotalMinor       int64          `json:"total_minor"`
	PricesIncludeTax bool           `json:"prices_include_tax"`
	PlacedAt         time.Time      `json:"placed_at"`
	UpdatedAt        time.Time      `json:"updated_at"`
	ExpiresAt        time.Time      `json:"expires_at"`
}

// orderResponse is a whole order. It holds personal data: it is for its buyer and for operators.
type orderResponse struct {
	orderSummary
	Email     string              `json:"email"`
	ShipTo    shipTo              `json:"ship_to"`
	Lines     []orderLineResponse `json:"lines"`
	Payment   paymentResponse     `json:"payment"`
	Refunds   []refundResponse    `json:"refunds"`
	Shipments []shipmentResponse  `json:"shipments"`
	History   []changeResponse    `json:"history"`
}

type orderLineResponse struct {
	LineNo           int64  `json:"line_no"`
	SKU              string `json:"sku"`
	Product          string `json:"product_id"`
	Title            string `json:"title"`
	Quantity         int64  `json:"quantity"`
	UnitPriceMinor   int64  `json:"unit_price_minor"`
	SubtotalMinor    int64  `json:"subtotal_minor"`
	DiscountMinor    int64  `json:"discount_minor"`
	TaxRateBP        int64  `json:"tax_rate_bp"`
	TaxMinor         int64  `json:"tax_minor"`
	TotalMinor       int64  `json:"total_minor"`
	RefundedQuantity int64  `json:"refunded_quantity"`
	RefundedMinor    int64  `json:"refunded_minor"`
	// Derivation is why the line costs that.
	Derivation jsontext.Value `json:"derivation,omitzero"`
}

type paymentResponse struct {
	ID            string        `json:"id"`
	Provider      string        `json:"provider"`
	Status        payment.State `json:"status"`
	FailureCode   string        `json:"failure_code,omitzero"`
	AmountMinor   int64         `json:"amount_minor"`
	CapturedMinor int64         `json:"captured_minor"`
	RefundedMinor int64         `json:"refunded_minor"`
}

type refundResponse struct {
	ID          string               `json:"id"`
	Status      payment.RefundStatus `json:"status"`
	AmountMinor int64                `json:"amount_minor"`
	Currency    money.Currency       `json:"currency"`
	Reason      string               `json:"reason"`
	FailureCode string               `json:"failure_code,omitzero"`
	Lines       []refundLineResponse `json:"lines"`
	CreatedAt   time.Time            `json:"created_at"`
}

type refundLineResponse struct {
	LineNo      int64 `json:"line_no"`
	Quantity    int64 `json:"quantity"`
	AmountMinor int64 `json:"amount_minor"`
}

type shipmentResponse struct {
	ID          string     `json:"id"`
	Warehouse   string     `json:"warehouse"`
	Carrier     string     `json:"carrier,omitzero"`
	Tracking    string     `json:"tracking_number,omitzero"`
	ShippedAt   time.Time  `json:"shipped_at"`
	DeliveredAt *time.Time `json:"delivered_at,omitzero"`
}

type changeResponse struct {
	Version int64        `json:"version"`
	Status  order.Status `json:"status"`
	Reason  string       `json:"reason,omitzero"`
	Actor   string       `json:"actor"`
	At      time.Time    `json:"at"`
}

// audience is who reads an order: its buyer is not told which of the shop's people did what.
type audience int

const (
	forBuyer audience = iota
	forOperator
)

// getOrder answers a whole order to its customer, to the guest who holds its token, and to operators. For everybody
// else it is not there.
func (s *Server) getOrder(w http.ResponseWriter, r *http.Request) error {
	found, err := s.readableOrder(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.newOrderResponse(found, s.audienceOf(r)))
}

// listOrders answers the caller's own orders, the newest first.
func (s *Server) listOrders(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	page, err := s.readOrderPage(r, "orders", order.ListFilter{Account: &p.Account})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, page)
}

// cancelOrder gives the caller's own order up: one not yet paid is cancelled, one paid and not yet packed refunded.
func (s *Server) cancelOrder(w http.ResponseWriter, r *http.Request) error {
	found, err := s.readableOrder(r)
	if err != nil {
		return err
	}
	if !s.buys(r, found) {
		return forbidden("Operators cancel at /v1/operator/orders.")
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	claim, err := s.orderKey(r, found.Ref, key, nil)
	if err != nil {
		return err
	}
	command := order.Command{Order: found.Ref, Actor: cmp.Or(s.accountOf(found.Ref, found.Account), "guest"), Idempotency: claim}
	cancelled, err := s.Orders.Cancel(r.Context(), order.CancelInput{Command: command})
	return s.answerOrder(w, r, cancelled, err)
}

// accountOf returns the public id of an order's customer, whose home is the order's; "" for a guest's.
func (s *Server) accountOf(o regions.Ref, account *uuid.UUID) string {
	if account == nil {
		return ""
	}
	return s.Regions.FormatID(regions.AccountPrefix, regions.Ref{Region: o.Region, ID: *account})
}

// readableOrder reads the order in the path if the caller may see it; anything else is order.ErrNotFound.
func (s *Server) readableOrder(r *http.Request) (order.Order, error) {
	ref, err := s.orderRef(r)
	if err != nil {
		return order.Order{}, err
	}
	p, signedIn, err := s.principal(r)
	switch {
	case err != nil:
		return order.Order{}, err
	case !signedIn && !s.guestHolds(r, guestOrder, s.Orders.PublicID(ref)):
		return order.Order{}, order.ErrNotFound
	}
	found, err := s.Orders.Get(r.Context(), ref)
	if err == nil && !s.buys(r, found) && !p.Has(roleOperator) {
		err = order.ErrNotFound
	}
	return found, err
}

// buys reports whether the caller is the order's customer, or the guest who holds its token.
func (s *Server) buys(r *http.Request, o order.Order) bool {
	if o.Account == nil {
		return s.guestHolds(r, guestOrder, s.Orders.PublicID(o.Ref))
	}
	p, signedIn, err := s.principal(r)
	return err == nil && signedIn && o.OwnedBy(p.Account)
}

// orderRef returns the order in the path; order.ErrNotFound for a malformed id.
func (s *Server) orderRef(r *http.Request) (regions.Ref, error) {
	ref, err := s.Regions.ParseID(regions.OrderPrefix, mux.Vars(r)["order_id"])
	if err != nil {
		return regions.Ref{}, order.ErrNotFound
	}
	return ref, nil
}

// orderKey returns the claim of a call that changes an order; without a key it claims nothing.
func (s *Server) orderKey(r *http.Request, ref regions.Ref, key string, body any) (idempotency.Key, error) {
	if key == "" {
		return idempotency.Key{}, nil
	}
	fingerprint, err := s.fingerprint(r, body)
	return idempotency.Key{Region: ref.Region, Scope: s.Orders.PublicID(ref), Key: key, Fingerprint: fingerprint}, err
}

// answerOrder answers a call that changed an order with the order after it, or, where the call is a repetition, with the
// order as it is now.
func (s *Server) answerOrder(w http.ResponseWriter, r *http.Request, changed order.Order, err error) error {
	changed, _, err = answerOnce(w, changed, err, s.orderByID(r.Context()))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.newOrderResponse(changed, s.audienceOf(r)))
}

// orderState adds the order's status, and which ones would allow the call.
func orderState(err error, p *Problem) {
	var state *order.StateError
	if errors.As(err, &state) {
		p.Extra = map[string]any{"order_status": state.Status, "allowed": state.Allowed}
	}
}

// orderByID returns a function that reads an order by its public id, for answerOnce.
func (s *Server) orderByID(ctx context.Context) func(id string) (order.Order, error) {
	return func(id string) (order.Order, error) {
		ref, err := s.Regions.ParseID(regions.OrderPrefix, id)
		if err != nil {
			return order.Order{}, err
		}
		return s.Orders.Get(ctx, ref)
	}
}

func (s *Server) audienceOf(r *http.Request) audience {
	if p, ok, err := s.principal(r); err == nil && ok && p.Has(roleOperator) {
		return forOperator
	}
	return forBuyer
}

// orderPage is a page of a list of orders.
type orderPage struct {
	Orders     []orderSummary `json:"orders"`
	NextCursor string         `json:"next_cursor,omitzero"`
}

// readOrderPage returns the page that was asked for of the orders that filter lets through. listing names them.
func (s *Server) readOrderPage(r *http.Request, listing string, filter order.ListFilter) (answer orderPage, err error) {
	if filter.PageFilter, err = readPage[order.ListPosition](s, r, listing); err != nil {
		return orderPage{}, err
	}
	page, err := s.Orders.List(r.Context(), filter)
	if err != nil {
		return orderPage{}, err
	}
	return orderPage{Orders: each(page.Items, s.newOrderSummary), NextCursor: nextCursor(s, listing, page.Next)}, nil
}

func (s *Server) newOrderSummary(o order.Order) orderSummary {
	summary := orderSummary{
		ID: s.Orders.PublicID(o.Ref), Account: s.accountOf(o.Ref, o.Account), Status: o.Status, CancelReason: o.CancelReason, Version: o.Version,
		Currency: o.Currency, Country: o.Country, Market: o.Market,
		SubtotalMinor: o.SubtotalMinor, DiscountMinor: o.DiscountMinor, ShippingMinor: o.ShippingMinor,
		TaxMinor: o.TaxMinor, TotalMinor: o.TotalMinor, PricesIncludeTax: o.PricesIncludeTax,
		PlacedAt: o.PlacedAt.UTC(), UpdatedAt: o.UpdatedAt.UTC(), ExpiresAt: o.ExpiresAt.UTC(),
	}
	return summary
}

// knownDerivation returns why the line costs what it does, nil for a line from before derivations were kept.
func knownDerivation(l order.Line) jsontext.Value {
	if string(l.Derivation) == "{}" {
		return nil
	}
	return jsontext.Value(l.Derivation)
}

func (s *Server) newOrderResponse(o order.Order, reader audience) orderResponse {
	answer := orderResponse{
		orderSummary: s.newOrderSummary(o),
		Email:        o.Email,
		ShipTo:       shipTo(o.ShipTo),
		Payment: paymentResponse{
			ID: s.Orders.PaymentID(o.Ref), Provider: o.Payment.Provider, Status: o.Payment.State, FailureCode: o.Payment.FailureCode,
			AmountMinor: o.Payment.AmountMinor, CapturedMinor: o.Payment.CapturedMinor, RefundedMinor: o.Payment.RefundedMinor,
		},
	}
	for _, l := range o.Lines {
		answer.Lines = append(answer.Lines, orderLineResponse{
			LineNo: l.LineNo, SKU: l.SKU, Product: regions.FormatGlobalID(regions.ProductPrefix, l.ProductID), Title: l.Title,
			Quantity: l.Quantity, UnitPriceMinor: l.UnitPriceMinor, SubtotalMinor: l.SubtotalMinor,
			DiscountMinor: l.DiscountMinor, TaxRateBP: int64(l.TaxRate), TaxMinor: l.TaxMinor, TotalMinor: l.TotalMinor,
			RefundedQuantity: l.RefundedQuantity, RefundedMinor: l.RefundedMinor, Derivation: knownDerivation(l),
		})
	}
	for _, refund := range o.Refunds {
		answer.Refunds = append(answer.Refunds, s.newRefundResponse(refund))
	}
	for _, parcel := range o.Shipments {
		answer.Shipments = append(answer.Shipments, s.newShipmentResponse(o, parcel))
	}
	for _, c := range o.History {
		answer.History = append(answer.History, changeResponse{
			Version: c.Version, Status: c.Status, Reason: c.Reason, Actor: actorFor(reader, answer.Account, c.Actor), At: c.At.UTC(),
		})
	}
	return answer
}

func (s *Server) newRefundResponse(refund payment.Refund) refundResponse {
	answer := refundResponse{
		ID: s.Regions.FormatID(regions.RefundPrefix, refund.Ref), Status: refund.State, AmountMinor: refund.AmountMinor,
		Currency: refund.Currency, Reason: refund.Reason, FailureCode: refund.FailureCode, CreatedAt: refund.CreatedAt.UTC(),
	}
	for _, line := range refund.Lines {
		answer.Lines = append(answer.Lines, refundLineResponse(line))
	}
	return answer
}

func (s *Server) newShipmentResponse(o order.Order, parcel order.Shipment) shipmentResponse {
	answer := shipmentResponse{
		ID:        s.Regions.FormatID(regions.ShipmentPrefix, regions.Ref{Region: o.Ref.Region, ID: parcel.ID}),
		Warehouse: parcel.Warehouse, Carrier: parcel.Carrier, Tracking: parcel.Tracking, ShippedAt: parcel.ShippedAt.UTC(),
	}
	if parcel.DeliveredAt != nil {
		at := parcel.DeliveredAt.UTC()
		answer.DeliveredAt = &at
	}
	return answer
}

// actorFor names who changed an order: to its buyer, the shop's people are the shop.
func actorFor(reader audience, buyer, actor string) string {
	if reader == forOperator || actor == buyer || actor == "guest" || actor == "system" {
		return actor
	}
	return "shop"
}

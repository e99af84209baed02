package api

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"meridian/internal/order"
	"meridian/regions"
)

// holdResponse is an order that waits for its payment and what it keeps from being sold.
type holdResponse struct {
	Order string `json:"order_id"`
	// Account is whose order it is; absent for a guest.
	Account string `json:"account_id,omitzero"`
	// Network is the same for all orders of one client network, and tells nobody which one it is.
	Network   string              `json:"network,omitzero"`
	PlacedAt  time.Time           `json:"placed_at"`
	ExpiresAt time.Time           `json:"expires_at"`
	Units     []heldUnitsResponse `json:"units"`
}

type heldUnitsResponse struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

type holdsResponse struct {
	Regions    []string       `json:"regions"`
	Items      []holdResponse `json:"holds"`
	NextCursor string         `json:"next_cursor,omitzero"`
}

// listHolds answers the unpaid orders of all home regions, or of one, to operators, with the units that they hold.
func (s *Server) listHolds(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	q := newQuery(r)
	filter := order.HoldFilter{
		Homes: s.homes(q), SKU: q.Text("sku", maxStockName), Network: networkTag(q.Text("network", maxNetworkTag), q.fault),
	}
	if err := q.Err(); err != nil {
		return err
	}
	listing := "holds of " + strings.Join(filter.Homes, ",") + " " + filter.SKU + " " + hex.EncodeToString(filter.Network)
	var err error
	if filter.PageFilter, err = readPage[order.ListPosition](s, r, listing); err != nil {
		return err
	}
	page, err := s.Orders.ListHolds(r.Context(), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, holdsResponse{
		Regions: filter.Homes, Items: each(page.Items, s.newHoldResponse), NextCursor: nextCursor(s, listing, page.Next),
	})
}

func (s *Server) newHoldResponse(h order.UnpaidHold) holdResponse {
	return holdResponse{
		Order: s.Orders.PublicID(h.Ref), Account: s.accountOf(h.Ref, h.Account),
		Network: hex.EncodeToString(h.Network), PlacedAt: h.PlacedAt.UTC(), ExpiresAt: h.ExpiresAt.UTC(),
		Units: each(h.Units, func(u order.HeldUnits) heldUnitsResponse { return heldUnitsResponse(u) }),
	}
}

// releaseTimeout bounds the release of order.MaxReleased orders.
const releaseTimeout = time.Minute

// maxNetworkTag is the most bytes of the hash that a client network is told by.
const maxNetworkTag = 64

// networkTag returns the hash that a client network is told by, nil for none.
func networkTag(text string, fault func(name, message string)) []byte {
	if text == "" {
		return nil
	}
	tag, err := hex.DecodeString(text)
	if err != nil {
		fault("network", "must be the network of a hold, as the API gave it")
	}
	return tag
}

// releaseHoldsRequest says which unpaid orders are given up: at least one of SKU and Network.
type releaseHoldsRequest struct {
	Region  string `json:"region"`
	SKU     string `json:"sku"`
	Network string `json:"network"`
	Reason  string `json:"reason"`
}

// releasedResponse names the orders that were cancelled; More says that others fit as well.
type releasedResponse struct {
	Regions []string `json:"regions"`
	Orders  []string `json:"orders"`
	More    bool     `json:"more"`
}

// releaseHolds cancels unpaid orders for the shop: of a SKU, of a client network, or of both. To call it again releases the
// next ones.
func (s *Server) releaseHolds(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r, roleOperator)
	if err != nil {
		return err
	}
	var body releaseHoldsRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	var fixes []FieldError
	fault := func(name, message string) { fixes = append(fixes, FieldError{Field: name, Message: message}) }
	filter := order.HoldFilter{Homes: s.Regions.Names(), SKU: body.SKU, Network: networkTag(body.Network, fault)}
	filter.Limit = order.MaxReleased
	if body.Region != "" {
		filter.Homes = []string{body.Region}
		if _, ok := s.Regions.Get(body.Region); !ok {
			fault("region", "must be one of "+strings.Join(s.Regions.Names(), ", "))
		}
	}
	if body.SKU == "" && body.Network == "" {
		fault("sku", "must be given, or network, or both")
	}
	if len(body.SKU) > maxStockName {
		fault("sku", "must be the code of a SKU")
	}
	if fixes != nil {
		return BadRequest("The body is not what this route takes.", fixes...)
	}
	command := order.Command{Actor: s.Regions.FormatID(regions.AccountPrefix, p.Account)}
	if command.Reason, err = reasonWord(body.Reason, false); err != nil {
		return err
	}
	released, more, err := s.Orders.ReleaseHolds(r.Context(), filter, command)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, releasedResponse{Regions: filter.Homes, Orders: each(released, s.Orders.PublicID), More: more})
}

// unpaidExcess adds of which SKUs the checkout would hold too many units.
func unpaidExcess(err error, p *Problem) {
	var tooMany *order.TooManyUnpaidError
	if errors.As(err, &tooMany) {
		p.Extra = map[string]any{"excesses": each(tooMany.Excesses, func(e order.Excess) excessResponse { return excessResponse(e) })}
	}
}

// excessResponse is a SKU of which the checkout would hold more than its buyer may before it is paid.
type excessResponse struct {
	SKU     string `json:"sku"`
	Wanted  int64  `json:"wanted"`
	Held    int64  `json:"held"`
	Allowed int64  `json:"allowed"`
}

package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/gorilla/mux"

	"meridian/internal/invalid"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/regions"
)

// cancelOrderRequest is why the shop gives an order up.
type cancelOrderRequest struct {
	Reason string `json:"reason"`
}

// shipOrderRequest is who carries an order.
type shipOrderRequest struct {
	Carrier  string `json:"carrier"`
	Tracking string `json:"tracking_number"`
}

// refundOrderRequest is money to be given back: for lines, of an amount, or, with neither, all that is left.
type refundOrderRequest struct {
	Lines       []refundUnitsRequest `json:"lines"`
	AmountMinor *int64               `json:"amount_minor"`
	// Restock says that the units of a shipped order are back in their warehouse.
	Restock bool   `json:"restock"`
	Reason  string `json:"reason"`
}

type refundUnitsRequest struct {
	LineNo   int64 `json:"line_no"`
	Quantity int64 `json:"quantity"`
}

// operatorOrderPage is a page of the orders of some home regions.
type operatorOrderPage struct {
	Regions []string `json:"regions"`
	orderPage
}

// listOperatorOrders answers the orders of all home regions, or of one, to operators, the newest first.
func (s *Server) listOperatorOrders(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	q := newQuery(r)
	filter := order.ListFilter{Homes: s.homes(q), Status: order.Status(q.OneOf("status", orderStatuses()...))}
	if err := q.Err(); err != nil {
		return err
	}
	page, err := s.readOrderPage(r, "orders of "+strings.Join(filter.Homes, ",")+" "+string(filter.Status), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, operatorOrderPage{filter.Homes, page})
}

// homes reads which home regions an operator asks about: one, or all where none is named.
func (s *Server) homes(q *query) []string {
	all := s.Regions.Names()
	if one := q.OneOf("region", all...); one != "" {
		return []string{one}
	}
	return all
}

func orderStatuses() []string {
	var words []string
	for _, status := range order.Statuses {
		words = append(words, string(status))
	}
	return words
}

// getOperatorOrder answers any order to operators.
func (s *Server) getOperatorOrder(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	ref, err := s.orderRef(r)
	if err != nil {
		return err
	}
	found, err := s.Orders.Get(r.Context(), ref)
	return s.answerOrder(w, r, found, err)
}

// cancelOrderForShop gives an order up for the shop: one not yet paid is cancelled, one not yet shipped refunded.
func (s *Server) cancelOrderForShop(w http.ResponseWriter, r *http.Request) error {
	var body cancelOrderRequest
	command, err := s.operatorCommand(r, &body)
	if err != nil {
		return err
	}
	if command.Reason, err = reasonWord(body.Reason, false); err != nil {
		return err
	}
	cancelled, err := s.Orders.Cancel(r.Context(), order.CancelInput{Command: command, ByOperator: true})
	return s.answerOrder(w, r, cancelled, err)
}

// packOrder says that a paid order's goods are in their parcels.
func (s *Server) packOrder(w http.ResponseWriter, r *http.Request) error {
	command, err := s.operatorCommand(r, nil)
	if err != nil {
		return err
	}
	packed, err := s.Orders.Pack(r.Context(), command)
	return s.answerOrder(w, r, packed, err)
}

// maxCarrier bounds the name of a carrier, and its tracking number, in characters.
const maxCarrier = 100

// shipOrder hands a packed order's parcels to the carrier.
func (s *Server) shipOrder(w http.ResponseWriter, r *http.Request) error {
	var body shipOrderRequest
	command, err := s.operatorCommand(r, &body)
	if err != nil {
		return err
	}
	var f invalid.List
	in := order.ShipInput{
		Command:  command,
		Carrier:  f.Line("carrier", body.Carrier, 0, maxCarrier),
		Tracking: f.Line("tracking_number", body.Tracking, 0, maxCarrier),
	}
	if err := f.Err("shipment"); err != nil {
		return err
	}
	shipped, err := s.Orders.Ship(r.Context(), in)
	return s.answerOrder(w, r, shipped, err)
}

// deliverOrder says that a shipped order has arrived.
func (s *Server) deliverOrder(w http.ResponseWriter, r *http.Request) error {
	command, err := s.operatorCommand(r, nil)
	if err != nil {
		return err
	}
	delivered, err := s.Orders.Deliver(r.Context(), command)
	return s.answerOrder(w, r, delivered, err)
}

// refundOrder promises money back; a worker sends it.
func (s *Server) refundOrder(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	if _, err := idempotencyKey(r); err != nil { // here it is required: two refunds can look alike
		return err
	}
	var body refundOrderRequest
	command, err := s.operatorCommand(r, &body)
	if err != nil {
		return err
	}
	in, err := refundInput(command, body)
	if err != nil {
		return err
	}
	refunded, err := s.Orders.Refund(r.Context(), in)
	return s.answerOrder(w, r, refunded, err)
}

// retryRefund sends a refund that failed once more, as a new one in its place.
func (s *Server) retryRefund(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r, roleOperator)
	if err != nil {
		return err
	}
	ref, err := s.Regions.ParseID(regions.RefundPrefix, mux.Vars(r)["refund_id"])
	if err != nil {
		return order.ErrRefundNotFound
	}
	in := order.RetryRefundInput{Refund: ref, Actor: s.Regions.FormatID(regions.AccountPrefix, p.Account)}
	if in.Idempotency.Key, err = optionalIdempotencyKey(r); err != nil {
		return err
	}
	in.Idempotency.Region, in.Idempotency.Scope = ref.Region, mux.Vars(r)["refund_id"]
	if in.Idempotency.Fingerprint, err = s.fingerprint(r, nil); err != nil {
		return err
	}
	retried, err := s.Orders.RetryRefund(r.Context(), in)
	retried, _, err = answerOnce(w, retried, err, func(id string) (payment.Refund, error) { return s.refundByID(r.Context(), id) })
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.newRefundResponse(retried))
}

// refundByID reads a refund by its public id.
func (s *Server) refundByID(ctx context.Context, id string) (payment.Refund, error) {
	ref, err := s.Regions.ParseID(regions.RefundPrefix, id)
	if err != nil {
		return payment.Refund{}, err
	}
	return s.Orders.GetRefund(ctx, ref)
}

// refundTooLarge adds which field asks for too much, and what is left.
func refundTooLarge(err error, p *Problem) {
	var large *order.RefundTooLargeError
	if errors.As(err, &large) {
		p.Errors = []FieldError{{Field: large.Field, Message: fmt.Sprintf("must be at most %d", large.Left)}}
		p.Extra = map[string]any{"left": large.Left}
	}
}

// operatorCommand reads what every command of an operator has: who gives it, to which order, and the call's name. The
// body, if dst takes one, may be left out.
func (s *Server) operatorCommand(r *http.Request, dst any) (order.Command, error) {
	p, err := s.require(r, roleOperator)
	if err != nil {
		return order.Command{}, err
	}
	ref, err := s.orderRef(r)
	if err != nil {
		return order.Command{}, err
	}
	key, err := optionalIdempotencyKey(r)
	if err != nil {
		return order.Command{}, err
	}
	if dst != nil && r.ContentLength != 0 {
		if err := readJSON(r, dst); err != nil {
			return order.Command{}, err
		}
	}
	claim, err := s.orderKey(r, ref, key, dst)
	if err != nil {
		return order.Command{}, err
	}
	return order.Command{Order: ref, Actor: s.Regions.FormatID(regions.AccountPrefix, p.Account), Idempotency: claim}, nil
}

// reasons are words, so that no personal data gets into histories and events.
var reasonPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// reasonWord checks why an operator does something.
func reasonWord(reason string, required bool) (string, error) {
	if reason == "" && !required || reasonPattern.MatchString(reason) {
		return reason, nil
	}
	return "", BadRequest("The body is not what this route takes.", FieldError{
		Field: "reason", Message: "must be a word of at most 64 lower-case letters, digits and underscores, such as damaged",
	})
}

// maxRefundLines bounds the lines of one refund.
const maxRefundLines = 500

// refundInput checks a refund as far as its order need not be known.
func refundInput(command order.Command, body refundOrderRequest) (order.RefundInput, error) {
	in := order.RefundInput{Command: command, Restock: body.Restock}
	var err error
	if in.Reason, err = reasonWord(body.Reason, true); err != nil {
		return in, err
	}
	var f invalid.List
	switch {
	case body.Lines != nil && body.AmountMinor != nil:
		f.Add("amount_minor", "must be left out where lines are given")
	case body.Lines != nil && (len(body.Lines) == 0 || len(body.Lines) > maxRefundLines):
		f.Add("lines", "must be 1 to %d; leave them out to refund all that is left", maxRefundLines)
	case body.AmountMinor != nil && *body.AmountMinor < 1:
		f.Add("amount_minor", "must be 1 or more")
	case body.AmountMinor != nil:
		in.AmountMinor = *body.AmountMinor
	}
	seen := make(map[int64]bool)
	for i, units := range body.Lines {
		if seen[units.LineNo] {
			f.Add(fmt.Sprintf("lines[%d].line_no", i), "must be given once")
		}
		if units.Quantity < 1 {
			f.Add(fmt.Sprintf("lines[%d].quantity", i), "must be 1 or more")
		}
		seen[units.LineNo] = true
		in.Lines = append(in.Lines, order.RefundUnits(units))
	}
	return in, f.Err("refund")
}

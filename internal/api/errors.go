package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"meridian/internal/account"
	"meridian/internal/cart"
	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/finance"
	"meridian/internal/fx"
	"meridian/internal/idempotency"
	"meridian/internal/invalid"
	"meridian/internal/inventory"
	"meridian/internal/money"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/pricing"
	"meridian/internal/promotion"
	"meridian/internal/rating"
	"meridian/internal/search"
	"meridian/internal/shipping"
	"meridian/regions"
)

// A problemType is a kind of error answer: what clients may rely on, and which errors of the domains it stands for.
type problemType struct {
	// code is stable: clients decide by it. A Problem names it.
	code string
	// status is the HTTP status.
	status int
	// title says what happened, the same for every occurrence.
	title string
	// detail says what to do, where the error itself does not bring a detail. It may be empty.
	detail string
	// err is the error of a domain that is answered so, compared with errors.Is.
	err error
	// match recognises errors that carry data or come in several forms; nil where err is enough.
	match func(error) bool
	// fill adds what the error carries (which SKU, how many are left) to the answer; it may be nil.
	fill func(err error, p *Problem)
	// retryAfter tells the client when to come back; 0 says nothing.
	retryAfter time.Duration
}

// problemTypes is the one table of what can go wrong: every code the API answers with, and the error of a domain that
// leads to it. The first row that matches wins. A row without err and match is only reached by a Problem that names
// its code. Rows stand under the resource they belong to; the page at /docs lists them all.
var problemTypes = []problemType{
	// Every route.
	{code: "bad_request", status: http.StatusBadRequest, title: "The request is not valid", match: is[*invalid.Error], fill: invalidInput},
	{code: "bad_id", status: http.StatusBadRequest, title: "An id is malformed", err: regions.ErrBadID,
		detail: "Send ids exactly as the API gave them."},
	{code: "bad_cursor", status: http.StatusBadRequest, title: "The cursor is not valid",
		detail: "Send the next_cursor of the page before, unchanged, or start again without one."},
	{code: "idempotency_key_required", status: http.StatusBadRequest, title: "The Idempotency-Key header is missing",
		detail: "Make up a random key for the call and send it again with every repetition."},
	{code: "idempotency_key_invalid", status: http.StatusBadRequest, title: "The Idempotency-Key header is not valid",
		detail: "Use 1 to 128 printable ASCII characters without spaces, such as a UUID."},
	{code: "unauthenticated", status: http.StatusUnauthorized, title: "Sign in first",
		detail: "Send an access token in the header Authorization: Bearer <token>."},
	{code: "invalid_token", status: http.StatusUnauthorized, title: "The access token is not valid", err: ErrInvalidToken,
		detail: "Refresh it, or sign in again."},
	{code: "forbidden", status: http.StatusForbidden, title: "Not allowed"},
	{code: "not_found", status: http.StatusNotFound, title: "Not found"},
	{code: "method_not_allowed", status: http.StatusMethodNotAllowed, title: "Method not allowed"},
	{code: "request_timeout", status: http.StatusRequestTimeout, title: "The request's body came too slowly"},
	{code: "precondition_failed", status: http.StatusPreconditionFailed, title: "It has changed since you read it",
		detail: "Read it again and repeat the change on what it is now."},
	{code: "body_too_large", status: http.StatusRequestEntityTooLarge, title: "The request's body is too large"},
	{code: "unsupported_media_type", status: http.StatusUnsupportedMediaType, title: "The body's type is not supported"},
	{code: "idempotency_key_reused", status: http.StatusUnprocessableEntity, title: "This Idempotency-Key was used for another call",
		err:    idempotency.ErrReused,
		detail: "Make up a new key for a new call; repeat a call with exactly the same content."},
	{code: "amount_too_large", status: http.StatusUnprocessableEntity, title: "The amount is too large", err: money.ErrOverflow,
		detail: "Order it in several parts."},
	{code: "precondition_required", status: http.StatusPreconditionRequired, title: "The If-Match header is missing",
		detail: "Send the ETag you got when you read it, so that nobody's change is lost."},
	{code: "too_many_requests", status: http.StatusTooManyRequests, title: "Too many requests",
		detail: "Wait as long as Retry-After says."},
	{code: "internal", status: http.StatusInternalServerError, title: "Something went wrong on our side"},
	{code: "outcome_unknown", status: http.StatusServiceUnavailable, title: "It is not known whether this happened",
		err: database.ErrOutcomeUnknown, retryAfter: 2 * time.Second,
		detail: "Repeat the call with the same Idempotency-Key: what happened once does not happen twice."},
	{code: "timed_out", status: http.StatusServiceUnavailable, title: "This took too long",
		err: context.DeadlineExceeded, retryAfter: 2 * time.Second,
		detail: "Repeat the call; with the same Idempotency-Key where the route takes one."},
	{code: "unavailable", status: http.StatusServiceUnavailable, title: "This cannot be served right now",
		match: database.Unavailable, retryAfter: 2 * time.Second,
		detail: "Repeat the call; with the same Idempotency-Key where the route takes one."},

	// Accounts and sessions.
	{code: "bad_credentials", status: http.StatusUnauthorized, title: "The e-mail address or the password is wrong",
		err: account.ErrBadCredentials},
	{code: "wrong_password", status: http.StatusForbidden, title: "The current password is wrong", err: account.ErrWrongPassword},
	{code: "too_many_guesses", status: http.StatusTooManyRequests, title: "Too many wrong passwords",
		match: is[*account.ThrottledError], detail: "Wait as long as Retry-After says.", fill: guessedTooOften},
	{code: "busy", status: http.StatusServiceUnavailable, title: "Too many sign-ins at once", err: account.ErrBusy,
		retryAfter: 2 * time.Second, detail: "Repeat the call."},
	{code: "invalid_token", status: http.StatusUnauthorized, title: "The access token is not valid", err: account.ErrBadAccessToken,
		detail: "Refresh it, or sign in again."},
	{code: "refresh_token_invalid", status: http.StatusUnauthorized, title: "The refresh token is not valid",
		err: account.ErrBadRefreshToken, detail: "Sign in again."},
	{code: "refresh_token_reused", status: http.StatusUnauthorized, title: "The refresh token was used before",
		err: account.ErrTokenReused, detail: "It may have been stolen, so the session was ended. Sign in again."},
	{code: "email_taken", status: http.StatusConflict, title: "The e-mail address has an account already",
		err: account.ErrEmailTaken, detail: "Sign in, or register another address."},
	{code: "not_found", status: http.StatusNotFound, title: "Not found", err: account.ErrNotFound,
		detail: "There is no such account, or it is closed."},
	{code: "not_found", status: http.StatusNotFound, title: "Not found", err: account.ErrNoAddress,
		detail: "There is no such address, or it is not yours."},
	{code: "too_many_addresses", status: http.StatusConflict, title: "There are as many addresses as there may be",
		err: account.ErrTooManyAddresses, detail: "Remove one first."},
	{code: "precondition_failed", status: http.StatusPreconditionFailed, title: "It has changed since you read it",
		err: account.ErrVersionConflict, detail: "Read the account again and repeat the change."},
	{code: "seller_unknown", status: http.StatusUnprocessableEntity, title: "There is no such seller", err: account.ErrNoSeller},

	// The catalogue.
	{code: "not_found", status: http.StatusNotFound, title: "Not found", err: catalog.ErrNotFound,
		detail: "There is no such thing in the catalogue, or none that you may see."},
	{code: "precondition_failed", status: http.StatusPreconditionFailed, title: "It has changed since you read it",
		err: catalog.ErrVersionConflict, detail: "Read the product again and repeat the change on what it is now."},
	{code: "key_taken", status: http.StatusConflict, title: "Another product has this key", err: catalog.ErrKeyTaken,
		detail: "Choose another key, or change that product."},
	{code: "slug_taken", status: http.StatusConflict, title: "Another seller has this slug", err: catalog.ErrSlugTaken,
		detail: "Choose another slug."},
	{code: "sku_taken", status: http.StatusConflict, title: "A SKU belongs to another product", match: is[*catalog.SKUTakenError],
		detail: "Choose another code: a SKU belongs to one product for ever.", fill: takenSKU},
	{code: "import_too_long", status: http.StatusUnprocessableEntity, title: "The file has too many lines for one transaction",
		match: is[*catalog.TooManyLinesError], detail: "Split it into files of at most 100,000 lines, or use the policy keep_good."},
	{code: "import_running", status: http.StatusConflict, title: "This file is being imported already",
		err: catalog.ErrImportOvertaken, detail: "GET /v1/seller/imports says how far it is."},
	{code: "import_outdated", status: http.StatusConflict, title: "The catalogue changed while the file was checked",
		err: catalog.ErrChangedMeanwhile, detail: "Nothing was applied: import the file again."},

	// Search.
	{code: "not_found", status: http.StatusNotFound, title: "Not found", err: search.ErrRuleNotFound, detail: "There is no such search rule."},
	{code: "precondition_failed", status: http.StatusPreconditionFailed, title: "It has changed since you read it",
		err: search.ErrRuleChanged, detail: "Read the rule again and repeat the change with its ETag in If-Match."},
	{code: "too_many_search_rules", status: http.StatusConflict, title: "There are as many search rules as there may be",
		err: search.ErrTooManyRules, detail: "Delete one first."},
	{code: "search_unavailable", status: http.StatusServiceUnavailable, title: "Nothing can be searched right now",
		err: search.ErrUnavailable, retryAfter: 2 * time.Second, detail: "Repeat the call."},

	// Carts.
	{code: "not_found", status: http.StatusNotFound, title: "Not found", err: cart.ErrNotFound,
		detail: "There is no such cart, or it is not yours: send the guest's token or sign in."},
	{code: "cart_closed", status: http.StatusConflict, title: "The cart was ordered or merged", err: cart.ErrNotOpen,
		detail: "Make a new cart."},
	{code: "cart_changed", status: http.StatusPreconditionFailed, title: "The cart has changed since you read it",
		match: is[*cart.ConflictError], detail: "The answer has the cart as it is now: repeat the change on it."},
	{code: "sku_not_sold", status: http.StatusUnprocessableEntity, title: "A SKU is not sold", match: is[*cart.UnknownSKUError],
		detail: "Leave out the skus that the answer names.", fill: notSold},
	{code: "too_many_lines", status: http.StatusUnprocessableEntity, title: "The cart would have too many lines",
		match: is[*cart.TooManyLinesError], detail: "Remove some lines first.", fill: tooManyLines},
	{code: "too_many_units", status: http.StatusUnprocessableEntity, title: "A line would have too many units",
		match: is[*cart.QuantityError], detail: "Ask for fewer.", fill: tooManyUnits},

	// Orders and their payments.
	{code: "not_found", status: http.StatusNotFound, title: "Not found", err: order.ErrNotFound,
		detail: "There is no such order, or it is not yours: send the guest's token or sign in."},
	{code: "not_found", status: http.StatusNotFound, title: "Not found", err: order.ErrRefundNotFound,
		detail: "There is no such refund, or it has not failed."},
	{code: "cart_conflict", status: http.StatusConflict, title: "The cart has changed since the shopper saw it",
		detail: "The answer has the cart as it is now: show it, and order it with its version."},
	{code: "cart_empty", status: http.StatusUnprocessableEntity, title: "The cart is empty", err: order.ErrCartEmpty,
		detail: "Put something into it first."},
	{code: "not_for_sale", status: http.StatusUnprocessableEntity, title: "Something in the cart is not for sale",
		match: is[*order.NotForSaleError], detail: "Take the skus that the answer names out of the cart.", fill: notForSale},
	{code: "sold_out", status: http.StatusConflict, title: "Too little is left", match: is[*inventory.SoldOutError],
		detail: "Nothing was ordered. The answer says of which sku how many are left.", fill: soldOut},
	{code: "too_many_unpaid", status: http.StatusConflict, title: "Too many units would be held unpaid",
		match: is[*order.TooManyUnpaidError], fill: unpaidExcess, retryAfter: time.Minute,
		detail: "Nothing was ordered. Pay what is ordered first, ask for fewer, or sign in: customers may hold more than guests."},
	{code: "total_changed", status: http.StatusConflict, title: "The total is another than expected",
		match: is[*order.TotalChangedError], detail: "Nothing was ordered. Show the actual total, and order again.", fill: totalChanged},
	{code: "quote_refused", status: http.StatusConflict, title: "The quote cannot be honoured",
		match: is[*order.QuoteRefusedError], fill: quoteRefused,
		detail: "Nothing was ordered. Show the actual total, and order again without the quote or with a new one."},
	{code: "quote_invalid", status: http.StatusUnprocessableEntity, title: "The quote is not one of this shop",
		err: pricing.ErrQuoteInvalid, detail: "Send the id as POST /v1/prices:quote gave it, or leave it out."},
	{code: "coupon_refused", status: http.StatusUnprocessableEntity, title: "A coupon gives nothing",
		match: is[*order.CouponRefusedError], fill: couponsRefused,
		detail: "Nothing was ordered. Take the coupons that the answer names out of the cart."},
	{code: "promotion_used_up", status: http.StatusConflict, title: "A promotion is used up",
		err: order.ErrUsedUp, detail: "Nothing was ordered. Its last use was just taken: take the coupon out of the cart, or order again."},
	{code: "market_unknown", status: http.StatusBadRequest, title: "There is no such market",
		match: is[*pricing.UnknownMarketError], fill: knownMarkets},
	{code: "no_price_before", status: http.StatusUnprocessableEntity, title: "It had no price yet",
		match: is[*pricing.NoPriceBeforeError], fill: noPriceBefore},
	{code: "no_price", status: http.StatusUnprocessableEntity, title: "It has no price there", match: is[*pricing.NoPriceError],
		fill: noPrice},
	{code: "no_rate", status: http.StatusUnprocessableEntity, title: "There is no exchange rate", match: is[*fx.NoRateError], fill: noRate},
	{code: "address_unknown", status: http.StatusUnprocessableEntity, title: "There is no such saved address",
		err: order.ErrAddressUnknown, detail: "Choose another one, or send ship_to."},
	{code: "account_closed", status: http.StatusUnprocessableEntity, title: "The account is closed or suspended",
		err: order.ErrAccountClosed, detail: "Order as a guest, or with another account."},
	{code: "invalid_token", status: http.StatusUnauthorized, title: "The access token is not valid", err: order.ErrSessionEnded,
		detail: "Its session was ended: sign in again."},
	{code: "payments_unavailable", status: http.StatusServiceUnavailable, title: "The shop takes no payments right now",
		retryAfter: 30 * time.Second, detail: "Nothing was ordered, and the cart is as it was. Order later."},
	{code: "payment_provider_unknown", status: http.StatusUnprocessableEntity, title: "There is no such payment provider",
		err: order.ErrUnknownProvider, detail: "Leave payment.provider out, or name one the shop has."},
	{code: "order_state", status: http.StatusConflict, title: "The order's state does not allow this",
		match: is[*order.StateError], detail: "The answer says what its status is, and what it would have to be.", fill: orderState},
	{code: "refund_too_large", status: http.StatusUnprocessableEntity, title: "The refund is more than is left",
		match: is[*order.RefundTooLargeError], fill: refundTooLarge},
	{code: "webhook_signature_invalid", status: http.StatusBadRequest, title: "The webhook's signature is not valid",
		err: payment.ErrBadSignature, detail: "Sign it with the secret that the shop was given, and with the time it is sent."},
	{code: "webhook_event_invalid", status: http.StatusBadRequest, title: "The webhook cannot be understood", err: payment.ErrBadEvent},

	// Ratings.
	{code: "not_found", status: http.StatusNotFound, title: "Not found", err: rating.ErrNoProduct, detail: "There is no such product."},
	{code: "not_found", status: http.StatusNotFound, title: "Not found", err: rating.ErrNotRated, detail: "You have not rated this product."},
	{code: "not_bought", status: http.StatusForbidden, title: "Only who has bought a product rates it", err: rating.ErrNotBought,
		detail: "An order of yours with the product has to be paid first."},
	{code: "account_closed", status: http.StatusUnprocessableEntity, title: "The account is closed or suspended",
		err: rating.ErrAccountClosed, detail: "Sign in with another account."},

	// Finance.
	{code: "not_found", status: http.StatusNotFound, title: "Not found", err: finance.ErrNotFound,
		detail: "There is no such price list, change, rule or account."},
	{code: "not_found", status: http.StatusNotFound, title: "Not found", err: promotion.ErrNotFound,
		detail: "There is no such promotion."},
	{code: "not_found", status: http.StatusNotFound, title: "Not found", err: fx.ErrNotFound,
		detail: "There is no such exchange rate: send source and day as the list shows them."},
	{code: "price_list_exists", status: http.StatusConflict, title: "There is a price list with this code",
		err: finance.ErrExists, detail: "Choose another code."},
	{code: "precondition_failed", status: http.StatusPreconditionFailed, title: "It has changed since you read it",
		err: finance.ErrVersionConflict, detail: "Read the price list again and repeat the change."},
	{code: "own_change", status: http.StatusForbidden, title: "A second person has to approve the change",
		err: finance.ErrOwnChange, detail: "Ask somebody else with the role finance, or reject it to take it back."},
	{code: "change_decided", status: http.StatusConflict, title: "The change was approved or rejected before",
		err: finance.ErrDecided, detail: "GET /v1/finance/changes/{change_id} says by whom."},
	{code: "change_overtaken", status: http.StatusConflict, title: "The change has been overtaken",
		err: finance.ErrOvertaken, detail: "Nothing was applied. Other prices came in between, or its time has come: propose it again."},
	{code: "change_too_large", status: http.StatusUnprocessableEntity, title: "The change took too long to write",
		err: finance.ErrTooSlow, detail: "Nothing was applied. Split it into several files."},
	{code: "rate_not_held", status: http.StatusConflict, title: "The exchange rate is not held", err: fx.ErrNotHeld,
		detail: "It was decided about before, or never waited."},
	{code: "rate_over", status: http.StatusConflict, title: "The exchange rate is no longer in force", err: fx.ErrOver,
		detail: "There is nothing to withdraw."},
	{code: "bad_request", status: http.StatusBadRequest, title: "The request is not valid", match: is[*fx.FormatError], fill: badRateFile},

	// Stock.
	{code: "sku_unknown", status: http.StatusUnprocessableEntity, title: "There is no such SKU", err: inventory.ErrUnknownSKU,
		detail: "Send the SKU's code exactly as the catalogue has it."},
	{code: "warehouse_unknown", status: http.StatusUnprocessableEntity, title: "There is no such warehouse",
		err: inventory.ErrUnknownWarehouse, detail: "GET /v1/operator/warehouses lists them."},
	{code: "stock_unknown", status: http.StatusUnprocessableEntity, title: "The warehouse never had this SKU",
		err: inventory.ErrNoStock, detail: "Receive or transfer units first."},
	{code: "stock_insufficient", status: http.StatusConflict, title: "Too few units are free", match: is[*inventory.NotEnoughError],
		fill: notEnoughStock},

	// Whatever is delivered.
	{code: "not_delivered", status: http.StatusUnprocessableEntity, title: "The shop does not deliver there",
		err: shipping.ErrNotServiceable, detail: "Choose another country."},
	{code: "currency_not_delivered", status: http.StatusUnprocessableEntity, title: "Delivery has no price in this currency",
		err: shipping.ErrNoRate, detail: "Choose another currency."},

	// Told by the edge, or by the server itself before there is an operation.
	{code: "no_region_available", status: http.StatusServiceUnavailable, title: "No region can serve this right now",
		detail: "Repeat the call; with the same Idempotency-Key where the route takes one."},
	{code: "overloaded", status: http.StatusServiceUnavailable, title: "Too much is going on at once",
		detail: "Nothing was done. Repeat the call."},
	{code: "too_many_connections", status: http.StatusTooManyRequests, title: "Too Many Requests",
		detail: "Close some connections, or send several requests on one."},
	{code: "headers_too_large", status: http.StatusRequestHeaderFieldsTooLarge, title: "Request Header Fields Too Large",
		detail: "Send fewer or shorter headers, or a shorter URL."},
	{code: "expectation_failed", status: http.StatusExpectationFailed, title: "Expectation Failed", detail: "Leave the Expect header out."},
	{code: "not_implemented", status: http.StatusNotImplemented, title: "Not Implemented",
		detail: "Use the transfer encoding chunked, or none."},
	{code: "http_version_not_supported", status: http.StatusHTTPVersionNotSupported, title: "HTTP Version Not Supported",
		detail: "Use HTTP/1.1."},
}

// A FieldError says what is wrong with one field or parameter, and how to put it right.
type FieldError struct {
	// Field is where: "lines[0].quantity" in a body, else the name of the parameter or header.
	Field string `json:"field"`
	// Message is the remedy in a few words: "must be 1 or more".
	Message string `json:"message"`
}

// A Problem is an error that is answered as it is: RFC 9457's application/problem+json. Handlers return one where the
// fault is the request's; errors of the domains become one by the table.
type Problem struct {
	// Code names the row of the table; it decides status and title.
	Code string
	// Detail says what happened this time and what to do; empty takes the row's.
	Detail string
	// Errors are the fields that are wrong.
	Errors []FieldError
	// Extra are further members of the answer, such as what is left of a SKU.
	Extra map[string]any
	// RetryAfter is when to come back; 0 takes the row's.
	RetryAfter time.Duration
	// Err is the cause. It is logged, never answered.
	Err error
}

// Error returns the problem in one line, for logs.
func (p *Problem) Error() string {
	text := p.Code
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	for _, f := range p.Errors {
		text += fmt.Sprintf("; %s %s", f.Field, f.Message)
	}
	if p.Err != nil {
		text += ": " + p.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// BadRequest returns the answer to an invalid request: what is wrong, and how to fix each field.
func BadRequest(detail string, fixes ...FieldError) *Problem {
	return &Problem{Code: "bad_request", Detail: detail, Errors: fixes}
}

// invalidInput adds what is wrong with an input by its domain's rules.
func invalidInput(err error, p *Problem) {
	var invalid *invalid.Error
	if errors.As(err, &invalid) {
		p.Detail = "The " + invalid.What + " is not what the shop can take."
		for _, f := range invalid.Fields {
			p.Errors = append(p.Errors, FieldError{Field: bounded(f.Name, 200), Message: f.Remedy})
		}
	}
}

// notFound returns the answer where there is nothing, or nothing that this caller may see.
func notFound(detail string) *Problem { return &Problem{Code: "not_found", Detail: detail} }

// forbidden returns the answer to a caller who is known but may not do this.
func forbidden(detail string) *Problem { return &Problem{Code: "forbidden", Detail: detail} }

// is reports whether err is, or wraps, an error of the type: for rows of errors that carry data.
func is[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// problemOf finds what to answer to an error.
func problemOf(err error) (*Problem, problemType) {
	var p *Problem
	if errors.As(err, &p) {
		if row, ok := problemTypeOf(p.Code); ok {
			return p, row
		}
	}
	for _, row := range problemTypes {
		if (row.err != nil && errors.Is(err, row.err)) || (row.match != nil && row.match(err)) {
			p := &Problem{Code: row.code, Err: err}
			if row.fill != nil {
				row.fill(err, p)
			}
			return p, row
		}
	}
	row, _ := problemTypeOf("internal")
	return &Problem{Code: row.code, Err: err}, row
}

func problemTypeOf(code string) (problemType, bool) {
	for _, row := range problemTypes {
		if row.code == code {
			return row, true
		}
	}
	return problemType{}, false
}

// statusClientGone is for a client that left before the answer. One that only sends no more may still read it, to which
// silence would be a 200.
const statusClientGone = 499

// fail answers an error. No other function does.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	call := callOf(r)
	if errors.Is(call.client.Err(), context.Canceled) {
		call.status = statusClientGone
		if !call.wroteHeader {
			w.WriteHeader(statusClientGone)
		}
		return
	}
	p, row := problemOf(err)
	s.metrics.problem(r.Context(), call.route, row.code)
	if row.status >= http.StatusInternalServerError {
		s.Log.LogAttrs(r.Context(), slog.LevelError, "request failed",
			slog.String("route", call.route), slog.String("code", row.code), slog.Any("error", err))
	}
	if call.wroteHeader {
		// The answer has begun: cutting the connection is the only way left to say that it is not whole.
		panic(http.ErrAbortHandler)
	}
	writeProblem(w, call, p, row)
}

func writeProblem(w http.ResponseWriter, call *call, p *Problem, row problemType) {
	h := w.Header()
	h.Del("ETag")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	if wait := cmp.Or(p.RetryAfter, row.retryAfter); wait > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds(wait)))
	}
	switch row.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", challenge(row.code))
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		h.Set("Connection", "close")
	}
	w.WriteHeader(row.status)
	// A failed write means that the client is gone: there is nobody left to tell.
	_, _ = w.Write(marshal(problemBody(call, p, row)))
}

// problemBody returns the answer's body. Extra members cannot hide the standard ones.
func problemBody(call *call, p *Problem, row problemType) map[string]any {
	body := maps.Clone(p.Extra)
	if body == nil {
		body = make(map[string]any)
	}
	maps.Copy(body, map[string]any{
		"type":       "/docs#problem-" + row.code,
		"title":      row.title,
		"status":     row.status,
		"code":       row.code,
		"request_id": call.id,
	})
	if detail := cmp.Or(p.Detail, row.detail); detail != "" {
		body["detail"] = detail
	}
	if len(p.Errors) > 0 {
		body["errors"] = p.Errors
	}
	return body
}

// seconds returns d in whole seconds, rounded up, as HTTP headers want it.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

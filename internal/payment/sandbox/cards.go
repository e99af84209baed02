package sandbox

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"meridian/internal/payment"
)

// Bounds of what a card may ask for.
const (
	maxCardDelay   = time.Hour // longer than an order waits for its payment
	maxCardCopies  = 20
	maxMethodBytes = 200
	maxMethodParts = 4
)

// Card describes a test card: a method token that chooses what becomes of the payment.
type Card struct {
	Token   string `json:"token"`   // as it is sent, with a placeholder such as <duration> where it takes an argument
	Example string `json:"example"` // ready to be sent
	Meaning string `json:"meaning"`
}

// Cards lists the test cards. Several may be joined by "+", each adding its part and the last one winning where two
// disagree: "card_success_slow:2s+card_declined" is declined after two seconds.
func Cards() []Card {
	cards := make([]Card, 0, len(cardTable))
	for _, c := range cardTable {
		cards = append(cards, Card{Token: c.token, Example: cmp.Or(c.example, c.token), Meaning: c.meaning})
	}
	return cards
}

// answer chooses how Start is answered, whatever becomes of the payment.
type answer int

const (
	answerPlainly     answer = iota
	answerAfterNotice        // the webhook is sent first, and the answer is stale by then
	answerError              // 500, though the payment exists
	answerHang               // nothing, until the client gives up
	answerUnavailable        // 503, and the payment does not exist
)

// plan holds what the cards of a method choose.
type plan struct {
	answer      answer
	start       payment.Status // when created
	end         payment.Status // what comes after delay; empty for never
	failureCode string         // if end is failed
	delay       time.Duration  // 0 for Config.Delay
	copies      int            // how often the notice of the end is sent
	inFlight    bool           // Cancel cannot stop it
	reordered   bool           // a notice of a failed first try follows that of the success

	refundStart payment.RefundStatus
	refundEnd   payment.RefundStatus // empty if it starts so
	refundDelay time.Duration        // 0 for Config.Delay
}

// argument holds what follows a token's colon.
type argument struct {
	delay  time.Duration
	copies int
}

// The placeholders of arguments in tokens.
const (
	durationArgument = "<duration>"
	countArgument    = "<count>"
)

// card is a row of the table: how the card is called, and what it does to the plan. The example is needed only for a
// token with a placeholder.
type card struct {
	token, example, meaning string
	apply                   func(p *plan, arg argument)
}

// cardTable defines the test cards: the parser, the documentation, GET / and GET /v1/cards read it.
var cardTable = []card{
	{"card_success", "", "Succeeds by webhook, shortly after Start has answered processing.",
		func(p *plan, _ argument) { p.end = payment.StatusSucceeded }},
	{"card_success_now", "", "Start itself answers succeeded; the webhook follows.",
		func(p *plan, _ argument) { p.start, p.end = payment.StatusSucceeded, payment.StatusSucceeded }},
	{"card_success_slow:<duration>", "card_success_slow:2s", "Succeeds by webhook after the duration (up to 10m).",
		func(p *plan, arg argument) { p.end, p.delay = payment.StatusSucceeded, arg.delay }},
	{"card_declined", "", "Fails by webhook with the failure code card_declined.",
		func(p *plan, _ argument) { p.end, p.failureCode = payment.StatusFailed, "card_declined" }},
	{"card_declined_now", "", "Start itself answers failed, card_declined; the webhook follows.",
		func(p *plan, _ argument) {
			p.start, p.end, p.failureCode = payment.StatusFailed, payment.StatusFailed, "card_declined"
		}},
	{"card_insufficient_funds", "", "Fails by webhook with the failure code insufficient_funds.",
		func(p *plan, _ argument) { p.end, p.failureCode = payment.StatusFailed, "insufficient_funds" }},
	{"card_never", "", "Stays processing for ever, without a webhook. Cancel works.",
		func(p *plan, _ argument) { p.end = "" }},
	{"card_duplicate:<count>", "card_duplicate:3",
		"Succeeds; the webhook comes count times (2 to 20) with the same event id, at once.",
		func(p *plan, arg argument) { p.copies = arg.copies }},
	{"card_reordered", "", "Succeeds at the second try: a payment.failed of the first, which happened " +
		"before, is delivered only after payment.succeeded has been acknowledged.",
		func(p *plan, _ argument) { p.end, p.reordered = payment.StatusSucceeded, true }},
	{"card_late:<duration>", "card_late:30s", "Succeeds after the duration even if cancelled meanwhile: " +
		"Cancel answers processing, as the money is already in flight.",
		func(p *plan, arg argument) { p.end, p.delay, p.inFlight = payment.StatusSucceeded, arg.delay, true }},
	{"card_early", "", "Succeeds; the webhook comes before Start answers, and the answer still says processing.",
		func(p *plan, _ argument) { p.answer = answerAfterNotice }},
	{"card_error_then_success", "", "Start answers 500, each time, but the payment exists and succeeds.",
		func(p *plan, _ argument) { p.answer = answerError }},
	{"card_timeout", "", "Start does not answer before the client gives up; then the payment succeeds.",
		func(p *plan, _ argument) { p.answer = answerHang }},
	{"card_unavailable", "", "Start answers 503, each time, and there is no payment.",
		func(p *plan, _ argument) { p.answer = answerUnavailable }},
	{"card_requires_action", "", "Start answers requires_action, and nothing happens until " +
		"POST /v1/payments/{id}/confirm, the test's stand-in for the shopper; then it succeeds.",
		func(p *plan, _ argument) { p.start = payment.StatusRequiresAction }},
	{"card_success_refund_fails", "", "Succeeds; each refund of it is pending, then fails by webhook.",
		func(p *plan, _ argument) { p.refundStart, p.refundEnd = payment.RefundPending, payment.RefundFailed }},
	{"card_success_refund_fails_now", "", "Succeeds; each refund of it is answered failed; the webhook follows.",
		func(p *plan, _ argument) { p.refundStart = payment.RefundFailed }},
	{"card_success_refund_slow:<duration>", "card_success_refund_slow:2s",
		"Succeeds; each refund of it is pending and succeeds after the duration (up to 10m).",
		func(p *plan, arg argument) {
			p.refundStart, p.refundEnd, p.refundDelay = payment.RefundPending, payment.RefundSucceeded, arg.delay
		}},
}

// parseMethod parses a method token into a plan. Its errors are for the caller of the API.
func parseMethod(method string) (plan, error) {
	p := plan{
		start:       payment.StatusProcessing,
		end:         payment.StatusSucceeded,
		copies:      1,
		refundStart: payment.RefundSucceeded,
	}
	parts := strings.Split(method, "+")
	if len(method) > maxMethodBytes || len(parts) > maxMethodParts {
		return plan{}, fmt.Errorf("method is too long: join at most %d cards", maxMethodParts)
	}
	for _, part := range parts {
		if err := p.add(part); err != nil {
			return plan{}, err
		}
	}
	if p.start.Final() && p.start != p.end || p.reordered && p.end != payment.StatusSucceeded {
		return plan{}, fmt.Errorf("method %q contradicts itself", method)
	}
	return p, nil
}

// add applies one card of a method to the plan.
func (p *plan) add(part string) error {
	name, text, given := strings.Cut(part, ":")
	for _, c := range cardTable {
		token, placeholder, takes := strings.Cut(c.token, ":")
		if token != name {
			continue
		}
		if given != takes {
			return fmt.Errorf("method %q is not complete: want %s, such as %s", part, c.token, cmp.Or(c.example, c.token))
		}
		arg, err := parseArgument(placeholder, text)
		if err != nil {
			return fmt.Errorf("method %q: %w", part, err)
		}
		c.apply(p, arg)
		return nil
	}
	return fmt.Errorf("no test card %q: GET /v1/cards lists them", name)
}

// parseArgument parses the argument that the placeholder stands for, within its bounds.
func parseArgument(placeholder, text string) (argument, error) {
	switch placeholder {
	case durationArgument:
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || d > maxCardDelay {
			return argument{}, fmt.Errorf("want a duration above 0 and up to %s, such as 2s", maxCardDelay)
		}
		return argument{delay: d}, nil
	case countArgument:
		n, err := strconv.Atoi(text)
		if err != nil || n < 2 || n > maxCardCopies {
			return argument{}, fmt.Errorf("want a count from 2 to %d", maxCardCopies)
		}
		return argument{copies: n}, nil
	default:
		return argument{}, nil
	}
}

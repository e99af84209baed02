package sandbox

import (
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

// Card is a test card: a method token that chooses what becomes of the payment.
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
		cards = append(cards, c.Card)
	}
	return cards
}

// answer is how Start is answered, whatever becomes of the payment.
type answer int

const (
	answerPlainly     answer = iota
	answerAfterNotice        // the webhook is sent first, and the answer is stale by then
	answerError              // 500, though the payment exists
	answerHang               // nothing, until the client gives up
	answerUnavailable        // 503, and the payment does not exist
)

// plan is what a card chooses.
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

// argument is what follows a token's colon.
type argument struct {
	delay  time.Duration
	copies int
}

// parameter says which argument a card takes.
type parameter int

const (
	noParameter parameter = iota
	durationParameter
	countParameter
)

// card is a row of the table: how the card is called, and what it does to the plan.
type card struct {
	Card
	takes parameter
	apply func(p *plan, arg argument)
}

// name returns the token without its placeholder.
func (c card) name() string {
	name, _, _ := strings.Cut(c.Token, ":")
	return name
}

// cardTable is all there is to know about test cards: the parser, the documentation, GET / and GET /v1/cards read it.
var cardTable = []card{
	{
		Card:  Card{"card_success", "card_success", "Succeeds by webhook, shortly after Start has answered processing."},
		apply: func(p *plan, _ argument) { p.end = payment.StatusSucceeded },
	},
	{
		Card:  Card{"card_success_now", "card_success_now", "Start itself answers succeeded; the webhook follows."},
		apply: func(p *plan, _ argument) { p.start, p.end = payment.StatusSucceeded, payment.StatusSucceeded },
	},
	{
		Card:  Card{"card_success_slow:<duration>", "card_success_slow:2s", "Succeeds by webhook after the duration (up to 10m)."},
		takes: durationParameter,
		apply: func(p *plan, arg argument) { p.end, p.delay = payment.StatusSucceeded, arg.delay },
	},
	{
		Card:  Card{"card_declined", "card_declined", "Fails by webhook with the failure code card_declined."},
		apply: func(p *plan, _ argument) { p.end, p.failureCode = payment.StatusFailed, "card_declined" },
	},
	{
		Card: Card{"card_declined_now", "card_declined_now", "Start itself answers failed, card_declined; the webhook follows."},
		apply: func(p *plan, _ argument) {
			p.start, p.end, p.failureCode = payment.StatusFailed, payment.StatusFailed, "card_declined"
		},
	},
	{
		Card:  Card{"card_insufficient_funds", "card_insufficient_funds", "Fails by webhook with the failure code insufficient_funds."},
		apply: func(p *plan, _ argument) { p.end, p.failureCode = payment.StatusFailed, "insufficient_funds" },
	},
	{
		Card:  Card{"card_never", "card_never", "Stays processing for ever, without a webhook. Cancel works."},
		apply: func(p *plan, _ argument) { p.end = "" },
	},
	{
		Card: Card{"card_duplicate:<count>", "card_duplicate:3",
			"Succeeds; the webhook comes count times (2 to 20) with the same event id, at once."},
		takes: countParameter,
		apply: func(p *plan, arg argument) { p.copies = arg.copies },
	},
	{
		Card: Card{"card_reordered", "card_reordered", "Succeeds at the second try: a payment.failed of the first, which happened " +
			"before, is delivered only after payment.succeeded has been acknowledged."},
		apply: func(p *plan, _ argument) { p.end, p.reordered = payment.StatusSucceeded, true },
	},
	{
		Card: Card{"card_late:<duration>", "card_late:30s", "Succeeds after the duration even if cancelled meanwhile: " +
			"Cancel answers processing, as the money is already in flight."},
		takes: durationParameter,
		apply: func(p *plan, arg argument) {
			p.end, p.delay, p.inFlight = payment.StatusSucceeded, arg.delay, true
		},
	},
	{
		Card:  Card{"card_early", "card_early", "Succeeds; the webhook comes before Start answers, and the answer still says processing."},
		apply: func(p *plan, _ argument) { p.answer = answerAfterNotice },
	},
	{
		Card:  Card{"card_error_then_success", "card_error_then_success", "Start answers 500, each time, but the payment exists and succeeds."},
		apply: func(p *plan, _ argument) { p.answer = answerError },
	},
	{
		Card:  Card{"card_timeout", "card_timeout", "Start does not answer before the client gives up; then the payment succeeds."},
		apply: func(p *plan, _ argument) { p.answer = answerHang },
	},
	{
		Card:  Card{"card_unavailable", "card_unavailable", "Start answers 503, each time, and there is no payment."},
		apply: func(p *plan, _ argument) { p.answer = answerUnavailable },
	},
	{
		Card: Card{"card_requires_action", "card_requires_action", "Start answers requires_action, and nothing happens until " +
			"POST /v1/payments/{id}/confirm, the test's stand-in for the shopper; then it succeeds."},
		apply: func(p *plan, _ argument) { p.start = payment.StatusRequiresAction },
	},
	{
		Card:  Card{"card_success_refund_fails", "card_success_refund_fails", "Succeeds; each refund of it is pending, then fails by webhook."},
		apply: func(p *plan, _ argument) { p.refundStart, p.refundEnd = payment.RefundPending, payment.RefundFailed },
	},
	{
		Card: Card{"card_success_refund_fails_now", "card_success_refund_fails_now",
			"Succeeds; each refund of it is answered failed; the webhook follows."},
		apply: func(p *plan, _ argument) { p.refundStart = payment.RefundFailed },
	},
	{
		Card: Card{"card_success_refund_slow:<duration>", "card_success_refund_slow:2s",
			"Succeeds; each refund of it is pending and succeeds after the duration (up to 10m)."},
		takes: durationParameter,
		apply: func(p *plan, arg argument) {
			p.refundStart, p.refundEnd, p.refundDelay = payment.RefundPending, payment.RefundSucceeded, arg.delay
		},
	},
}

// parseMethod turns a method token into what is to happen. Its errors are for the caller of the API.
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

// add lets one card of a method change the plan.
func (p *plan) add(part string) error {
	name, text, given := strings.Cut(part, ":")
	for _, c := range cardTable {
		if c.name() != name {
			continue
		}
		if given != (c.takes != noParameter) {
			return fmt.Errorf("method %q is not complete: want %s, such as %s", part, c.Token, c.Example)
		}
		arg, err := parseArgument(c.takes, text)
		if err != nil {
			return fmt.Errorf("method %q: %w", part, err)
		}
		c.apply(p, arg)
		return nil
	}
	return fmt.Errorf("no test card %q: GET /v1/cards lists them", name)
}

// parseArgument reads what follows a token's colon, within its bounds.
func parseArgument(takes parameter, text string) (argument, error) {
	switch takes {
	case durationParameter:
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || d > maxCardDelay {
			return argument{}, fmt.Errorf("want a duration above 0 and up to %s, such as 2s", maxCardDelay)
		}
		return argument{delay: d}, nil
	case countParameter:
		n, err := strconv.Atoi(text)
		if err != nil || n < 2 || n > maxCardCopies {
			return argument{}, fmt.Errorf("want a count from 2 to %d", maxCardCopies)
		}
		return argument{copies: n}, nil
	default:
		return argument{}, nil
	}
}

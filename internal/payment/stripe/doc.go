// Package stripe takes payments through Stripe: PaymentIntents, refunds and their webhooks. It implements
// payment.Provider, Capturer, Resolver and Ledger, and passes paymenttest.
//
// What it promises:
//
//   - A payment is one PaymentIntent, which takes money once. Start creates it without asking for money, with our payment
//     id as the idempotency key, and then confirms it with the shopper's method under a key of its own. Any process may
//     repeat both at any time: see "A lost answer".
//   - If a payment is declined, or Stripe does not know its method, the intent is cancelled before Start returns: Stripe
//     would let it be paid later. After a failed 3-D Secure the shopper keeps the client secret until somebody calls
//     Start or Cancel; should they still pay with it, the success is refunded like any that comes too late.
//   - An amount is charged exactly as agreed, to the last digit, or rejected before Stripe is asked: see "Amounts".
//   - A refund is made once, even if it is pending for longer than Stripe remembers its key: the payment's existing
//     refunds are checked first.
//   - Of Stripe's errors only code, type, parameter and request id are passed on, because the texts may quote names and
//     addresses. The library logs nothing, sends no telemetry and has no global key.
//   - Every call has a deadline, a bounded number of retries with the same key, a circuit breaker, and a bounded answer.
//     An answer about another payment or another amount is rejected.
//
// # A lost answer
//
// Stripe cannot find an intent by our id: its search lags behind, and its list has no such filter. The idempotency key
// finds it: creating it again returns the existing one. So what is sent then must never change: the amount, the
// currency, "card", and our two ids. Method, return URL and way of capture are sent with the confirmation, and may
// differ between the pod that placed the order and the worker that takes it up.
//
// If the pod dies
//
//   - before the intent is created: Find does not know it, Start creates it;
//   - between the two steps: Find does not know it (payment.ErrUnknownPayment: no money was asked for), Start goes on;
//   - after the confirmation, before its answer arrives: Start gets the same intent, reads its state, and returns that.
//     Two that confirm at the same time share one key;
//   - and the order is given up meanwhile: Cancel creates the intent, or gets the existing one, and cancels it. A Start
//     that is still on its way then finds a cancelled intent, and no money moves.
//
// Stripe forgets a key after 24 hours. From 23 hours after the payment was recorded nothing is created any more: the
// intent is searched for by our id in its metadata, which by then is in Stripe's index, and a Start that finds none is
// rejected. Orders wait for their payment for minutes, so this is for a shop that was down for a day.
//
// # Amounts
//
// A currency's ISO exponent, Stripe's exponent and the decimals that a shopper sees are three facts. amount.go holds the
// second, from docs.stripe.com/currencies. The shop counts in ISO's minor units, so 500 ISK become 50000, five ariary
// (500 MGA) become 5, and 5124 of the dinar's thousandths (KWD) are rejected: Stripe requires the last digit to be 0. So
// are currencies that Stripe does not support. Stripe itself enforces its minimum and maximum.
//
// # Capture
//
// With CaptureAutomatic a confirmed payment is taken. With CaptureManual it is held (payment.StatusAuthorized) until it
// is captured: package order captures it in full as soon as it hears of it, if the order is still open, and otherwise
// cancels it. Client.Capture can also take a part, which nothing uses yet. Capture at shipment would need a step that
// the order's state machine does not have.
//
// # Webhooks
//
// In Stripe's dashboard, make an endpoint https://…/v1/webhooks/stripe of the API version APIVersion, with the events
//
//	payment_intent.succeeded          payment_intent.payment_failed
//	payment_intent.canceled           payment_intent.requires_action
//	payment_intent.amount_capturable_updated
//	refund.created   refund.updated   refund.failed
//	charge.dispute.created            charge.dispute.closed
//
// and give its signing secret to every pod. Other events are acknowledged and ignored. Events of another API release are
// rejected: IgnoreAPIVersionMismatch stays off, because a field with a changed meaning is worse than a late event. To
// upgrade the library to another release, make a second endpoint of that version and give the pods both secrets. The old
// pods accept the events of the one, the new pods those of the other, and the workers ask about the rest.
//
// A refund made in Stripe's dashboard has no id of ours. Its events say that it was made; what is booked is read from
// Stripe's list of the payment's refunds (Ledger). Nightly, all that was made in the last days is read too. A restricted
// key needs to read PaymentIntents, charges and refunds for that.
//
// # Methods
//
// A method is the id of a PaymentMethod (pm_…) of the type card, wallets included, which Stripe's Elements create in the
// shopper's browser; never a card number. Where 3-D Secure is required, placing the order answers requires_action with a
// client secret for Stripe.js (handleNextAction). Stripe receives our ids and the amount. The order's lines must sum to
// the amount, and are not sent.
//
// The tests run against stripe-mock (a tool of go.mod), which checks every request against Stripe's own OpenAPI
// document, with a stateful fake in front of it.
package stripe

// Package stripe takes payments through Stripe: PaymentIntents, refunds and their webhooks. It implements
// payment.Provider, Capturer and Disputer, and passes paymenttest.
//
// What it promises:
//
//   - A payment is one PaymentIntent, and an intent lets money through once. Start makes it without asking for anything,
//     with our payment id as its idempotency key, and then confirms it with the shopper's method, with a key of that
//     step's own. Both may be repeated by anybody, at any time: see "A lost answer".
//   - A payment that is declined, or whose method Stripe does not know, has its intent cancelled before that is
//     answered: Stripe would let it be paid later. After 3-D Secure that failed the shopper still has the client secret
//     until somebody calls Start or Cancel; should they pay with it after all, the success is refunded like any that
//     comes too late.
//   - An amount is charged as it was agreed to, to the last digit, or refused before Stripe is asked: see "Amounts".
//   - A refund is made once, also if it is pending for longer than Stripe remembers its key: before one is made, those
//     that the payment has are looked through.
//   - What Stripe writes in an error goes nowhere but its code, type, parameter and request id: it may quote names and
//     addresses. The library logs nothing, sends no telemetry and is given no global key.
//   - Every call has a deadline, a bounded number of retries with the same key, a circuit breaker, and an answer that
//     ends; no answer about another payment, or of another amount, is believed.
//
// # A lost answer
//
// Stripe cannot be asked for an intent by our id: its search lags behind, and its list cannot be filtered by it. What
// finds the intent is its key: making it again answers with the one there is. So what is sent then must never change:
// the amount, the currency, "card", and our two ids. Method, return URL and way of capture are sent with the
// confirmation, and may differ between the pod that placed the order and the worker that takes it up.
//
// Where the pod dies, and what happens then:
//
//   - before the intent was made: Find does not know it, Start makes it;
//   - between the two steps: Find does not know it (payment.ErrUnknownPayment: nothing was asked for), Start goes on;
//   - after the confirmation, with its answer lost: Start gets the same intent, sees how it stands, and answers that.
//     Two that confirm at the same time have one key;
//   - and the order was given up meanwhile: Cancel makes the intent, or gets the one there is, and cancels it. A Start
//     that was still on its way then finds a cancelled intent, and no money moves.
//
// Stripe forgets a key after 24 hours. From 23 hours after the payment was written down nothing is made any more: it
// is searched for by our id, which stands in the intent's metadata, and by then in Stripe's index; and a Start that
// finds none is refused. Orders wait for their payment for minutes, so this is for a shop that lay still for a day.
//
// # Amounts
//
// The ISO exponent of a currency, the one that Stripe uses and the decimals a shopper sees are three facts. amount.go
// has the second, from docs.stripe.com/currencies. The shop counts in ISO's minor units, so 500 ISK become 50000, five
// ariary (500 MGA) become 5, and 5124 of the dinar's thousandths (KWD) are refused: Stripe wants the last digit to be 0.
// So are the currencies that Stripe does not take. Its minimum and maximum are left to Stripe, which refuses what is
// beyond them.
//
// # Capture
//
// With CaptureAutomatic a confirmed payment is taken. With CaptureManual it is held (payment.StatusAuthorized) until it
// is captured; package order does so as soon as it hears of it, in full, if the order still waits, and has it let go of
// otherwise. Client.Capture can also take a part: nothing calls it so yet. Capture at shipment would be a step of the
// order's state machine that does not exist.
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
// and give its signing secret to every pod. Others are acknowledged and forgotten. Events of another release of the API
// are refused: IgnoreAPIVersionMismatch stays off, as a field that has changed its meaning is worse than an event that
// comes later. To upgrade the library to another release, make a second endpoint of that version and give the pods both
// secrets: the old pods take the one's events, the new ones the other's, and what either refuses the workers ask for.
//
// Refunds made in the dashboard are not known to the shop's books: make them through the shop.
//
// # What is taken
//
// A method is the id of a PaymentMethod (pm_…) of the type card, wallets included, which Stripe's Elements make in the
// shopper's browser; never a card number. Where 3-D Secure is wanted, placing the order answers requires_action with a
// client secret for Stripe.js (handleNextAction). Stripe is told our ids and the amount; the lines are held to sum to
// it, and are not sent.
//
// Its tests run against stripe-mock (a tool of go.mod), which judges every request by Stripe's own OpenAPI document,
// with a memory in front of it.
package stripe

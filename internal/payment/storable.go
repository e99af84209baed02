package payment

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"meridian/internal/database"
	"meridian/internal/money"
)

// What a provider says goes into our rows, and nothing that it may say must keep a row from
// being written: a webhook would be sent again for ever, an order never be closed.

// Storable returns the outcome as our rows can hold it.
func (o Outcome) Storable() Outcome {
	o.ProviderRef, o.FailureCode = database.Text(o.ProviderRef), database.Text(o.FailureCode)
	o.Amount.Currency = money.Currency(database.Text(string(o.Amount.Currency)))
	return o
}

// Storable returns the outcome as our rows can hold it.
func (o RefundOutcome) Storable() RefundOutcome {
	o.ProviderRef, o.FailureCode = database.Text(o.ProviderRef), database.Text(o.FailureCode)
	o.Amount.Currency = money.Currency(database.Text(string(o.Amount.Currency)))
	return o
}

// encode returns the event as the inbox holds it, and its text: without the secret, which nobody
// needs any more.
func (e Event) encode() (Event, string, error) {
	e.ID = storableID(e.ID)
	e.Outcome.ClientSecret, e.PaymentRef = "", database.Text(e.PaymentRef)
	e.Dispute = e.Dispute.storable()
	if year := e.OccurredAt.Year(); year < 0 || year > 9999 { // JSON has no such time
		e.OccurredAt = time.Time{}
	}
	encoded, err := json.Marshal(e) // which makes UTF-8 of everything
	if err != nil {
		return e, "", err
	}
	text := withoutNUL.Replace(string(encoded))
	var held Event
	err = json.Unmarshal([]byte(text), &held)
	return held, text, err
}

// withoutNUL takes NUL, which jsonb refuses, out of JSON. Escaped backslashes are passed
// over, so that what follows them is not taken for an escape.
var withoutNUL = strings.NewReplacer(`\\`, `\\`, `\u0000`, `\ufffd`)

// storable returns the dispute as the inbox can hold it.
func (d Dispute) storable() Dispute {
	d.ProviderRef, d.PaymentRef = database.Text(d.ProviderRef), database.Text(d.PaymentRef)
	d.Reason, d.Status = database.Text(d.Reason), database.Text(d.Status)
	d.Amount.Currency = money.Currency(database.Text(string(d.Amount.Currency)))
	return d
}

// maxIDBytes bounds an event's id, which is part of a key.
const maxIDBytes = 255

// storableID returns an event's id, or, where a key cannot hold that, what stands for it alone.
func storableID(id string) string {
	if len(id) <= maxIDBytes && id == database.Text(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(sum[:])
}

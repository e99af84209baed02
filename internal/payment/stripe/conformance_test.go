package stripe

import (
	"testing"
	"time"

	"meridian/internal/testkit/paymenttest"
)

func TestClient(t *testing.T) {
	paymenttest.Run(t, func(t *testing.T) paymenttest.Subject {
		f := newFake(t)
		return paymenttest.Subject{
			Provider: f.client(), Currency: "EUR",
			Success: methodSuccess, Declined: methodDeclined, Open: methodAction,
			Settle: func(*testing.T) {}, // all is settled when it is answered
			Webhooks: func() []paymenttest.Webhook {
				f.mu.Lock()
				defer f.mu.Unlock()
				return append([]paymenttest.Webhook(nil), f.hooks...)
			},
			Now: time.Now, RefundByHand: func(_ *testing.T, id string, minor int64) { f.refundInDashboard(id, minor) },
		}
	})
}

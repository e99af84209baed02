package api

import (
	"io"
	"net/http"
	"time"

	"github.com/gorilla/mux"
)

// maxWebhookBytes bounds one notice of a payment provider, and webhookTimeout the whole call: providers give up after
// about as long and send it again.
const (
	maxWebhookBytes = 256 << 10
	webhookTimeout  = 10 * time.Second
)

// receiveWebhook takes a notice of a payment provider, who proves itself by its signature. It is acknowledged once it
// is in the inbox; before that the provider is told to send it again.
func (s *Server) receiveWebhook(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["provider"]
	provider, ok := s.Orders.Providers[name]
	if !ok {
		return notFound("There is no payment provider of this name.")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return bodyError(err)
	}
	event, err := provider.ParseWebhook(r.Header, body, s.Now())
	if err != nil {
		return err
	}
	if err := s.Orders.ReceiveWebhook(r.Context(), name, event); err != nil {
		return &Problem{Code: "unavailable", Detail: "Send it again.", Err: err}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

package bench

import (
	"context"
	"net/http"

	"meridian/internal/lab/client"
)

// cartLife is one cart's: a guest makes it with its lines, looks at it, and doubles the
// first line. Three calls.
func cartLife(ctx context.Context, s *shopper) error {
	in := s.newCart(false)
	cart, err := s.as("create cart").CreateCart(ctx, client.By{}, "", in)
	if err != nil {
		return err
	}
	by := client.By{GuestToken: cart.GuestToken}
	if _, err := s.as("read cart").GetCart(ctx, by, cart.ID); err != nil {
		return err
	}
	return s.as("change cart").Do(ctx, http.MethodPost, "/v1/carts/"+cart.ID+"/lines", by, "", in.Lines[0], nil)
}

package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/order"
	"meridian/internal/pricing"
	"meridian/internal/recommend"
	"meridian/regions"
)

// recommendedResponse is a product with why it is recommended.
type recommendedResponse struct {
	Reason  recommend.Reason `json:"reason"`
	Product productResponse  `json:"product"`
}

type recommendationsResponse struct {
	Items []recommendedResponse `json:"recommendations"`
	// Degraded says that it is not all it should be.
	Degraded recommend.Degraded `json:"degraded,omitzero"`
}

// homeResponse is the first page, in parts.
type homeResponse struct {
	Sections []homeSection      `json:"sections"`
	Degraded recommend.Degraded `json:"degraded,omitzero"`
}

type homeSection struct {
	Name  string                `json:"name"`
	Items []recommendedResponse `json:"recommendations"`
}

// The sections of the first page.
const (
	sectionForYou  = "for_you"
	sectionPopular = "popular"
)

const defaultRecommended = 12

// getRecommendations answers what goes with a product.
func (s *Server) getRecommendations(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	limit := q.Int("limit", defaultRecommended, 1, recommend.MaxLimit)
	in := s.readShown(r, q)
	if err := q.Err(); err != nil {
		return err
	}
	product, err := pathGlobalID(r, "product_id", regions.ProductPrefix)
	if err != nil {
		return err
	}
	list, err := s.Recommend.Related(r.Context(), product, limit)
	if err != nil {
		return err
	}
	answer := recommendationsResponse{Degraded: list.Degraded}
	if answer.Items, err = s.newRecommended(r.Context(), list.Picks, in); err != nil {
		return err
	}
	if list.Picks != nil && answer.Items == nil {
		answer.Degraded = recommend.None
	}
	return s.answerRecommended(w, r, answer, answer.Degraded, list.Age, in)
}

// getHome answers what the shop's first page shows: what is popular here and, to customers, what goes with their orders.
func (s *Server) getHome(w http.ResponseWriter, r *http.Request) error {
	p, signedIn, err := s.principal(r)
	if err != nil {
		return err
	}
	q := newQuery(r)
	limit := q.Int("limit", defaultRecommended, 1, recommend.MaxLimit)
	in := s.readShown(r, q)
	if err := q.Err(); err != nil {
		return err
	}
	var customer *regions.Ref
	if signedIn {
		customer = &p.Account
	}
	home := s.Recommend.Home(r.Context(), customer, limit)
	answer, err := s.newHomeResponse(r.Context(), home, in)
	if err != nil {
		return err
	}
	if signedIn { // theirs alone: nobody on the way may keep it
		setAge(w, home.Popular.Age)
		return writeJSON(w, http.StatusOK, answer)
	}
	w.Header().Add("Vary", "Authorization")
	return s.answerRecommended(w, r, answer, answer.Degraded, home.Popular.Age, in)
}

func (s *Server) newHomeResponse(ctx context.Context, home recommend.Home, in shown) (homeResponse, error) {
	answer := homeResponse{Degraded: home.Popular.Degraded}
	for _, section := range []struct {
		name  string
		picks []recommend.Pick
	}{{sectionForYou, home.ForYou}, {sectionPopular, home.Popular.Picks}} {
		items, err := s.newRecommended(ctx, section.picks, in)
		switch {
		case err != nil:
			return homeResponse{}, err
		case len(items) > 0:
			answer.Sections = append(answer.Sections, homeSection{section.name, items})
		case len(section.picks) > 0:
			answer.Degraded = recommend.None
		}
	}
	return answer, nil
}

// answerRecommended answers a list that is the same for everybody. One that is degraded is not kept: the next may be
// better.
func (s *Server) answerRecommended(
	w http.ResponseWriter, r *http.Request, answer any, degraded recommend.Degraded, age time.Duration, in shown,
) error {
	setAge(w, age)
	varyByShopper(w, in.byCountry)
	if degraded == recommend.NotDegraded {
		cachePublic(w, listingMaxAge)
		if notModified(w, r, contentETag(marshal(answer))) {
			return nil
		}
	}
	return writeJSON(w, http.StatusOK, answer)
}

// newRecommended are products with their prices for a shopper. Where prices cannot be had there are none: what is only
// recommended is no reason to fail. The error is the shopper's, such as a market that there is not.
func (s *Server) newRecommended(ctx context.Context, picks []recommend.Pick, in shown) ([]recommendedResponse, error) {
	var items []recommendedResponse
	for _, pick := range picks {
		rules, err := s.Prices.Current(ctx, pick.Product.Rules)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				s.Log.LogAttrs(ctx, slog.LevelWarn, "recommendations are left out for want of prices", slog.Any("error", err))
			}
			return nil, nil
		}
		priced, _, err := s.pricedProduct(pick.Product, in, rules)
		if is[*pricing.UnknownMarketError](err) {
			return nil, err
		}
		if err != nil {
			continue
		}
		items = append(items, recommendedResponse{Reason: pick.Reason, Product: priced})
	}
	return items, nil
}

// noteAdded counts the products of SKUs that a shopper has just put into a cart.
func (s *Server) noteAdded(c cart.Cart, changes ...cart.Change) {
	for _, change := range changes {
		if change.Op != cart.OpAdd {
			continue
		}
		for _, line := range c.Lines {
			if line.SKU == change.SKU {
				s.Recommend.Added(line.ProductID)
			}
		}
	}
}

// noteOrdered counts the products of an order that was just placed.
func (s *Server) noteOrdered(placed order.Order) {
	products := make([]uuid.UUID, len(placed.Lines))
	for i, line := range placed.Lines {
		products[i] = line.ProductID
	}
	s.Recommend.Ordered(products)
}

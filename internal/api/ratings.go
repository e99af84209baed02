package api

import (
	"fmt"
	"net/http"

	"meridian/internal/rating"
	"meridian/regions"
)

// ratingResponse is a customer's rating of a product, and everybody's.
type ratingResponse struct {
	Stars int64         `json:"stars"`
	All   ratingSummary `json:"all"`
}

func newRatingResponse(stars int64, all rating.Total) ratingResponse {
	return ratingResponse{Stars: stars, All: *newRatingSummary(all)}
}

// newRatingSummary returns the customers' rating of a product, nil while there is none.
func newRatingSummary(all rating.Total) *ratingSummary {
	if all.Ratings == 0 {
		return nil
	}
	return &ratingSummary{Average: float64(all.Milli()) / 1000, Count: all.Ratings}
}

type ratingRequest struct {
	Stars int64 `json:"stars"`
}

// ratingKey returns the key of the caller's rating of the product in the path.
func (s *Server) ratingKey(r *http.Request) (rating.Key, error) {
	p, err := s.require(r)
	if err != nil {
		return rating.Key{}, err
	}
	product, err := pathGlobalID(r, "product_id", regions.ProductPrefix)
	return rating.Key{Customer: p.Account, Product: product}, err
}

// getRating answers the stars that the caller gave a product.
func (s *Server) getRating(w http.ResponseWriter, r *http.Request) error {
	key, err := s.ratingKey(r)
	if err != nil {
		return err
	}
	stars, all, err := s.Ratings.Get(r.Context(), key)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, newRatingResponse(stars, all))
}

// putRating gives a product the caller's stars, in place of any that the caller gave it before.
func (s *Server) putRating(w http.ResponseWriter, r *http.Request) error {
	key, err := s.ratingKey(r)
	if err != nil {
		return err
	}
	var body ratingRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	if body.Stars < rating.LeastStars || body.Stars > rating.MostStars {
		return BadRequest("The body is not what this route takes.", FieldError{Field: "stars",
			Message: fmt.Sprintf("must be a whole number from %d to %d", rating.LeastStars, rating.MostStars)})
	}
	all, err := s.Ratings.Put(r.Context(), key, body.Stars)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, newRatingResponse(body.Stars, all))
}

// deleteRating takes the caller's rating of a product back.
func (s *Server) deleteRating(w http.ResponseWriter, r *http.Request) error {
	key, err := s.ratingKey(r)
	if err != nil {
		return err
	}
	if err := s.Ratings.Remove(r.Context(), key); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

package api

import (
	"net/http"
	"time"

	"meridian/regions"
)

// regionsResponse is the regions as shoppers see them.
type regionsResponse struct {
	// Here is the name of the region that answers.
	Here    string           `json:"here"`
	Regions []regionResponse `json:"regions"`
}

type regionResponse struct {
	Name       string   `json:"name"`
	Code       string   `json:"code"`
	Title      string   `json:"title"`
	Currencies []string `json:"currencies"`
	Languages  []string `json:"languages"`
	Countries  []string `json:"countries"`
}

func newRegionResponse(r regions.Region) regionResponse {
	return regionResponse{
		Name:       r.Name,
		Code:       r.Code,
		Title:      r.Title,
		Currencies: r.Currencies,
		Languages:  r.Languages,
		Countries:  r.Countries,
	}
}

// listRegions answers every region, the primary first.
func (s *Server) listRegions(w http.ResponseWriter, r *http.Request) error {
	answer := regionsResponse{Here: s.Region}
	for _, region := range s.Regions.All() {
		answer.Regions = append(answer.Regions, newRegionResponse(region))
	}
	cachePublic(w, 5*time.Minute)
	if notModified(w, r, contentETag(marshal(answer))) {
		return nil
	}
	return writeJSON(w, http.StatusOK, answer)
}

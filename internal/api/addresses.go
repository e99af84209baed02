package api

import (
	"net/http"
	"time"

	"meridian/internal/account"
	"meridian/regions"
)

// addressRequest is an address as a customer writes it.
type addressRequest struct {
	Label    string `json:"label"`
	Name     string `json:"name"`
	Line1    string `json:"line1"`
	Line2    string `json:"line2"`
	City     string `json:"city"`
	State    string `json:"state"`
	Postcode string `json:"postcode"`
	Country  string `json:"country"`
	Phone    string `json:"phone"`
	Default  bool   `json:"default"`
}

type addressResponse struct {
	ID string `json:"id"`
	addressRequest
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type addressesResponse struct {
	Addresses []addressResponse `json:"addresses"`
}

func (s *Server) newAddressResponse(a account.Address) addressResponse {
	return addressResponse{
		ID:             s.Regions.FormatID(regions.AddressPrefix, a.Ref),
		addressRequest: addressRequest(a.AddressFields),
		CreatedAt:      a.CreatedAt,
		UpdatedAt:      a.UpdatedAt,
	}
}

// listAddresses answers the caller's addresses, of which there are few.
func (s *Server) listAddresses(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	addresses, err := s.Accounts.ListAddresses(r.Context(), p.Account)
	if err != nil {
		return err
	}
	var answer addressesResponse
	for _, a := range addresses {
		answer.Addresses = append(answer.Addresses, s.newAddressResponse(a))
	}
	return writeJSON(w, http.StatusOK, answer)
}

// addAddress gives the caller another address.
func (s *Server) addAddress(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	var body addressRequest
	key, err := s.readIdempotent(r, &body)
	if err != nil {
		return err
	}
	added, err := s.Accounts.AddAddress(r.Context(), account.AddAddressInput{
		Account: p.Account, Address: account.AddressFields(body), Idempotency: key,
	})
	if err != nil {
		return err
	}
	answer := s.newAddressResponse(added)
	w.Header().Set("Location", "/v1/account/addresses/"+answer.ID)
	return writeJSON(w, http.StatusCreated, answer)
}

// getAddress answers an address of the caller's.
func (s *Server) getAddress(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	ref, err := s.pathRef(r, "address_id", regions.AddressPrefix)
	if err != nil {
		return err
	}
	found, err := s.Accounts.GetAddress(r.Context(), p.Account, ref)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.newAddressResponse(found))
}

// replaceAddress rewrites an address of the caller's.
func (s *Server) replaceAddress(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	ref, err := s.pathRef(r, "address_id", regions.AddressPrefix)
	if err != nil {
		return err
	}
	var body addressRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	replaced, err := s.Accounts.ReplaceAddress(r.Context(), p.Account, ref, account.AddressFields(body))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.newAddressResponse(replaced))
}

// deleteAddress removes an address of the caller's.
func (s *Server) deleteAddress(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	ref, err := s.pathRef(r, "address_id", regions.AddressPrefix)
	if err != nil {
		return err
	}
	if err := s.Accounts.DeleteAddress(r.Context(), p.Account, ref); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

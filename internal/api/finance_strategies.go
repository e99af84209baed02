package api

import (
	"errors"
	"net/http"

	"github.com/gorilla/mux"

	"meridian/internal/finance"
	"meridian/internal/money"
)

// strategyResponse is a set of rules of markets that comes with the shop.
type strategyResponse struct {
	Code    string                   `json:"code"`
	Title   string                   `json:"title"`
	InForce bool                     `json:"in_force"`
	Markets []strategyMarketResponse `json:"markets"`
	Ends    []string                 `json:"ends"`
}

type strategyMarketResponse struct {
	Code          string        `json:"code"`
	Multiplier    money.Decimal `json:"multiplier"`
	FromBasePrice bool          `json:"from_base_price"`
	// Countries are what a market that is not there yet begins with.
	Countries []string `json:"countries,omitzero"`
}

type strategiesResponse struct {
	Strategies []strategyResponse `json:"strategies"`
}

// listStrategies answers the strategies that come with the shop, and which of them is in force.
func (s *Server) listStrategies(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.financeActor(r); err != nil {
		return err
	}
	found, err := s.Finance.Strategies(r.Context())
	if err != nil {
		return err
	}
	var answer strategiesResponse
	for _, f := range found {
		one := strategyResponse{Code: f.Code, Title: f.Title, InForce: f.InForce, Ends: f.Ends}
		for _, m := range f.Markets {
			one.Markets = append(one.Markets, strategyMarketResponse{m.Code, m.Multiplier, m.FromBasePrice, m.Countries})
		}
		answer.Strategies = append(answer.Strategies, one)
	}
	return writeJSON(w, http.StatusOK, answer)
}

// applyStrategy puts a strategy in force, or tells what that would do.
func (s *Server) applyStrategy(w http.ResponseWriter, r *http.Request) error {
	actor, err := s.financeActor(r)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	q := newQuery(r)
	in := finance.StrategyInput{Code: mux.Vars(r)["strategy"], DryRun: q.Bool("dry_run")}
	if err := q.Err(); err != nil {
		return err
	}
	var body ruleRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	var faults []FieldError
	in.From = moment("valid_from", body.ValidFrom, &faults)
	if err := badBody(faults); err != nil {
		return err
	}
	print, err := s.fingerprint(r, []any{body, in.DryRun})
	if err != nil {
		return err
	}
	in.By = finance.By{Actor: actor, Reason: body.Reason, Idempotency: s.financeKey(actor, key, print)}
	p, err := s.Finance.SetStrategy(r.Context(), in)
	if errors.Is(err, finance.ErrNotFound) {
		return notFound("There is no such strategy.")
	}
	return s.writeProposal(w, r, newProposalResponse(in.DryRun, p.NeedsApproval, p.Effect, p.Change), err)
}

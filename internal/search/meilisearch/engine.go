package meilisearch

import (
	"context"
	"encoding/json"
	"fmt"

	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
	"meridian/internal/search/concept"
	"meridian/internal/search/language"
)

// An Engine searches an index of a server and writes nothing; it is used for other regions' servers. It implements
// search.Engine and is safe for concurrent use.
type Engine struct {
	server *server
	index  string
	words  language.Dictionaries
	// lexicon holds the words that documents have, as far as they were written or read by this process.
	lexicon *concept.Lexicon
}

var _ search.Engine = (*Engine)(nil)

// NewEngine returns an Engine, or an error if the configuration is invalid. It does not call the server. The key needs
// the action "search" on the index.
func NewEngine(cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return newEngine(newServer(cfg), cfg), nil
}

func newEngine(s *server, cfg Config) *Engine {
	return &Engine{server: s, index: cfg.Index, words: language.NewDictionaries(cfg.Words), lexicon: cfg.Lexicon}
}

// of returns the same engine for another index of the server.
func (e *Engine) of(index string) *Engine {
	other := *e
	other.index = index
	return &other
}

// Close closes connections. Later searches return search.ErrUnavailable.
func (e *Engine) Close() error {
	e.server.close()
	return nil
}

// Search implements search.Engine.
func (e *Engine) Search(ctx context.Context, q search.Query) (search.Result, error) {
	if err := q.Validate(); err != nil {
		return search.Result{}, err
	}
	if err := checkMarket(q); err != nil {
		return search.Result{}, err
	}
	words := e.words.Of(q.Languages()...)
	plan := concept.NewPlan(q, words)
	if err := plan.Expand(e.lexicon, words, q.Prefix); err != nil {
		return search.Result{}, err
	}
	asked := question{Query: q, index: e.index, plan: plan, typed: newTyped(plan, e.lexicon, words, q.Prefix), clauses: clausesOf(q)}
	counts := asked.counts()
	answers, err := e.ask(ctx, asked, counts)
	if err != nil {
		return search.Result{}, err
	}
	return asked.result(counts, answers)
}

// An answer is Meilisearch's answer to one of a question's counts.
type answer struct {
	hits  meili.Hits
	total int64
	// counts are the numbers of documents per value, by field.
	counts map[string]map[string]int
}

// ask sends all requests of a question at once, or those of a merged question one after another, since Meilisearch
// answers only one of those at a time.
func (e *Engine) ask(ctx context.Context, asked question, counts []count) ([]answer, error) {
	if !asked.merged() {
		return e.askPlain(ctx, asked, counts)
	}
	var answers []answer
	for _, c := range counts {
		a, err := e.askMerged(ctx, asked, c)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func (e *Engine) askPlain(ctx context.Context, asked question, counts []count) ([]answer, error) {
	response, err := e.send(ctx, func() *meili.MultiSearchRequest {
		return &meili.MultiSearchRequest{Queries: asked.requests(counts)}
	})
	if err != nil {
		return nil, err
	}
	if len(response.Results) != len(counts) {
		return nil, fmt.Errorf("search %s: %w: %d answers to %d questions",
			e.index, search.ErrUnavailable, len(response.Results), len(counts))
	}
	answers := make([]answer, 0, len(counts))
	for _, r := range response.Results {
		a := answer{hits: r.Hits, total: r.EstimatedTotalHits}
		if len(r.FacetDistribution) > 0 {
			if err := json.Unmarshal(r.FacetDistribution, &a.counts); err != nil {
				return nil, unreadable("the facets", err)
			}
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func (e *Engine) askMerged(ctx context.Context, asked question, c count) (answer, error) {
	response, err := e.send(ctx, func() *meili.MultiSearchRequest { return asked.mergedRequest(c) })
	if err != nil {
		return answer{}, err
	}
	a := answer{hits: response.Hits, total: response.EstimatedTotalHits, counts: make(map[string]map[string]int)}
	for field, distribution := range response.FacetDistribution {
		var values map[string]int
		if err := json.Unmarshal(distribution, &values); err != nil {
			return answer{}, unreadable("the facets", err)
		}
		a.counts[field] = values
	}
	return a, nil
}

// send searches. It builds the request anew for every try, since the client changes it.
func (e *Engine) send(ctx context.Context, request func() *meili.MultiSearchRequest) (*meili.MultiSearchResponse, error) {
	var response *meili.MultiSearchResponse
	err := e.server.do(ctx, searchTries, "search "+e.index, func(ctx context.Context) (err error) {
		response, err = e.server.MultiSearchWithContext(ctx, request())
		return err
	})
	return response, err
}

func unreadable(what string, err error) error {
	return fmt.Errorf("read %s: %w: %w", what, search.ErrUnavailable, err)
}

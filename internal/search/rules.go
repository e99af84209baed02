package search

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meridian/internal/database"
)

// The errors of query rules.
var (
	ErrRuleNotFound = errors.New("there is no such search rule")
	ErrRuleChanged  = errors.New("the search rule has changed since it was read")
	ErrTooManyRules = fmt.Errorf("there are %d search rules already", MaxRules)
)

// rulesEvery is how often each pod reads the query rules again: how long a new one may take to show.
const rulesEvery = 3 * time.Second

// ruleBook is the query rules in memory.
type ruleBook struct{ rules atomic.Pointer[[]Rule] }

// effect is what the rules do to the searches for a text: in the order of their ids.
func (b *ruleBook) effect(text, region string, at time.Time) effect {
	var does effect
	known := b.rules.Load()
	if known == nil {
		return does
	}
	for i := range *known {
		if r := &(*known)[i]; r.concerns(text, region, at) {
			does.add(r)
		}
	}
	return does
}

// PollRules reads the query rules once. While that fails, those known stay.
func (s *Searcher) PollRules(ctx context.Context) {
	rules, err := s.Rules(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.log.WarnContext(ctx, "the search rules cannot be read: those known stay", "error", err)
		}
		return
	}
	s.rules.rules.Store(&rules)
}

const ruleColumns = `id, definition, version, updated_by, updated_at`

func scanRule(row pgx.CollectableRow) (Rule, error) {
	var r Rule
	var text []byte
	if err := row.Scan(&r.ID, &text, &r.Version, &r.UpdatedBy, &r.UpdatedAt); err != nil {
		return Rule{}, err
	}
	err := r.decode(text)
	return r, err
}

// Rules lists all query rules by id: there are at most MaxRules. One round trip.
func (s *Searcher) Rules(ctx context.Context) ([]Rule, error) {
	rules, err := database.List(ctx, s.db, scanRule, `
SELECT `+ruleColumns+`
FROM search_rules
ORDER BY id
LIMIT $1::int8`, MaxRules)
	if err != nil {
		return nil, fmt.Errorf("list search rules: %w", err)
	}
	return rules, nil
}

// Rule returns a query rule, or ErrRuleNotFound. One round trip.
func (s *Searcher) Rule(ctx context.Context, id string) (Rule, error) {
	rule, err := database.One(ctx, s.db, scanRule, `
SELECT `+ruleColumns+`
FROM search_rules
WHERE id = $1`, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Rule{}, ErrRuleNotFound
	}
	if err != nil {
		return Rule{}, fmt.Errorf("get search rule: %w", err)
	}
	return rule, nil
}

// PutRule makes a query rule (Version 0) or replaces the one that has that version: ErrRuleChanged where it has another.
// It returns the rule as it is then. It may be repeated: the second time it is ErrRuleChanged. One round trip.
func (s *Searcher) PutRule(ctx context.Context, r Rule, regions []string) (Rule, error) {
	if err := r.Validate(regions); err != nil {
		return Rule{}, err
	}
	text, err := r.encode()
	if err != nil {
		return Rule{}, fmt.Errorf("write search rule: %w", err)
	}
	// A rule that is to be replaced must be there, a new one must have room.
	// $1 = id, $2 = definition, $3 = who, $4 = version that is replaced, $5 = most rules
	put, err := database.One(ctx, s.db, scanRule, `
INSERT INTO search_rules AS r (id, definition, updated_by)
SELECT $1::text, $2::jsonb, $3::text
WHERE EXISTS (SELECT 1 FROM search_rules o WHERE o.id = $1::text)
   OR $4::int8 = 0 AND (SELECT count(*) FROM search_rules) < $5::int8
ON CONFLICT (id) DO UPDATE
SET definition = excluded.definition, updated_by = excluded.updated_by, updated_at = now(),
    version = CASE WHEN r.version = $4::int8 THEN r.version + 1 ELSE -1 END
RETURNING `+ruleColumns, r.ID, text, r.UpdatedBy, r.Version, MaxRules)
	switch {
	case errors.Is(err, pgx.ErrNoRows) && r.Version > 0:
		return Rule{}, ErrRuleNotFound
	case errors.Is(err, pgx.ErrNoRows):
		return Rule{}, ErrTooManyRules
	case database.Violates(err, "search_rules_version_current"):
		return Rule{}, ErrRuleChanged
	case err != nil:
		return Rule{}, fmt.Errorf("put search rule: %w", err)
	}
	return put, nil
}

// DeleteRule deletes a query rule, or returns ErrRuleNotFound. One round trip.
func (s *Searcher) DeleteRule(ctx context.Context, id string) error {
	deleted := int64(0)
	err := s.db.Write(ctx, func(b *database.Batch) error {
		b.Queue(`
DELETE FROM search_rules
WHERE id = $1`, id).Exec(func(tag pgconn.CommandTag) error {
			deleted = tag.RowsAffected()
			return nil
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete search rule: %w", err)
	}
	if deleted == 0 {
		return ErrRuleNotFound
	}
	return nil
}

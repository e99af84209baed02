package search

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// rulesEvery is how often each pod reads the query rules: a new rule may take this long to apply.
const rulesEvery = 3 * time.Second

// effects returns the combined effects of the rules that apply to a text now, in the order of their ids.
func (s *Searcher) effects(text string) ruleEffects {
	var all ruleEffects
	known, now := s.rules.Load(), s.now()
	if known == nil {
		return all
	}
	for i := range *known {
		if r := &(*known)[i]; r.applies(text, s.region, now) {
			all.add(r)
		}
	}
	return all
}

// watchRules reads the query rules every rulesEvery until ctx ends. If that fails, the rules last read stay in force.
func (s *Searcher) watchRules(ctx context.Context) {
	database.NewWatch(database.WatchConfig{
		Poll: func(ctx context.Context) error {
			rules, err := s.Rules(ctx)
			if err == nil {
				s.rules.Store(&rules)
			}
			return err
		},
		MaxStaleness: rulesEvery, Every: rulesEvery,
		Warning: "the search rules cannot be read: the last known stay in force", Log: s.log,
	}).Run(ctx)
}

const ruleColumns = `id, definition, version, updated_by, updated_at`

func scanRule(row pgx.CollectableRow) (r Rule, err error) {
	var definition []byte
	if err := row.Scan(&r.ID, &definition, &r.Version, &r.UpdatedBy, &r.UpdatedAt); err != nil {
		return Rule{}, err
	}
	if err := json.Unmarshal(definition, &r); err != nil {
		return Rule{}, fmt.Errorf("read search rule %s: %w", r.ID, err)
	}
	return r, nil
}

// Rules returns all query rules by id, at most MaxRules. One round trip.
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

// PutRule creates a query rule (Version 0) or replaces the given version of one, and returns the stored rule. It fails
// with ErrRuleChanged if the rule has another version, which includes a repeated call. One round trip.
func (s *Searcher) PutRule(ctx context.Context, r Rule, regions []string) (Rule, error) {
	if err := r.Validate(regions); err != nil {
		return Rule{}, err
	}
	definition, err := json.Marshal(r)
	if err != nil {
		return Rule{}, fmt.Errorf("write search rule: %w", err)
	}
	// A rule to be replaced must exist; a new one must have room.
	// $1 = id, $2 = definition, $3 = who, $4 = version that is replaced, $5 = most rules
	put, err := database.One(ctx, s.db, scanRule, `
INSERT INTO search_rules AS r (id, definition, updated_by)
SELECT $1::text, $2::jsonb, $3::text
WHERE EXISTS (SELECT 1 FROM search_rules o WHERE o.id = $1::text)
   OR $4::int8 = 0 AND (SELECT count(*) FROM search_rules) < $5::int8
ON CONFLICT (id) DO UPDATE
SET definition = excluded.definition, updated_by = excluded.updated_by, updated_at = now(),
    version = CASE WHEN r.version = $4::int8 THEN r.version + 1 ELSE -1 END
RETURNING `+ruleColumns, r.ID, definition, r.UpdatedBy, r.Version, MaxRules)
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

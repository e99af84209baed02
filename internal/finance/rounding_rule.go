package finance

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

// RoundingRule is a version of a named rounding rule (money.Rounding).
type RoundingRule struct {
	Name         string     `json:"name"`
	ModulusMinor int64      `json:"modulus_minor"`
	EndingMinor  int64      `json:"ending_minor"`
	Mode         money.Mode `json:"mode"`
}

func (r *RoundingRule) kind() string    { return KindRounding }
func (r *RoundingRule) subject() string { return r.Name }

func (r *RoundingRule) rounding() money.Rounding {
	return money.Rounding{Name: r.Name, Modulus: r.ModulusMinor, Ending: r.EndingMinor, Mode: r.Mode}
}

func (r *RoundingRule) check(f *invalid.List, _ *pricing.Rules, _ time.Time) {
	if !codeText.MatchString(r.Name) {
		f.Add("name", "must be 1 to 63 of a-z, 0-9 and -, such as ending-99")
	}
	rounding := r.rounding()
	rounding.Name = KindRounding // which is checked above
	if err := rounding.Valid(); err != nil {
		field, remedy, _ := strings.Cut(err.Error(), ": ")
		f.Add(field, "%s", remedy)
	}
}

// old needs two people where markets round by the rule: how much it moves prices depends on
// each of them.
func (r *RoundingRule) old(rules *pricing.Rules, at time.Time, _ ApproveAbove) (any, bool) {
	before, ok := rules.Rounding(r.Name, at)
	if !ok {
		return nil, false
	}
	used := slices.ContainsFunc(rules.Markets(), func(m pricing.Market) bool {
		over := !m.Period.To.IsZero() && !m.Period.To.After(at)
		return !over && slices.Contains(slices.Collect(maps.Values(m.Rounding)), r.Name)
	})
	return RoundingRule{before.Name, before.Modulus, before.Ending, before.Mode}, used
}

func (r *RoundingRule) queue(b *database.Batch, from time.Time, change uuid.UUID) error {
	pricing.QueuePutRounding(b, pricing.RoundingRule{Rounding: r.rounding(), Period: pricing.Period{From: from}}, change)
	return nil
}

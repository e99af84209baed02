package changes

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
)

// The states of a change.
const (
	Pending  = "pending"
	Applied  = "applied"
	Rejected = "rejected"
)

// A Change is an entry of the audit.
type Change struct {
	ID            uuid.UUID
	Kind          string
	Subject       string // the list, currency, market, … that it is about
	Status        string
	NeedsApproval bool
	Reason        string
	// Old and New are what it was and what it is to be, as JSON objects; Effect is what the dry
	// run said of a bulk change.
	Old, New, Effect jsontext.Value
	RequestedBy      string
	RequestedAt      time.Time
	DecidedBy        string     // empty while nobody had to decide
	DecidedAt        *time.Time // when it was applied or rejected
}

// PublicID returns the change's public id.
func (c Change) PublicID() string { return regions.FormatGlobalID(regions.ChangePrefix, c.ID) }

// New returns a pending change. old and new are encoded as JSON; a nil old stands for nothing.
func New(kind, subject, actor, reason string, at time.Time, old, new any) (Change, error) {
	c := Change{ID: uuid.New(), Kind: kind, Subject: subject, Status: Pending, Reason: reason,
		RequestedBy: actor, RequestedAt: at, Old: jsontext.Value("{}"), Effect: jsontext.Value("{}")}
	var err error
	if old != nil {
		if c.Old, err = json.Marshal(old, json.Deterministic(true)); err != nil {
			return Change{}, fmt.Errorf("encode what it was: %w", err)
		}
	}
	if c.New, err = json.Marshal(new, json.Deterministic(true)); err != nil {
		return Change{}, fmt.Errorf("encode what it is to be: %w", err)
	}
	return c, nil
}

// Decided returns the change after a decision. by is empty where nobody had to decide.
func (c Change) Decided(status, by string, at time.Time) Change {
	c.Status, c.DecidedBy, c.DecidedAt = status, by, &at
	return c
}

// Queue adds the change to the batch of its effect. It may be repeated.
func (c Change) Queue(b *database.Batch) {
	c.QueueFrom(b, `SELECT @old::text::jsonb AS old`, database.Args{"old": string(c.Old)})
}

// QueueFrom is Queue for a change whose old state the database knows: source is a query with
// named arguments that yields it as the column old. Where it yields no row, nothing is written.
func (c Change) QueueFrom(b *database.Batch, source string, args database.Args) {
	b.QueueArgs(`
INSERT INTO price_changes (id, kind, subject, status, needs_approval, reason, old, new, effect,
  requested_by, requested_at, decided_by, decided_at)
SELECT @id::uuid, @kind::text, @subject::text, @status::text, @needs_approval::bool, @reason::text, s.old, @new::text::jsonb,
  @effect::text::jsonb, @requested_by::text, @requested_at::timestamptz, @decided_by::text, @decided_at::timestamptz
FROM (`+source+`) AS s
ON CONFLICT (id) DO NOTHING`, args.With(database.Args{
		"id": c.ID, "kind": c.Kind, "subject": c.Subject, "status": c.Status, "needs_approval": c.NeedsApproval, "reason": c.Reason,
		"new": string(c.New), "effect": string(c.Effect),
		"requested_by": c.RequestedBy, "requested_at": c.RequestedAt, "decided_by": c.DecidedBy, "decided_at": c.DecidedAt,
	}))
}

// QueueDecision stores the decision that c carries (Decided), and counts it into n: 0 where
// another was made before. It stands last in its batch, which fails where it runs later than
// latest (Late), nil being no bound, or within after the transaction began (TooSlow).
func (c Change) QueueDecision(b *database.Batch, latest *time.Time, within time.Duration, n *int64) {
	*n = 0
	// CHECKs refuse an unknown status, and an empty reason.
	database.Affected(b.QueueArgs(`
UPDATE price_changes
SET status = CASE WHEN clock_timestamp() > @latest::timestamptz THEN 'late' ELSE @status::text END,
  reason = CASE WHEN clock_timestamp() > now() + @within::int8 * INTERVAL '1 microsecond' THEN '' ELSE reason END,
  decided_by = @by, decided_at = @at
WHERE id = @id AND status = 'pending'`, database.Args{
		"id": c.ID, "status": c.Status, "by": c.DecidedBy, "at": c.DecidedAt, "latest": latest, "within": within.Microseconds(),
	}), n)
}

// Late reports whether a batch failed because its decision came too late.
func Late(err error) bool { return database.Violates(err, "price_changes_status_known") }

// TooSlow reports whether a batch failed because it took too long until its decision.
func TooSlow(err error) bool { return database.Violates(err, "price_changes_reason_given") }

// OwnApproval reports whether a batch failed because a change was approved by who asked for it.
func OwnApproval(err error) bool { return database.Violates(err, "price_changes_two_people") }

// PendingSQL is the condition that the change of the argument @change waits for its decision.
const PendingSQL = `EXISTS (SELECT 1 FROM price_changes pc WHERE pc.id = @change::uuid AND pc.status = 'pending')`

// AppliedSQL is the applied changes, as a table expression that takes an alias. Its columns are
// id, kind, subject and decided_at.
const AppliedSQL = `(SELECT pc.id, pc.kind, pc.subject, pc.decided_at FROM price_changes pc WHERE pc.status = 'applied')`

// QueueRulesChanged adds to the batch that changes a rule what tells every pod of it.
func QueueRulesChanged(b *database.Batch) {
	b.Queue(`
UPDATE pricing_state SET version = version + 1, changed_at = now()
WHERE id = 'rules'`)
}

// QueueVersion adds to a batch of reads the version of the rules.
func QueueVersion(b *database.Batch, into *int64) {
	b.Queue(`SELECT ` + VersionSQL).QueryRow(func(row pgx.Row) error { return row.Scan(into) })
}

// VersionSQL is the version of the rules, as a scalar expression.
const VersionSQL = `(SELECT rs.version FROM pricing_state rs WHERE rs.id = 'rules')`

package payment

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/regions"
)

// Suspect is a payment to be compared with the books of a provider. The shop may have no such payment.
type Suspect struct {
	Payment  regions.Ref `db:"payment_*"`
	Provider string
	// ProviderRef is the provider's own id of something that calls itself this payment and is not what the shop knows as it;
	// empty for the payment itself.
	ProviderRef string
}

// nominateAgain has a suspect that was nominated before looked at at once; orNominateAgain ends the insertion of suspects.
const (
	nominateAgain   = `nominated_at = now(), next_check_at = now(), attempts = 0`
	orNominateAgain = `ON CONFLICT (region, payment_id, provider, provider_ref) DO UPDATE SET ` + nominateAgain
)

// QueueNominate has workers of each payment's region compare it with its provider's books at once. Nothing is queued for
// no suspects.
func QueueNominate(b *database.Batch, suspects ...Suspect) {
	queueNominate(b, suspects, "true", nil)
}

// QueueNominateUnknown does what QueueNominate does if, when the batch runs, the shop has no refund of that id.
func QueueNominateUnknown(b *database.Batch, refund regions.Ref, suspect Suspect) {
	queueNominate(b, []Suspect{suspect}, `NOT EXISTS (SELECT 1 FROM refunds WHERE region = @refund_region AND id = @refund_id)`,
		database.Args{"refund_region": refund.Region, "refund_id": refund.ID})
}

// queueNominateFailed has the payment of a refund compared if that has failed: perhaps the provider refused it because
// somebody gave the money back there.
func queueNominateFailed(b *database.Batch, refund regions.Ref) {
	b.Queue(`
INSERT INTO payment_checks (region, payment_id, provider)
SELECT r.region, r.payment_id, p.provider
FROM refunds r
JOIN payments p ON p.region = r.region AND p.id = r.payment_id
WHERE r.region = $1 AND r.id = $2 AND r.status = 'failed'
`+orNominateAgain,
		refund.Region, refund.ID)
}

// QueueCompareAgain nominates a payment that is decided, and what calls itself that payment and differed before. found is
// raised by how many there are.
func QueueCompareAgain(b *database.Batch, payment regions.Ref, found *int64) {
	database.Affected(b.Queue(`
UPDATE payment_checks SET `+nominateAgain+`
WHERE region = $1 AND payment_id = $2`, payment.Region, payment.ID), found)
	database.Affected(b.Queue(`
INSERT INTO payment_checks (region, payment_id, provider)
SELECT region, id, provider
FROM payments
WHERE region = $1 AND id = $2 AND status NOT IN ('pending', 'requires_action')
ON CONFLICT (region, payment_id, provider, provider_ref) DO NOTHING`, payment.Region, payment.ID), found)
}

func queueNominate(b *database.Batch, suspects []Suspect, condition string, args database.Args) {
	if len(suspects) == 0 {
		return
	}
	b.QueueArgs(`
INSERT INTO payment_checks (region, payment_id, provider, provider_ref)
SELECT DISTINCT s.payment_region::crdb_internal_region, s.payment_id, s.provider, s.provider_ref
FROM `+database.Unnest[Suspect]("s")+`
WHERE `+condition+`
`+orNominateAgain,
		database.Columns(suspects).With(args))
}

// DueCheck is a suspect that a worker has claimed.
type DueCheck struct {
	Suspect
	NominatedAt time.Time
}

// checkClaim is how long a suspect is left alone once a worker has it: longer than the comparison takes.
const checkClaim = 5 * time.Minute

var checksDue = database.Claims{
	Table: "payment_checks", Key: []string{"payment_id", "provider", "provider_ref"},
	Where: "true", Due: "next_check_at", Wait: database.Backoff("t.attempts", checkClaim, 24*time.Hour),
	Returning: "t.region, t.payment_id, t.provider, t.provider_ref, t.nominated_at",
}

// ClaimChecks claims up to limit suspects that are due. The next look at one whose books still differ is later each time,
// up to a day.
func ClaimChecks(ctx context.Context, db *database.DB, of database.Reach, limit int) ([]DueCheck, error) {
	due, err := database.Claim(ctx, db, of, checksDue, func(row pgx.CollectableRow) (d DueCheck, err error) {
		err = row.Scan(&d.Payment.Region, &d.Payment.ID, &d.Provider, &d.ProviderRef, &d.NominatedAt)
		return d, err
	}, limit)
	if err != nil {
		return nil, fmt.Errorf("claim payments to compare: %w", err)
	}
	return due, nil
}

// RecordCheck writes down in what the books differ about a suspect that was claimed. Without a difference it is forgotten,
// unless it was nominated again meanwhile.
func RecordCheck(ctx context.Context, db *database.DB, due DueCheck, differences []Difference) error {
	text, err := json.Marshal(differences)
	if err != nil {
		return err
	}
	args := database.Args{
		"region": due.Payment.Region, "payment": due.Payment.ID, "provider": due.Provider, "ref": due.ProviderRef,
	}
	return db.WriteIdempotent(ctx, func(b *database.Batch) error {
		if len(differences) == 0 {
			b.QueueArgs(`
DELETE FROM payment_checks
WHERE region = @region AND payment_id = @payment AND provider = @provider AND provider_ref = @ref AND nominated_at = @nominated`,
				args.With(database.Args{"nominated": due.NominatedAt}))
			return nil
		}
		b.QueueArgs(`
UPDATE payment_checks SET differences = @differences::text::jsonb, found_at = coalesce(found_at, now())
WHERE region = @region AND payment_id = @payment AND provider = @provider AND provider_ref = @ref`,
			args.With(database.Args{"differences": database.Text(string(text))}))
		return nil
	})
}

// Finding is a suspect whose books differ, for a person.
type Finding struct {
	Suspect
	Differences []Difference
	FoundAt     time.Time
}

// QueueFindings adds to a batch the reading of payments whose books differ, at home in some regions, the oldest findings
// first.
func QueueFindings(b *database.Batch, homes []string, limit int, into *[]Finding) {
	b.Queue(`
SELECT c.region, c.payment_id, c.provider, c.provider_ref, c.differences, c.found_at
FROM payment_checks c
WHERE c.region::text = ANY($1::text[]) AND c.found_at IS NOT NULL
ORDER BY c.found_at, c.payment_id, c.provider_ref
LIMIT $2::int8`, homes, limit).Query(database.Collect(into, func(row pgx.CollectableRow) (f Finding, err error) {
		err = row.Scan(&f.Payment.Region, &f.Payment.ID, &f.Provider, &f.ProviderRef, &f.Differences, &f.FoundAt)
		return f, err
	}))
}

// Standing is how a payment stands in the shop's books, for the comparison of many.
type Standing struct {
	Ref           regions.Ref `db:"*"`
	Provider      string
	ProviderRef   string
	Currency      money.Currency
	CapturedMinor int64
}

// QueueStandings adds to a batch the reading of how payments stand. Those that the shop does not have are left out.
func QueueStandings(b *database.Batch, payments []regions.Ref, into *[]Standing) {
	b.QueueArgs(`
SELECT `+database.Select[Standing]("p")+`
FROM `+database.Unnest[regions.Ref]("w")+`
JOIN payments p ON p.region = w.region::crdb_internal_region AND p.id = w.id`, database.Columns(payments)).Query(
		database.Collect(into, database.Scan[Standing]))
}

// QueueRefundsOf adds to a batch the reading of all refunds of some payments.
func QueueRefundsOf(b *database.Batch, payments []regions.Ref, into *[]Refund) {
	b.QueueArgs(`
SELECT `+database.Select[Refund]("r")+`
FROM `+database.Unnest[regions.Ref]("w")+`
JOIN refunds r ON r.region = w.region::crdb_internal_region AND r.order_id = w.id`, database.Columns(payments)).Query(
		database.Collect(into, database.Scan[Refund]))
}

// GivenBack is a refund that the shop has as given back.
type GivenBack struct {
	Payment     regions.Ref
	ProviderRef string
}

// QueueGivenBack adds to a batch the reading of a provider's refunds in a region that were promised from one instant until
// just before another and succeeded.
func QueueGivenBack(b *database.Batch, region, provider string, from, until time.Time, into *[]GivenBack) {
	b.Queue(`
SELECT r.region, r.payment_id, r.provider_ref
FROM refunds r
JOIN payments p ON p.region = r.region AND p.id = r.payment_id
WHERE r.region = $1 AND p.provider = $2 AND r.created_at >= $3 AND r.created_at < $4 AND r.status = 'succeeded'`,
		region, provider, from, until).Query(database.Collect(into, func(row pgx.CollectableRow) (g GivenBack, err error) {
		err = row.Scan(&g.Payment.Region, &g.Payment.ID, &g.ProviderRef)
		return g, err
	}))
}

// QueuePendingThere adds to a batch the nomination of a provider's payments in a region with a refund that was made there
// and is pending, of which no notice may have told that it ended.
func QueuePendingThere(b *database.Batch, region, provider string) {
	b.Queue(`
INSERT INTO payment_checks (region, payment_id, provider)
SELECT DISTINCT r.region, r.payment_id, p.provider
FROM refunds r
JOIN payments p ON p.region = r.region AND p.id = r.payment_id
WHERE r.region = $1 AND p.provider = $2 AND r.status = 'pending' AND r.made_at_provider
`+orNominateAgain,
		region, provider)
}

// farAhead is when the worker that sends refunds is to send those that were made at the provider.
var farAhead = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// adopted is a refund that was made at the provider, as it is written.
type adopted struct {
	Refund
	NextAttemptAt time.Time
}

// QueueAdopt writes a refund that was made at the provider, whose id is AdoptedID. Unless it has failed, refunded_minor is
// raised, which its CHECK bounds by what was captured (TooLarge). The batch fails as well if the refund is written already
// (IsAdopted), or if the one in whose place it was made, if any, does not wait for another try any more (WasRetried).
func QueueAdopt(b *database.Batch, r Refund, inPlaceOf *uuid.UUID) {
	if r.counted() > 0 {
		queuePromise(b, r)
	}
	if inPlaceOf != nil {
		b.Queue(`
UPDATE refunds SET status = CASE status WHEN 'failed' THEN 'replaced' ELSE 'retried' END, updated_at = now()
WHERE region = $1 AND id = $2`, r.Ref.Region, *inPlaceOf)
	}
	r.MadeAtProvider = true
	database.QueueInsert(b, "refunds", []adopted{{r.withLines(), farAhead}})
}

// IsAdopted reports whether a batch failed because the refund is in the shop's books already.
func IsAdopted(err error) bool { return database.Violates(err, "refunds_pkey") }

// WasRetried reports whether a batch failed because the failed refund it takes the place of was tried again.
func WasRetried(err error) bool { return database.Violates(err, "refunds_status_known") }

// Reconciliation is how far a region's payments are compared with a provider's books.
type Reconciliation struct {
	Region       string
	Provider     string
	ReconciledTo time.Time
	RunTo        time.Time // the run goes on until there
	NextAt       time.Time
}

// stepClaim is how long a step of a reconciliation is left to who has claimed it: longer than a worker's pass.
const stepClaim = 3 * time.Minute

// ClaimReconciliation claims the next step of a reconciliation that is due, of those that are listed or were listed before;
// none is returned if none is due.
func ClaimReconciliation(ctx context.Context, db *database.DB, now time.Time, listed []Reconciliation) ([]Reconciliation, error) {
	err := db.WriteIdempotent(ctx, func(b *database.Batch) error {
		database.QueueInsert(b, "reconciliations", listed, "ON CONFLICT (region, provider) DO NOTHING")
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list reconciliations: %w", err)
	}
	claims := database.Claims{
		Table: "reconciliations", Key: []string{"provider"}, Where: "true", Due: "next_at",
		Wait: fmt.Sprint(int64(stepClaim / time.Second)), Returning: database.Select[Reconciliation]("t"), Now: now,
	}
	due, err := database.Claim(ctx, db, db.Own(), claims, database.Scan[Reconciliation], 1)
	if err != nil {
		return nil, fmt.Errorf("claim a reconciliation: %w", err)
	}
	return due, nil
}

// QueueReconciled records a step of a reconciliation, unless another has made it meanwhile: before is how it was claimed.
func QueueReconciled(b *database.Batch, before, after Reconciliation) {
	b.QueueArgs(`
UPDATE reconciliations SET reconciled_to = @reconciled_to, run_to = @run_to, next_at = @next_at, attempts = 0
WHERE region = @region AND provider = @provider AND reconciled_to = @before`, database.Args{
		"region": before.Region, "provider": before.Provider, "before": before.ReconciledTo,
		"reconciled_to": after.ReconciledTo, "run_to": after.RunTo, "next_at": after.NextAt,
	})
}

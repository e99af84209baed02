package account

import (
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
)

// The parts of other packages' statements and batches that read and write accounts and addresses.

// CustomersSQL is a table expression of all accounts for the FROM clauses of other packages: FROM `+CustomersSQL+` a.
// It offers the columns region, id, status and customer_group, which is empty for no group.
const CustomersSQL = `(SELECT region, id, status, customer_group FROM accounts)`

// QueueSetGroup puts an account that is not closed into a customer group; "" takes it out of its group.
func QueueSetGroup(b *database.Batch, account regions.Ref, group string) {
	b.Queue(`
UPDATE accounts
SET customer_group = $3, version = version + 1, updated_at = now()
WHERE region = $1 AND id = $2 AND status <> 'closed' AND customer_group <> $3`, account.Region, account.ID, group)
}

// Orderer is what a checkout asks of the account that makes it.
type Orderer struct {
	Ref regions.Ref `db:"*"`
	// Email is empty once the account is closed.
	Email        string
	Status       string // StatusActive, StatusSuspended or StatusClosed
	SessionEpoch int64
}

// QueueOrderers reads accounts for their checkouts, in one statement. into has those that exist.
func QueueOrderers(b *database.Batch, accounts []regions.Ref, into map[regions.Ref]Orderer) {
	if len(accounts) == 0 {
		return
	}
	b.QueueArgs(`
SELECT `+database.Select[Orderer]("a")+`
FROM `+database.Unnest[regions.Ref]("wanted")+`
JOIN accounts a ON a.region = wanted.region::crdb_internal_region AND a.id = wanted.id`,
		database.Columns(accounts)).Query(func(rows pgx.Rows) error {
		clear(into)
		found, err := pgx.CollectRows(rows, database.Scan[Orderer])
		for _, one := range found {
			into[one.Ref] = one
		}
		return err
	})
}

// QueueAddress reads an address of the account. It leaves into as it is where the account has no such address.
func QueueAddress(b *database.Batch, account, address regions.Ref, into *Address) {
	b.Queue(`
SELECT `+addressColumns+`
FROM addresses
WHERE region = $1 AND id = $2 AND account_id = $3 AND region = $4`,
		address.Region, address.ID, account.ID, account.Region).Query(database.CollectFirst(into, scanAddress))
}

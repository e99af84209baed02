package database

import "time"

// Engine is the database server's kind. Everything that differs between the two in the
// text of a statement is a method here that returns a clause, or nothing.
type Engine string

// The engines Meridian runs on.
const (
	PostgreSQL  Engine = "postgresql"
	CockroachDB Engine = "cockroach"
)

// EngineQuery asks the server whether it is CockroachDB.
const EngineQuery = `SELECT version() LIKE 'CockroachDB%'`

// FollowerRead returns the clause, after a FROM list, that lets the nearest replica answer a
// statement as of FollowerReadAge ago, without leaving the region. Nothing on PostgreSQL:
// there the answer is fresh.
func (e Engine) FollowerRead() string {
	if e == CockroachDB {
		return " AS OF SYSTEM TIME follower_read_timestamp()"
	}
	return ""
}

// FollowerReadAge returns how old the answer of a statement with FollowerRead is: CockroachDB's
// follower_read_timestamp() is 4.2 s ago.
func (e Engine) FollowerReadAge() time.Duration {
	if e == CockroachDB {
		return 4200 * time.Millisecond
	}
	return 0
}

// WholeTables is the statement that, at the start of a transaction on PostgreSQL, lets the
// others of it be planned for reading whole tables, as an audit does. Connections otherwise
// plan by keys there.
const WholeTables = `
SELECT set_config('plan_cache_mode', 'auto', true), set_config('enable_seqscan', 'on', true),
  set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)`

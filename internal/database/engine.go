package database

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

// FollowerRead is the clause, after a FROM list, that lets the nearest replica answer a
// statement from about five seconds ago. Nothing on PostgreSQL: there the answer is fresh.
func (e Engine) FollowerRead() string {
	if e == CockroachDB {
		return " AS OF SYSTEM TIME follower_read_timestamp()"
	}
	return ""
}

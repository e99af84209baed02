package database

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Engine is the database server's kind. Everything that differs between the two in the
// text of a statement is a method here that returns a clause, or nothing.
type Engine string

// The engines Meridian runs on.
const (
	PostgreSQL  Engine = "postgresql"
	CockroachDB Engine = "cockroach"
)

// VersionQuery asks the server for the text that EngineOf reads.
const VersionQuery = `SELECT version()`

// A release is the number of a server's version, as in 23.1.
type release struct{ major, minor int }

func (r release) String() string { return fmt.Sprintf("%d.%d", r.major, r.minor) }

// oldest holds the oldest server of each kind that Meridian runs on. Below CockroachDB 22.1 a batch
// without BEGIN is not atomic, and nobody is told; below 22.2 there is no SKIP LOCKED, no DELETE …
// USING and no TTL expression. 23.1 has them all.
var oldest = map[Engine]release{PostgreSQL: {15, 0}, CockroachDB: {23, 1}}

// title is an engine's name in messages.
var title = map[Engine]string{PostgreSQL: "PostgreSQL", CockroachDB: "CockroachDB"}

// serverVersion matches "PostgreSQL 15.18 (Debian …" and "CockroachDB CCL v23.1.11 (x86_64…".
var serverVersion = regexp.MustCompile(`^(PostgreSQL|CockroachDB)\D*?v?(\d+)(?:\.(\d+))?`)

// EngineOf returns the kind of the server that answered VersionQuery with a text. It returns an error,
// which names both versions, for a server that is older than Meridian needs, and for one that is neither.
func EngineOf(version string) (Engine, error) {
	parts := serverVersion.FindStringSubmatch(version)
	if parts == nil {
		return "", fmt.Errorf("the database server calls itself %.60q: use PostgreSQL %s or newer, or CockroachDB %s or newer",
			version, oldest[PostgreSQL], oldest[CockroachDB])
	}
	engine := PostgreSQL
	if parts[1] == title[CockroachDB] {
		engine = CockroachDB
	}
	var found release
	found.major, _ = strconv.Atoi(parts[2]) // digits, by the pattern
	found.minor, _ = strconv.Atoi(parts[3]) // or nothing, which is 0
	need := oldest[engine]
	if cmp.Or(cmp.Compare(found.major, need.major), cmp.Compare(found.minor, need.minor)) < 0 {
		return "", fmt.Errorf("the database server is %s %s, which is too old: Meridian needs %s or newer", title[engine], found, need)
	}
	return engine, nil
}

const followerRead = " AS OF SYSTEM TIME follower_read_timestamp()"

// FollowerRead returns the clause, after a FROM list, that lets the nearest replica answer a
// statement as of FollowerReadAge ago, without leaving the region. Nothing on PostgreSQL:
// there the answer is fresh.
func (e Engine) FollowerRead() string {
	if e == CockroachDB {
		return followerRead
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

// statementTimeout returns how long a statement may take unless the configuration says otherwise.
func (e Engine) statementTimeout() time.Duration {
	if e == CockroachDB {
		return 30 * time.Second
	}
	return 10 * time.Second
}

// groupTimeout returns how long the service of a group may take unless the configuration says otherwise.
func (e Engine) groupTimeout() time.Duration {
	if e == CockroachDB {
		return 10 * time.Second
	}
	return 4 * time.Second
}

// WholeTables is the statement that, at the start of a transaction on PostgreSQL, lets the
// others of it be planned for reading whole tables, as an audit does. Connections otherwise
// plan by keys there.
const WholeTables = `
SELECT set_config('plan_cache_mode', 'auto', true), set_config('enable_seqscan', 'on', true),
  set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)`

package database

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// Violates reports whether err is the database's refusal to break the named constraint,
// index or foreign key. Domains map it to their own error.
func Violates(err error, constraint string) bool {
	return constraint != "" && violated(err) == constraint
}

// violated returns the name of the constraint that err is about, or "".
func violated(err error) string {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return ""
	}
	switch pgErr.Code {
	case "23505", "23514", "23503": // unique, check, foreign key
		return pgErr.ConstraintName
	}
	return ""
}

// Unavailable reports whether err says that the database cannot serve now, rather than
// that the call was wrong: no connection, too many of them, a timeout, retries exhausted,
// too many callers or an outcome nobody knows. The caller may try again.
func Unavailable(err error) bool {
	var exhausted *RetriesExhaustedError
	var connect *pgconn.ConnectError
	if errors.As(err, &exhausted) || errors.As(err, &connect) || errors.Is(err, ErrOutcomeUnknown) || errors.Is(err, ErrBusy) {
		return true
	}
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err != nil && isConnectionLoss(err)
	}
	switch pgErr.Code {
	case "53300", "53200", "53400", "57014", "57P01", "57P02", "57P03", "58C00", "58C01", "25P03":
		return true
	}
	return len(pgErr.Code) == 5 && pgErr.Code[:2] == "08"
}

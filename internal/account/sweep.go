package account

import (
	"context"
	"errors"
	"time"

	"meridian/internal/database"
)

// SweepOnce deletes up to limit each of the refresh tokens and of the counts of wrong passwords of this process's region that
// have expired, and says how many.
func (a *Accounts) SweepOnce(ctx context.Context, limit int) (int, error) {
	now := time.Now()
	tokens, err1 := database.SweepExpired(ctx, a.db, "refresh_tokens", "region, id", now, limit)
	guesses, err2 := database.SweepExpired(ctx, a.db, "sign_in_guesses", "region, email_hash, source", now, limit)
	return tokens + guesses, errors.Join(err1, err2)
}

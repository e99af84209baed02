package account

import (
	"context"
	"time"

	"meridian/internal/database"
)

// SweepOnce deletes up to limit refresh tokens of this process's region that have expired and says how many.
func (a *Accounts) SweepOnce(ctx context.Context, limit int) (int, error) {
	return database.SweepExpired(ctx, a.db, "refresh_tokens", "region, id", time.Now(), limit)
}

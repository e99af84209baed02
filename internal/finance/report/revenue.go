package report

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/pricing"
)

// Write writes the revenue of a range as CSV, with a header, rows by day, market and currency.
// It writes while it reads. Nothing has been written when it fails with *invalid.Error, for a
// range that is not valid or a market that there never was.
func Write(ctx context.Context, db *database.DB, w io.Writer, r Range) error {
	if err := r.Validate(); err != nil {
		return err
	}
	if err := checkMarket(ctx, db, r.Market); err != nil {
		return err
	}
	out := printer{csv: csv.NewWriter(w)}
	if err := out.header(); err != nil {
		return fmt.Errorf("write revenue report: %w", err)
	}
	if err := eachEvent(ctx, db, r, out.add); err != nil {
		return fmt.Errorf("read revenue: %w", err)
	}
	if err := out.end(); err != nil {
		return fmt.Errorf("write revenue report: %w", err)
	}
	return nil
}

// checkMarket refuses the code of a market that there never was: its report would be empty, as
// if nothing had been sold.
func checkMarket(ctx context.Context, db *database.DB, code string) error {
	if code == "" {
		return nil
	}
	known, err := pricing.HadMarket(ctx, db, code)
	if err != nil {
		return err
	}
	if !known {
		return invalid.New("report", "market", "must be the code of a market, such as eu")
	}
	return nil
}

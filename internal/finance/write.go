package finance

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"meridian/internal/database"
	"meridian/internal/pricing"
)

// Export writes the prices of a list as a file that ReadLines reads: those in force at a moment,
// or, where that is zero, all there ever were and are to come. The file changes nothing when it
// is given back as it is. What was withdrawn before it came in force is left out. Nothing is
// written before the first prices have been read. A round trip for each few thousand prices.
func (f *Finance) Export(ctx context.Context, to io.Writer, format Format, list pricing.List, at time.Time) error {
	write, flush := entryWriter(to, format)
	filter := EntryFilter{List: list.Code, At: at, PageFilter: database.PageFilter[EntryPosition]{Limit: linesAtOnce}}
	for {
		page, err := f.Entries(ctx, filter)
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			if e.withdrawn() {
				continue
			}
			if err := write(e); err != nil {
				return fmt.Errorf("write prices: %w", err)
			}
		}
		if page.Next == nil {
			break
		}
		filter.After = page.Next
	}
	if err := flush(); err != nil {
		return fmt.Errorf("write prices: %w", err)
	}
	return nil
}

// entryWriter writes a line for each price, through a buffer.
func entryWriter(to io.Writer, format Format) (write func(Entry) error, flush func() error) {
	if format == FormatCSV {
		w := csv.NewWriter(to)
		_ = w.Write(csvColumns) // into its buffer
		write = func(e Entry) error {
			return w.Write([]string{
				e.SKU, strconv.FormatInt(e.MinQuantity, 10), strconv.FormatInt(e.AmountMinor, 10), timeText(e.Period.From), timeText(e.Period.To),
			})
		}
		return write, func() error { w.Flush(); return w.Error() }
	}
	out := bufio.NewWriter(to)
	write = func(e Entry) error {
		err := json.MarshalWrite(out, writtenLine{e.SKU, e.MinQuantity, e.AmountMinor, timeText(e.Period.From), timeText(e.Period.To)})
		if err == nil {
			err = out.WriteByte('\n')
		}
		return err
	}
	return write, out.Flush
}

// writtenLine is a price as it is written: ndjsonLine reads it.
type writtenLine struct {
	SKU         string `json:"sku"`
	MinQuantity int64  `json:"min_quantity"`
	AmountMinor int64  `json:"amount_minor"`
	ValidFrom   string `json:"valid_from"`
	ValidTo     string `json:"valid_to,omitzero"`
}

// timeText returns a time as files have it, empty for none.
func timeText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

package indexer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// renew renders a page of documents again whose prices may have moved by themselves. busy is true where there are more.
func (f *feed) renew(ctx context.Context) (busy bool, err error) {
	// What is set aside would be due for ever: the index still has what was before.
	due, err := f.index.Due(ctx, f.Prices.Moment(), f.Page+len(f.aside))
	if err != nil {
		return false, fmt.Errorf("ask which documents are due: %w", err)
	}
	due = slices.DeleteFunc(due, func(id uuid.UUID) bool { return f.aside[id] })
	due = due[:min(len(due), f.Page)]
	if err := f.writeProducts(ctx, due, nil); err != nil {
		return false, err
	}
	if busy = len(due) == f.Page; !busy {
		f.renewed = time.Now()
	}
	return busy, nil
}

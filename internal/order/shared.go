package order

import "context"

// work is a call that shares a transaction with others of its lane: a checkout or the
// settling of a payment. Both kinds share lanes, as they want the same stock rows.
type work struct {
	place  *placing
	settle *settling
}

// serve does a group of calls, the settlements first: orders that wait for nothing but a
// stroke of the pen.
func (o *Orders) serve(ctx context.Context, group []*work) {
	var settlements []*settling
	var checkouts []*placing
	for _, w := range group {
		if w.settle != nil {
			settlements = append(settlements, w.settle)
		} else {
			checkouts = append(checkouts, w.place)
		}
	}
	o.settleTogether(ctx, settlements)
	ctx, cancel := o.shared.Again(ctx) // whatever the settlements had to wait for
	defer cancel()
	o.placeTogether(ctx, checkouts)
}

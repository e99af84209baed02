package database

// A Page is a part of a listing. P is a position in the listing's order.
type Page[T, P any] struct {
	Items []T
	// Next is the position of the last item; nil if no item follows it.
	Next *P
}

// A PageFilter says which part of a listing to return. Filters of listings embed it.
type PageFilter[P any] struct {
	// After is the Next of the page before; nil asks for the first page.
	After *P
	// Limit is the most items to return, 1 or more.
	Limit int
}

// Start returns After, or the zero position for the first page.
func (f PageFilter[P]) Start() P {
	if f.After == nil {
		var first P
		return first
	}
	return *f.After
}

// Rows returns how many rows to read for a page: one more than it holds tells whether another page follows.
func (f PageFilter[P]) Rows() int { return f.Limit + 1 }

// NewPage returns the page of the rows that were read for a filter, at most f.Rows().
func NewPage[T, P any](f PageFilter[P], rows []T, position func(T) P) Page[T, P] {
	if len(rows) <= f.Limit {
		return Page[T, P]{Items: rows}
	}
	next := position(rows[f.Limit-1])
	return Page[T, P]{Items: rows[:f.Limit], Next: &next}
}

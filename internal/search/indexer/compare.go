package indexer

import (
	"context"
	"time"

	"github.com/google/uuid"

	"meridian/internal/search"
)

// Difference is how an index differs from the database in a product.
type Difference string

// The differences.
const (
	Missing      Difference = "missing"       // the product is not in the index
	Extra        Difference = "extra"         // it is, and should not be
	OlderVersion Difference = "older version" // the index has a version before the product's
	OtherContent Difference = "other content" // the version is the same: a price, stock, a rating, a category's name
	CannotBe     Difference = "cannot be"     // no document can be made of it, or the engine refuses it
)

// Comparison is what comparing an index with the database has found.
type Comparison struct {
	// Compared is how many products were looked at.
	Compared int `json:"compared"`
	// Differences are how many products differ, by how they do.
	Differences map[Difference]int `json:"differences,omitempty"`
	// Examples are the first of them.
	Examples []Differing `json:"examples,omitempty"`
	// Mended were put right; Left were not: they are set aside, or it was a dry run.
	Mended int `json:"mended"`
	Left   int `json:"left"`
	// After is the product that it is behind.
	After uuid.UUID `json:"after"`
}

// Differing is a product that differs.
type Differing struct {
	Product uuid.UUID  `json:"product"`
	What    Difference `json:"what"`
	// Reason is why it cannot be in the index, where that is so.
	Reason string `json:"reason,omitempty"`
}

// maxExamples bounds the products that are named.
const maxExamples = 20

// Total is how many products differ.
func (c Comparison) Total() int {
	n := 0
	for _, count := range c.Differences {
		n += count
	}
	return n
}

func (c *Comparison) add(d Differing) {
	if c.Differences == nil {
		c.Differences = make(map[Difference]int)
	}
	c.Differences[d.What]++
	if len(c.Examples) < maxExamples {
		c.Examples = append(c.Examples, d)
	}
}

// comparing walks over all products and holds the index against the database. Edits go on meanwhile: what differs is
// looked at again once the feed has caught up, and counts if it differs still, and nobody has changed it since.
type comparing struct {
	*Indexer
	feed  *feed
	mend  bool
	found Comparison
	total int
}

func (c *comparing) state() State { return StateComparing }

func (c *comparing) progress(j *Job) {
	j.Done, j.Total, j.Comparison = c.found.Compared, c.total, c.found
}

// step compares a page. It waits while the index is filled or swept: that finds the same differences, and mends them.
func (c *comparing) step(ctx context.Context) (done bool, err error) {
	if !c.feed.swept() {
		return false, nil
	}
	if c.total == 0 {
		if c.total, err = c.countActive(ctx); err != nil {
			return false, err
		}
	}
	p, suspects, err := c.differing(ctx)
	if err != nil {
		return false, err
	}
	if len(suspects) > 0 {
		if c.rules, err = c.readRules(ctx); err != nil || !c.feed.swept() {
			return false, err
		}
	}
	left, err := c.put(ctx, p, suspects)
	if err != nil {
		return false, err
	}
	for id, s := range suspects {
		d := Differing{Product: id, What: s.what, Reason: s.reason}
		if reason, refused := left[id]; refused {
			d.What, d.Reason = CannotBe, reason
		}
		c.found.add(d)
		if c.mend && d.What != CannotBe {
			c.found.Mended++
		} else {
			c.found.Left++
		}
	}
	c.found.Compared += len(p.ids)
	c.found.After = p.last
	return p.isLast, nil
}

// suspect is a product that differs at a look: how, and what it should be, so that another look tells whether that has
// changed.
type suspect struct {
	what        Difference
	reason      string
	fingerprint string
}

// maxLooks bounds how often a page is looked at for what is edited all the time: that is the feed's business.
const maxLooks = 5

// differing is the next page with the products that differ in it, and go on to.
func (c *comparing) differing(ctx context.Context) (p page, confirmed map[uuid.UUID]suspect, err error) {
	var before map[uuid.UUID]suspect
	for range maxLooks {
		if p, err = c.feed.readPage(ctx, c.found.After); err != nil {
			return page{}, nil, err
		}
		suspects := p.suspects()
		confirmed = make(map[uuid.UUID]suspect, len(suspects))
		for id, s := range suspects {
			if before[id] == s {
				confirmed[id] = s
			}
		}
		if len(confirmed) == len(suspects) {
			break
		}
		before = suspects
		if err := c.feed.catchUp(ctx); err != nil {
			return page{}, nil, err
		}
	}
	return p, confirmed, nil
}

// suspects are the products of a page that differ now.
func (p page) suspects() map[uuid.UUID]suspect {
	found := make(map[uuid.UUID]suspect)
	for _, d := range p.rendered.documents {
		e, there := p.entries[d.ID]
		want := d.Fingerprint()
		switch {
		case !there:
			found[d.ID] = suspect{what: Missing, fingerprint: want}
		case e.Fingerprint != want && e.Version < d.Version:
			found[d.ID] = suspect{what: OlderVersion, fingerprint: want}
		case e.Fingerprint != want:
			found[d.ID] = suspect{what: OtherContent, fingerprint: want}
		}
	}
	for id := range p.extra() {
		found[id] = suspect{what: Extra}
	}
	for _, r := range p.rendered.faulty {
		found[r.id] = suspect{what: CannotBe, reason: r.reason}
	}
	return found
}

// put makes of the suspects what they should be, and returns those that the index refuses, with the reason.
func (c *comparing) put(ctx context.Context, p page, suspects map[uuid.UUID]suspect) (left map[uuid.UUID]string, err error) {
	if !c.mend || len(suspects) == 0 {
		return nil, nil
	}
	var changes search.Changes
	for _, d := range p.rendered.documents {
		if _, differs := suspects[d.ID]; differs {
			changes.Put = append(changes.Put, d)
		}
	}
	for id, s := range suspects {
		if s.what == Extra {
			changes.Delete = append(changes.Delete, id)
		}
	}
	if err := c.feed.write(ctx, changes, p.rendered.faulty); err != nil {
		return nil, err
	}
	left = make(map[uuid.UUID]string)
	for _, d := range changes.Put {
		if c.aside[d.ID] {
			left[d.ID] = "the engine refuses it: see meridian search status"
		}
	}
	return left, nil
}

// catchUp follows until everything that was committed before the call is in the index, and nothing in it is due.
func (f *feed) catchUp(ctx context.Context) error {
	for _, follower := range f.followers {
		follower.pass, follower.fullCost, follower.ended = nil, 0, time.Time{} // the next pass is a full one, now
	}
	for more := true; more; {
		var err error
		if more, err = f.follow(ctx); err != nil {
			return err
		}
	}
	for busy := true; busy; {
		var err error
		if busy, err = f.renew(ctx); err != nil {
			return err
		}
	}
	return nil
}

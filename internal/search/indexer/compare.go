package indexer

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Difference is how an index differs from the database in a product.
type Difference string

// The differences.
const (
	Missing      Difference = "missing"       // the product is not in the index
	Extra        Difference = "extra"         // the product is in the index and should not be
	OlderVersion Difference = "older version" // the index has an older version of the product
	OtherContent Difference = "other content" // of the same version: a price, stock, a rating, a category's name
	CannotBe     Difference = "cannot be"     // the product has no valid document, or the engine refuses it
)

// Comparison is the result of comparing an index with the database.
type Comparison struct {
	// Compared is the number of products compared.
	Compared int `json:"compared"`
	// Differences are the numbers of products that differ, by kind.
	Differences map[Difference]int `json:"differences,omitempty"`
	// Examples are the first products that differ.
	Examples []Differing `json:"examples,omitempty"`
	// Mended is the number of products that were corrected. Left is the number that were not: they were set aside, or
	// it was a dry run.
	Mended int `json:"mended"`
	Left   int `json:"left"`
	// After is the last product that was compared.
	After uuid.UUID `json:"after"`
}

// Differing is a product that differs.
type Differing struct {
	Product uuid.UUID  `json:"product"`
	What    Difference `json:"what"`
	// Reason is why the product cannot be in the index.
	Reason string `json:"reason,omitempty"`
}

// maxExamples bounds Comparison.Examples.
const maxExamples = 20

// Total returns the number of products that differ.
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

// comparing walks over all products and compares the index with the database. Products may be edited meanwhile: one
// that differs is compared again once the feed has caught up, and counts if it still differs and was not edited in
// between.
type comparing struct {
	*Indexer
	feed  *feed
	mend  bool
	found Comparison
	total int
}

// comparingLive compares the live index between the steps of its feed, since it may write to the index too.
type comparingLive struct{ comparing }

// step compares a page.
func (c *comparingLive) step(ctx context.Context) (done bool, err error) {
	c.feeding.Lock()
	defer c.feeding.Unlock()
	if c.live == nil || c.live.positions == nil {
		return false, errWaiting
	}
	c.feed = c.live
	return c.comparing.step(ctx)
}

func (c *comparing) state() State { return StateComparing }

func (c *comparing) progress(j *Job) {
	j.Done, j.Total, j.Comparison = c.found.Compared, c.total, c.found
}

// step compares a page. It waits while the index is filled or swept, which finds and corrects the same differences.
func (c *comparing) step(ctx context.Context) (done bool, err error) {
	if !c.feed.swept() {
		return false, errWaiting
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
	refused, err := c.mendPage(ctx, p, suspects)
	if err != nil {
		return false, err
	}
	for id, s := range suspects {
		d := Differing{Product: id, What: s.what, Reason: s.reason}
		if reason, ok := refused[id]; ok {
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

// suspect is a product that was found to differ: how, and what it should be, so that comparing it again shows whether
// that has changed.
type suspect struct {
	what        Difference
	reason      string
	fingerprint string
}

// maxReads bounds how often a page is compared if its products are edited all the time; then the feed corrects them.
const maxReads = 5

// differing returns the next page, and the products in it that differ and are not being edited.
func (c *comparing) differing(ctx context.Context) (p page, confirmed map[uuid.UUID]suspect, err error) {
	var before map[uuid.UUID]suspect
	for range maxReads {
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

// suspects returns the products of a page that differ now.
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
	for _, r := range p.rendered.invalid {
		found[r.id] = suspect{what: CannotBe, reason: r.reason}
	}
	return found
}

// mendPage corrects the products that differ, and returns those that the index refuses with the reason.
func (c *comparing) mendPage(ctx context.Context, p page, suspects map[uuid.UUID]suspect) (left map[uuid.UUID]string, err error) {
	if !c.mend || len(suspects) == 0 {
		return nil, nil
	}
	changes := p.mending(suspects, nil)
	if err := c.feed.write(ctx, changes, p.rendered.invalid); err != nil {
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

// catchUp follows changes until everything committed before the call is in the index, and nothing in it is due.
func (f *feed) catchUp(ctx context.Context) error {
	for _, follower := range f.followers {
		follower.pass, follower.fullCost, follower.ended = nil, 0, time.Time{} // the next pass is a full one, now
	}
	for _, step := range []func(context.Context) (bool, error){f.follow, f.renderDue} {
		for more := true; more; {
			var err error
			if more, err = step(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

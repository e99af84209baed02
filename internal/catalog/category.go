package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/maypok86/otter/v2"

	"meridian/internal/database"
)

// A Category is a node of the tree that products are placed in.
type Category struct {
	ID string
	// ParentID is empty for a root.
	ParentID string
	Slug     string
	Name     string
	// Path is the ids from the root, between slashes: "/hg/hg-3/hg-3-57/".
	Path string
	// Level is 1 for a root.
	Level int64
	// Position orders siblings, then their names do.
	Position int64
}

// ancestors returns the ids from the root down to the category itself.
func (c Category) ancestors() []string { return strings.Split(strings.Trim(c.Path, "/"), "/") }

// A Tree is all the categories at one moment. It is shared and never changes.
type Tree struct {
	// State differs from that of every other state of the tree.
	State    string
	byID     map[string]Category
	children map[string][]Category
}

// Roots returns the categories without a parent, in order.
func (t *Tree) Roots() []Category { return t.children[""] }

// Children returns the categories right below one, in order.
func (t *Tree) Children(id string) []Category { return t.children[id] }

// Get returns a category; ok is false when there is none with that id.
func (t *Tree) Get(id string) (category Category, ok bool) {
	category, ok = t.byID[id]
	return category, ok
}

// Ancestors returns the categories from the root down to the one with that id, itself last;
// nil when there is none.
func (t *Tree) Ancestors(id string) []Category {
	category, ok := t.byID[id]
	if !ok {
		return nil
	}
	var chain []Category
	for _, id := range category.ancestors() {
		chain = append(chain, t.byID[id])
	}
	return chain
}

// Len returns the number of categories.
func (t *Tree) Len() int { return len(t.byID) }

// Categories returns the category tree. It makes no round trip when the tree is in memory,
// else one. The answer is at most MaxStaleness old.
func (c *Catalog) Categories(ctx context.Context) (*Tree, error) {
	if !c.cache.mayAnswer() {
		return c.loadTree(ctx, treeKey{})
	}
	return c.cache.tree.Get(ctx, treeKey{}, otter.LoaderFunc[treeKey, *Tree](c.loadTree))
}

// loadTree reads the whole tree: some fifteen thousand rows at most, as a taxonomy has.
func (c *Catalog) loadTree(ctx context.Context, _ treeKey) (*Tree, error) {
	var state string
	var categories []Category
	err := c.db.Read(ctx, func(b *database.Batch) error {
		b.Queue(treeStateQuery).QueryRow(func(row pgx.Row) error {
			var at time.Time
			return row.Scan(&at, &state)
		})
		b.Queue(categoriesQuery).Query(database.Collect(&categories, scanCategory))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the category tree: %w", err)
	}
	return newTree(state, categories), nil
}

const categoriesQuery = `
SELECT id, coalesce(parent_id, ''), slug, name, path, level, position
FROM categories`

func scanCategory(row pgx.CollectableRow) (c Category, err error) {
	err = row.Scan(&c.ID, &c.ParentID, &c.Slug, &c.Name, &c.Path, &c.Level, &c.Position)
	return c, err
}

func newTree(state string, categories []Category) *Tree {
	t := &Tree{State: state, byID: make(map[string]Category, len(categories)), children: make(map[string][]Category)}
	for _, c := range categories {
		t.byID[c.ID] = c
		t.children[c.ParentID] = append(t.children[c.ParentID], c)
	}
	for _, siblings := range t.children {
		slices.SortFunc(siblings, func(a, b Category) int {
			return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
		})
	}
	return t
}

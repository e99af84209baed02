package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
)

// CategoryInput is a category to add or change.
type CategoryInput struct {
	// ID is 1 to 64 letters, digits, hyphens and underscores.
	ID string
	// ParentID is empty for a root. The parent must be there, or come in the same call.
	ParentID string
	Name     string
	Position int64
}

const (
	// maxCategories bounds one call.
	maxCategories = 50_000
	// maxLevel bounds how deep the tree may be.
	maxLevel = 20
)

var categoryIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// UpsertCategories adds and changes categories, all or none, and returns how many were not
// so already. Products stay where they are and are listed in the new ancestors. It returns
// *invalid.Error for an unknown parent, a circle and whatever else is wrong. It may be
// repeated; it is an interactive transaction, for administrators.
func (c *Catalog) UpsertCategories(ctx context.Context, inputs []CategoryInput) (changed int, err error) {
	if err := validateCategories(inputs); err != nil {
		return 0, err
	}
	err = c.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, categoriesQuery)
		if err != nil {
			return err
		}
		old, err := pgx.CollectRows(rows, scanCategory)
		if err != nil {
			return err
		}
		plan, err := planCategories(newTree("", old), inputs)
		if err != nil {
			return err
		}
		changed = len(plan.changed)
		if changed == 0 {
			return nil
		}
		var b database.Batch
		plan.queue(&b)
		return tx.SendBatch(ctx, &b.Batch).Close()
	})
	if err != nil {
		return 0, fmt.Errorf("upsert categories: %w", err)
	}
	c.cache.forgetAll()
	return changed, nil
}

func validateCategories(inputs []CategoryInput) error {
	var f invalid.List
	if len(inputs) == 0 || len(inputs) > maxCategories {
		f.Add("categories", "must be 1 to %d", maxCategories)
		return f.Err("category list")
	}
	first := make(map[string]int, len(inputs))
	for i, in := range inputs {
		field := "categories[" + strconv.Itoa(i) + "]"
		if !categoryIDPattern.MatchString(in.ID) {
			f.Add(field+".id", "must be 1 to 64 letters, digits, hyphens and underscores")
		}
		checkText(&f, field+".name", in.Name, 1, 200)
		if earlier, twice := first[in.ID]; twice {
			f.Add(field+".id", "is also categories[%d]: give each category once", earlier)
		}
		first[in.ID] = i
	}
	return f.Err("category list")
}

// A categoryPlan is what an upsert changes.
type categoryPlan struct {
	changed []Category
	// moved are the changed categories, and those below them, whose ancestors changed.
	moved []string
}

// planCategories works out paths and levels of the tree as it will be.
func planCategories(old *Tree, inputs []CategoryInput) (categoryPlan, error) {
	after := make(map[string]Category, old.Len()+len(inputs))
	for id, category := range old.byID {
		after[id] = category
	}
	for _, in := range inputs {
		category, known := after[in.ID]
		if !known {
			category.Slug = categorySlug(in)
		}
		category.ID, category.ParentID, category.Name, category.Position = in.ID, in.ParentID, in.Name, in.Position
		after[in.ID] = category
	}
	var f invalid.List
	for i, in := range inputs {
		if err := checkAncestors(after, in.ID); err != "" {
			f.Add("categories["+strconv.Itoa(i)+"].parent", "%s", err)
		}
	}
	if err := f.Err("category list"); err != nil {
		return categoryPlan{}, err
	}
	return newCategoryPlan(old, newTree("", slices.Collect(maps.Values(after)))), nil
}

// categorySlug returns the slug of a new category: its name and its id, which is unique. The
// name's slug has no double hyphen, so no two categories get the same.
func categorySlug(in CategoryInput) string {
	return cmp.Or(slugOf(in.Name), "c") + "--" + in.ID
}

// checkAncestors says what is wrong with the chain of parents of a category, or "".
func checkAncestors(categories map[string]Category, id string) string {
	for level := 0; id != ""; level++ {
		category, ok := categories[id]
		switch {
		case !ok:
			return fmt.Sprintf("names category %s, which is not there: add it first", id)
		case level == maxLevel:
			return fmt.Sprintf("must not make a circle, nor a tree of more than %d levels", maxLevel)
		}
		id = category.ParentID
	}
	return ""
}

// newCategoryPlan compares the trees; after lacks paths and levels, which it sets from the
// roots down.
func newCategoryPlan(old, after *Tree) (plan categoryPlan) {
	var walk func(parent Category)
	walk = func(parent Category) {
		for _, category := range after.Children(parent.ID) {
			category.Level = parent.Level + 1
			category.Path = parent.Path + category.ID + "/"
			before, known := old.Get(category.ID)
			if before != category {
				plan.changed = append(plan.changed, category)
			}
			if known && before.Path != category.Path {
				plan.moved = append(plan.moved, category.ID)
			}
			walk(category)
		}
	}
	walk(Category{Path: "/"})
	return plan
}

// categoryRow is a row of categories.
type categoryRow struct {
	ID              string
	ParentID        string `sql:"nullif(r.parent_id, '')"`
	Slug            string
	Name, Path      string
	Level, Position int64
}

func (plan categoryPlan) queue(b *database.Batch) {
	rows := make([]categoryRow, len(plan.changed))
	for i, c := range plan.changed {
		rows[i] = categoryRow(c)
	}
	database.QueueInsert(b, "categories", rows, `ON CONFLICT (id) DO UPDATE
SET parent_id = excluded.parent_id, name = excluded.name, path = excluded.path, level = excluded.level,
    position = excluded.position, updated_at = now()`)
	if len(plan.moved) > 0 {
		queueRelist(b, `p.category_id = ANY($1::text[])`, plan.moved)
	}
}

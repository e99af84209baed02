package shipped

import (
	"fmt"
	"strconv"
)

// Categories is the part of the Shopify product taxonomy that the shipped products use:
// every category with a rule, and all its ancestors. Parents stand before their children.
func Categories() ([]Category, error) {
	rows, err := readTable("categories.csv")
	if err != nil {
		return nil, err
	}
	categories := make([]Category, len(rows))
	for i, row := range rows {
		level, err := strconv.Atoi(row["level"])
		if err != nil {
			return nil, fmt.Errorf("level of category %s: %w", row["category_id"], err)
		}
		categories[i] = Category{
			ID: row["category_id"], ParentID: row["parent_id"],
			Name: row["name"], Path: row["full_path"], Level: level,
		}
	}
	return categories, nil
}

package replay

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// owner is a customer with orders o1, o2 … of those goods.
func owner(orders ...[]goods) *customer {
	c := &customer{name: "1"}
	for i, all := range orders {
		c.apply(record{Placed: &placed{Customer: "1", Order: fmt.Sprint("o", i+1), Goods: all}})
	}
	return c
}

func TestMatch(t *testing.T) {
	tests := []struct {
		name      string
		bought    [][]goods
		before    []goods // given back earlier
		back      []goods
		want      []given
		unmatched []goods
	}{
		{"nothing bought", nil, nil, []goods{{"A", 1}}, nil, []goods{{"A", 1}}},
		{"the latest order", [][]goods{{{"A", 5}, {"B", 1}}, {{"B", 2}, {"A", 5}}}, nil, []goods{{"A", 2}},
			[]given{{Order: "o2", Lines: []givenLine{{2, 2}}}}, nil},
		{"the whole order", [][]goods{{{"A", 5}}, {{"A", 3}, {"B", 1}}}, nil, []goods{{"A", 3}, {"B", 1}},
			[]given{{Order: "o2", Whole: true, Lines: []givenLine{{1, 3}, {2, 1}}}}, nil},
		{"over two orders", [][]goods{{{"A", 5}}, {{"A", 3}}}, nil, []goods{{"A", 4}},
			[]given{{Order: "o2", Whole: true, Lines: []givenLine{{1, 3}}}, {Order: "o1", Lines: []givenLine{{1, 1}}}}, nil},
		{"more than was bought", [][]goods{{{"A", 5}}}, nil, []goods{{"A", 7}},
			[]given{{Order: "o1", Whole: true, Lines: []givenLine{{1, 5}}}}, []goods{{"A", 2}}},
		{"what was given back before", [][]goods{{{"A", 5}}}, []goods{{"A", 4}}, []goods{{"A", 3}},
			[]given{{Order: "o1", Lines: []givenLine{{1, 1}}}}, []goods{{"A", 2}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := owner(test.bought...)
			earlier, _ := c.match(test.before)
			c.apply(record{Done: &done{Given: earlier}})
			got, unmatched := c.match(test.back)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("given (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.unmatched, unmatched); diff != "" {
				t.Errorf("unmatched (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMatch_NeverTooMuch: however often a customer gives back, no line gives more than it
// had, and every unit is either given or unmatched.
func TestMatch_NeverTooMuch(t *testing.T) {
	some := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) goods {
		return goods{SKU: rapid.SampledFrom([]string{"A", "B", "C", "D"}).Draw(t, "sku"), Units: rapid.Int64Range(1, 20).Draw(t, "units")}
	}), 1, 4, func(g goods) string { return g.SKU })
	rapid.Check(t, func(t *rapid.T) {
		c := owner(rapid.SliceOfN(some, 0, 5).Draw(t, "orders")...)
		returned := make(map[string]map[int64]int64) // by order and line
		for _, back := range rapid.SliceOfN(some, 1, 10).Draw(t, "cancellations") {
			plan, unmatched := c.match(back)
			if again, _ := c.match(back); !cmp.Equal(plan, again) {
				t.Fatal("matching again gives another answer")
			}
			var units int64
			for _, g := range plan {
				units += g.units()
				for _, l := range g.Lines {
					if returned[g.Order] == nil {
						returned[g.Order] = make(map[int64]int64)
					}
					returned[g.Order][l.No] += l.Units
				}
			}
			for _, g := range unmatched {
				units += g.Units
			}
			for _, g := range back {
				units -= g.Units
			}
			if units != 0 {
				t.Fatalf("%d units too many are given or unmatched", units)
			}
			c.apply(record{Done: &done{Given: plan}})
		}
		for _, order := range c.bought {
			for i, l := range order.lines {
				if n := returned[order.order][int64(i+1)]; n > l.Units || n != l.returned {
					t.Fatalf("%s line %d: %d of %d units were given back, %d counted", order.order, i+1, n, l.Units, l.returned)
				}
			}
		}
	})
}

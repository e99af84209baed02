package bleve

import "testing"

func TestPopularity_IsRelative(t *testing.T) {
	tests := []struct {
		name    string
		p, most int64
		want    float64
	}{
		{"nobody knows any product", 0, 0, 1},
		{"the most popular", 133, 133, 1},
		{"half as popular", 129, 133, 44. / 48},
		{"a year later, as far apart", 229, 233, 44. / 48},
		{"a thousandth", 93, 133, 8. / 48},
		{"unknown among known ones", 0, 133, 0},
	}
	for _, test := range tests {
		if got := popularity(&row{popularity: test.p}, test.most); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

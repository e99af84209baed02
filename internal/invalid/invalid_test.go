package invalid_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/invalid"
)

func TestList(t *testing.T) {
	var faults invalid.List
	if err := faults.Err("address"); err != nil {
		t.Errorf("nothing is wrong: %v", err)
	}
	faults.Add("country", "must be one of %v", []string{"IE", "DE"})
	faults.AddAll("ship_to", fmt.Errorf("checking: %w", invalid.New("address", "city", "must be given")))
	faults.AddAll("ship_to", errors.New("the database is away"))
	faults.AddAll("ship_to", nil)
	err := faults.Err("address")
	want := &invalid.Error{What: "address", Fields: []invalid.Field{
		{Name: "country", Remedy: "must be one of [IE DE]"},
		{Name: "ship_to.city", Remedy: "must be given"},
	}}
	if diff := cmp.Diff(error(want), err); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if text := "the address is not valid; country must be one of [IE DE]; ship_to.city must be given"; err.Error() != text {
		t.Errorf("got  %s\nwant %s", err, text)
	}
}

func TestLine(t *testing.T) {
	tests := []struct {
		name, text string
		least      int
		want       string
		remedy     string
	}{
		{name: "trimmed", text: " Ada \n", least: 1, want: "Ada"},
		{name: "empty", text: "  "},
		{name: "empty but needed", least: 1, remedy: "must be given"},
		{name: "too short", text: "a", least: 2, want: "a", remedy: "must be 2 to 5 characters"},
		{name: "counted in characters", text: "äöüßé", want: "äöüßé"},
		{name: "too long", text: "äöüßéè", want: "äöüßéè", remedy: "must be 0 to 5 characters"},
		{name: "two lines", text: "a\nb", want: "a\nb", remedy: "must be one line of text"},
		{name: "a bell", text: "a\ab", want: "a\ab", remedy: "must be one line of text"},
		{name: "not UTF-8", text: "a\xffb", want: "a\xffb", remedy: "must be one line of text"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var faults invalid.List
			if got := faults.Line("name", test.text, test.least, 5); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			var want invalid.List
			if test.remedy != "" {
				want = invalid.List{{Name: "name", Remedy: test.remedy}}
			}
			if diff := cmp.Diff(want, faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

package regions

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/testkit"
)

func drawUUID(t *rapid.T) uuid.UUID {
	return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid"))
}

func TestFormatID(t *testing.T) {
	set := shippedSet(t)
	ref := Ref{Region: "eu-west", ID: uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff")}
	const want = "ord_euw_aaisem2ekvthpcezvk54zxpo74"
	if got := set.FormatID("ord", ref); got != want {
		t.Errorf("FormatID = %s, want %s", got, want)
	}
	if got := FormatGlobalID("prd", ref.ID); got != "prd_aaisem2ekvthpcezvk54zxpo74" {
		t.Errorf("FormatGlobalID = %s", got)
	}
}

func TestFormatID_UnknownRegionPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an id was written for a region that does not exist")
		}
	}()
	shippedSet(t).FormatID("ord", Ref{Region: "mars-north"})
}

func TestIDRoundTrip(t *testing.T) {
	set := shippedSet(t)
	rapid.Check(t, func(t *rapid.T) {
		want := Ref{Region: rapid.SampledFrom(set.Names()).Draw(t, "region"), ID: drawUUID(t)}
		prefix := rapid.SampledFrom([]string{"usr", "adr", "crt", "ord", "pay", "rfd", "shp", "rsv", "imp", "evt"}).Draw(t, "prefix")
		text := set.FormatID(prefix, want)
		got, err := set.ParseID(prefix, text)
		if err != nil || got != want {
			t.Fatalf("ParseID(%q) = %v, %v; want %v", text, got, err, want)
		}
		if _, err := ParseGlobalID(prefix, text); !errors.Is(err, ErrBadID) {
			t.Fatalf("%q passed for a global id: %v", text, err)
		}
	})
}

func TestGlobalIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawUUID(t)
		got, err := ParseGlobalID("prd", FormatGlobalID("prd", want))
		if err != nil || got != want {
			t.Fatalf("got %v, %v; want %v", got, err, want)
		}
	})
}

// Whatever single character of an id is changed, it names another row or none: never the same row.
func TestParseID_OneSpelling(t *testing.T) {
	set := shippedSet(t)
	rapid.Check(t, func(t *rapid.T) {
		ref := Ref{Region: rapid.SampledFrom(set.Names()).Draw(t, "region"), ID: drawUUID(t)}
		text := []byte(set.FormatID("ord", ref))
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		with := rapid.Byte().Draw(t, "with")
		if text[at] == with {
			return
		}
		text[at] = with
		if got, err := set.ParseID("ord", string(text)); err == nil && got == ref {
			t.Fatalf("%q is a second spelling of %v", text, ref)
		}
	})
}

func TestParseID_Refuses(t *testing.T) {
	set := shippedSet(t)
	const body = "aaisem2ekvthpcezvk54zxpo74"
	tests := []struct{ name, text string }{
		{"empty", ""},
		{"prefix alone", "ord"},
		{"another prefix", "crt_euw_" + body},
		{"a prefix that begins alike", "order_euw_" + body},
		{"no region", "ord_" + body},
		{"unknown region", "ord_xyz_" + body},
		{"region in upper case", "ord_EUW_" + body},
		{"region name for its code", "ord_eu-west_" + body},
		{"too short", "ord_euw_" + body[1:]},
		{"too long", "ord_euw_" + body + "a"},
		{"padded", "ord_euw_" + body[:20] + "======"},
		{"upper case", "ord_euw_" + strings.ToUpper(body)},
		{"a digit outside the alphabet", "ord_euw_1" + body[1:]},
		{"line end inside", "ord_euw_" + body[:25] + "\n"},
		{"line end after", "ord_euw_" + body + "\n"},
		{"stray last bits", "ord_euw_" + body[:25] + "5"},
		{"space before", " ord_euw_" + body},
		{"second part", "ord_euw_" + body + "_a"},
		{"not ASCII", "ord_euw_" + strings.Repeat("é", 13)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ref, err := set.ParseID("ord", tt.text)
			if !errors.Is(err, ErrBadID) || ref != (Ref{}) {
				t.Errorf("ParseID(%q) = %v, %v; want ErrBadID", tt.text, ref, err)
			}
		})
	}
	if _, err := ParseGlobalID("prd", "prd_"+body[:25]+"5"); !errors.Is(err, ErrBadID) {
		t.Errorf("a global id with stray last bits: %v", err)
	}
}

func FuzzParseID(f *testing.F) {
	set := shippedSet(f)
	f.Add("ord_euw_aaisem2ekvthpcezvk54zxpo74")
	f.Add("ord_use_aaaaaaaaaaaaaaaaaaaaaaaaaa")
	f.Add("ord_euw_aaisem2ekvthpcezvk54zxpo75")
	f.Add("prd_aaisem2ekvthpcezvk54zxpo74")
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := set.ParseID("ord", text)
		switch {
		case err == nil && set.FormatID("ord", ref) != text:
			t.Errorf("%q was read as %q", text, set.FormatID("ord", ref))
		case err != nil && !errors.Is(err, ErrBadID):
			t.Errorf("%q: %v does not wrap ErrBadID", text, err)
		}
		id, err := ParseGlobalID("ord", text)
		if err == nil && FormatGlobalID("ord", id) != text {
			t.Errorf("%q was read as %q", text, FormatGlobalID("ord", id))
		}
	})
}

func BenchmarkParseID(b *testing.B) {
	set := shippedSet(b)
	text := set.FormatID("ord", Ref{Region: "eu-west", ID: uuid.New()})
	b.ReportAllocs()
	for b.Loop() {
		testkit.Must(set.ParseID("ord", text))(b)
	}
}

package replay

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/testkit"
)

// history is a run of three invoices, the last of which is in work.
var history = []record{
	{Stocked: &Stocked{ArticlesAdded: 1, Receipts: 2, Units: 30}},
	{Registered: &registered{Customer: "7"}},
	{Filled: &filled{part: part{Invoice: "1"}, Cart: "crt_1"}},
	{Placed: &placed{part: part{Invoice: "1"}, Customer: "7", Region: "eu-west", Order: "ord_1", Goods: []goods{{"A", 5}, {"B", 1}}}},
	{Done: &done{Invoice: "1", Kind: kindOrder, Customer: "7", Rejected: map[string]int64{"unknown_sku": 1}}},
	{Done: &done{
		Invoice: "C2", Kind: kindCancellation, Customer: "7", Unmatched: 3, Given: []given{{Order: "ord_1", Lines: []givenLine{{1, 2}}}},
	}},
	{Filled: &filled{part: part{Invoice: "3"}, Cart: "crt_2"}},
	{Placed: &placed{part: part{Invoice: "3"}, Region: "us-west", Order: "ord_2", Goods: []goods{{"A", 1}}}},
	{Filled: &filled{part: part{Invoice: "3", No: 1}, Cart: "crt_3", Token: "t"}},
}

var aRun = begun{Run: "r", Shop: "usr_1", File: "f", Choice: "c"}

// write begins a run and notes the history.
func write(t *testing.T, path string) {
	t.Helper()
	s := testkit.Must(openState(path, aRun))(t)
	for _, r := range history {
		testkit.NoError(t, s.note(r))
	}
	testkit.NoError(t, s.journal.close())
}

// wantHistory checks that the state is as after the history.
func wantHistory(t *testing.T, s *state) {
	t.Helper()
	want := Tally{
		Invoices: 2, Registered: 1, Orders: 2, GuestOrders: 1, Lines: 3, Units: 7, Refunds: 1, UnitsBack: 2,
		Returns: map[string]int64{"partly": 1}, UnitsUnmatched: 3,
		Rejected: map[string]int64{"unknown_sku": 1}, ByRegion: map[string]int64{"eu-west": 1, "us-west": 1},
	}
	if diff := cmp.Diff(want, s.counted()); diff != "" {
		t.Errorf("tally (-want +got):\n%s", diff)
	}
	second := part{Invoice: "3", No: 1}
	if !s.isDone("1") || s.isDone("3") || !s.isPlaced(part{Invoice: "3"}) || s.isPlaced(second) || s.cartOf(second).Cart != "crt_3" ||
		s.stocked == nil || s.stocked.Units != 30 {
		t.Error("the state is not what was noted")
	}
	bought := s.customers["7"].bought
	if len(bought) != 1 || bought[0].lines[0].returned != 2 || !s.customers["7"].known {
		t.Errorf("the customer is %+v", s.customers["7"])
	}
}

func TestState_Resumed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deeper", "state")
	write(t, path)
	other := aRun
	other.Run = "a new name, which is not taken"
	s := testkit.Must(openState(path, other))(t)
	defer s.journal.close()
	wantHistory(t, s)
	if s.begun.Run != "r" {
		t.Errorf("the run is called %q", s.begun.Run)
	}
}

// TestState_CutOff: a record that was being written when the power went is not one, and what
// is written afterwards is.
func TestState_CutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	write(t, path)
	text := testkit.Must(os.ReadFile(path))(t)
	testkit.NoError(t, os.WriteFile(path, append(text, `{"done":{"invoice":"9"`...), 0o600))
	for range 2 {
		s := testkit.Must(openState(path, aRun))(t)
		wantHistory(t, s)
		testkit.NoError(t, s.keep(record{Registered: &registered{Customer: "8"}}))
		testkit.NoError(t, errors.Join(s.journal.file.Truncate(int64(len(text))), s.journal.close()))
	}
}

func TestState_OfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	write(t, path)
	for name, change := range map[string]func(*begun){
		"shop": func(b *begun) { b.Shop = "usr_2" }, "file": func(b *begun) { b.File = "g" }, "seed": func(b *begun) { b.Choice = "d" },
	} {
		other := aRun
		change(&other)
		if _, err := openState(path, other); !errors.Is(err, ErrOtherRun) || !strings.Contains(err.Error(), path) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	testkit.NoError(t, os.WriteFile(path, []byte("{\n{}\n"), 0o600))
	if _, err := openState(path, aRun); err == nil || !strings.Contains(err.Error(), "record 1") {
		t.Errorf("a damaged file: %v", err)
	}
}

// TestJournal_Concurrently: records of many writers are whole, and on disk when keep returns.
func TestJournal_Concurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	s := testkit.Must(openState(path, aRun))(t)
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			for range 20 {
				if err := s.keep(record{Registered: &registered{Customer: "1"}}); err != nil {
					t.Error(err)
				}
				if j := s.journal; j.onDiskNow() == 0 {
					t.Error("nothing is on disk")
				}
			}
		})
	}
	writers.Wait()
	testkit.NoError(t, s.journal.close())
	again := testkit.Must(openState(path, aRun))(t)
	defer again.journal.close()
	if n := again.counted().Registered; n != 16*20 {
		t.Errorf("%d records of %d", n, 16*20)
	}
}

func (j *journal) onDiskNow() int64 {
	j.disk.Lock()
	defer j.disk.Unlock()
	return j.onDisk
}

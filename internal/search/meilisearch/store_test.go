package meilisearch

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

// document is a small valid document.
func document(n int) search.Document {
	day := time.Date(2026, 3, 1, 9, 0, 0, 123456000, time.UTC)
	return search.Document{ID: uuid.UUID{6: 0x40, 8: 0x80, 14: byte(n >> 8), 15: byte(n)}, Version: int64(n), Slug: fmt.Sprint("slug-", n),
		Title: "Lantern", Stock: search.StockIn, ListedAt: day, GoodUntil: day}
}

func documents(n int) []search.Document {
	var all []search.Document
	for i := range n {
		all = append(all, document(i+1))
	}
	return all
}

func apply(t *testing.T, index search.Index, c search.Changes) {
	t.Helper()
	if err := index.Apply(t.Context(), c); err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

func wantState(t *testing.T, index search.Index, documents int, position string) {
	t.Helper()
	state, err := index.State(t.Context())
	if err != nil || state.Documents != documents || state.Positions["feed"] != position {
		t.Errorf("the state is %+v (%v), want %d documents at %q", state, err, documents, position)
	}
}

func changes(n int, position string) search.Changes {
	return search.Changes{Put: documents(n), Positions: map[string]string{"feed": position}}
}

// TestOrderOfWrites: settings before documents; documents and the positions that they reach in one task; positions after
// the task of deletions has succeeded.
func TestOrderOfWrites(t *testing.T) {
	f := newFake(t)
	s := f.open()
	before := len(f.tasks)
	apply(t, s.Live(), changes(3, "1"))
	if n := len(f.tasks) - before; n != 1 {
		t.Errorf("documents and positions are %d tasks, want 1", n)
	}
	apply(t, s.Live(), search.Changes{Put: documents(3), Delete: []uuid.UUID{document(9).ID}, Positions: map[string]string{"feed": "2"}})
	golden(t, "apply.txt", []byte(withoutTasks(f)))
	wantState(t, s.Live(), 3, "2")
	if deletion := f.tasks[len(f.tasks)-2]; deletion.kind != "documentDeletion" || deletion.status != "succeeded" {
		t.Errorf("before the positions there is the task %v, %s", deletion, deletion.status)
	}
	f.set(func() {
		f.fail = func(task *fakeTask) string {
			if task.kind == "documentDeletion" {
				return "io_error"
			}
			return ""
		}
	})
	err := s.Live().Apply(t.Context(), search.Changes{Put: documents(4), Delete: []uuid.UUID{document(1).ID},
		Positions: map[string]string{"feed": "3"}})
	if !errors.Is(err, search.ErrUnavailable) {
		t.Errorf("a deletion that fails: %v", err)
	}
	wantState(t, s.Live(), 3, "2")
}

func TestTaskFailures(t *testing.T) {
	tests := []struct {
		code string
		want meaning
	}{
		{"invalid_document_id", refused}, {"missing_document_id", refused}, {"max_fields_limit_exceeded", refused}, {"malformed_payload",
			refused},
		{"no_space_left_on_device", away}, {"io_error", away}, {"too_many_open_files", away}, {"internal", away}, {"canceled",
			away}, {"index_not_found", away},
		{"a_code_of_next_year", away},
	}
	for _, tt := range tests {
		t.Run(tt.code, func(t *testing.T) {
			f := newFake(t)
			s := f.open()
			apply(t, s.Live(), changes(1, "1"))
			f.set(func() {
				f.fail = func(task *fakeTask) string {
					if task.kind == "documentAdditionOrUpdate" && task.index == "products" {
						return tt.code
					}
					return ""
				}
			})
			err := s.Live().Apply(t.Context(), changes(4, "2"))
			_, rejected := errors.AsType[*search.RejectedError](err)
			if rejected != (tt.want == refused) || errors.Is(err, search.ErrUnavailable) != (tt.want == away) {
				t.Errorf("a task that fails with %s: %v", tt.code, err)
			}
			wantState(t, s.Live(), 1, "1")
			f.set(func() { f.fail = nil })
			apply(t, s.Live(), changes(4, "2"))
			wantState(t, s.Live(), 4, "2")
		})
	}
}

// TestRejectedAlone: a document that is refused on its own is named, so that the feed can set it aside.
func TestRejectedAlone(t *testing.T) {
	f := newFake(t)
	s := f.open()
	f.set(func() {
		f.fail = func(task *fakeTask) string {
			if task.kind == "documentAdditionOrUpdate" && task.index == "products" {
				return "invalid_document_id"
			}
			return ""
		}
	})
	err := s.Live().Apply(t.Context(), changes(1, "1"))
	if rejected, ok := errors.AsType[*search.RejectedError](err); !ok || !slices.Equal(rejected.IDs, []uuid.UUID{document(1).ID}) ||
		!strings.Contains(rejected.Reason, "invalid_document_id") {
		t.Errorf("one document that is refused: %v", err)
	}
	if err := s.Live().Apply(t.Context(), search.Changes{Put: []search.Document{document(1), {ID: idA}}}); err == nil ||
		len(f.products()) != 1 {
		t.Errorf("a document without a title is sent: %v", err)
	} else if rejected, ok := errors.AsType[*search.RejectedError](err); !ok || !slices.Equal(rejected.IDs, []uuid.UUID{idA}) {
		t.Errorf("a document without a title: %v", err)
	}
}

func TestPayloads(t *testing.T) {
	var large []search.Document
	for n := range 10 {
		d := document(n + 1)
		d.Image = strings.Repeat("x", 1000)
		large = append(large, d)
	}
	payloads := testkit.Must(pack(large, 4500))(t)
	sum := 0
	for _, p := range payloads {
		if sum += len(p.documents); len(p.documents) == 0 || len(p.ids) != len(p.documents) || p.bytes > 4500 {
			t.Errorf("a payload of %d documents and %d bytes", len(p.documents), p.bytes)
		}
	}
	if sum != 10 || len(payloads) != 4 {
		t.Errorf("%d documents in %d payloads, want 10 in 4", sum, len(payloads))
	}
	if payloads, err := pack(large[:2], 10); err != nil || len(payloads) != 2 {
		t.Errorf("%d payloads of two documents that are too large each (%v), want 2", len(payloads), err)
	}
}

// TestTooLarge: what a server or a proxy refuses for its size is sent in halves, down to one document.
func TestTooLarge(t *testing.T) {
	f := newFake(t)
	s := f.open()
	f.set(func() {
		f.intercept = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			tooLarge := r.URL.Path == "/indexes/products/documents" && bytes.Count(body, []byte(`"slug"`)) > 2
			if tooLarge {
				http.Error(w, "<html>too large</html>", http.StatusRequestEntityTooLarge)
			}
			return tooLarge
		}
	})
	apply(t, s.Live(), changes(7, "1"))
	wantState(t, s.Live(), 7, "1")
	f.set(func() {
		f.intercept = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			tooLarge := r.URL.Path == "/indexes/products/documents" && bytes.Contains(body, []byte("slug-5"))
			if tooLarge {
				f.answer(w, http.StatusRequestEntityTooLarge, "payload_too_large")
			}
			return tooLarge
		}
	})
	err := s.Live().Apply(t.Context(), changes(7, "2"))
	if rejected, ok := errors.AsType[*search.RejectedError](err); !ok || !slices.Equal(rejected.IDs, []uuid.UUID{document(5).ID}) {
		t.Errorf("one document that is too large: %v, want it named", err)
	}
	wantState(t, s.Live(), 7, "1")
}

// TestSettingsAgain: settings are applied once, and again by the first write when they are others; positions stay.
func TestSettingsAgain(t *testing.T) {
	f := newFake(t)
	apply(t, f.open().Live(), changes(2, "1"))
	apply(t, f.open().Live(), changes(2, "2"))
	if n := len(f.made("PATCH ")); n != 1 {
		t.Errorf("settings were sent %d times, want once", n)
	}
	cfg := f.config()
	cfg.Words = search.Words{}
	other := testkit.Must(Open(t.Context(), cfg))(t)
	if n := len(f.made("PATCH ")); n != 1 {
		t.Errorf("settings were sent %d times before the first write, want once", n)
	}
	apply(t, other.Live(), search.Changes{})
	if n := len(f.made("PATCH ")); n != 2 || len(f.made("DELETE /indexes/products/settings/synonyms")) != 1 {
		t.Errorf("other settings: sent %d times, want twice", n)
	}
	wantState(t, other.Live(), 2, "2")
}

// TestWiped: an index that is deleted on the server has no positions, and its next Apply makes it again with settings,
// whoever made it in between.
func TestWiped(t *testing.T) {
	wipes := map[string]func(f *fake){
		"all":       func(f *fake) { clear(f.indexes) },
		"index":     func(f *fake) { delete(f.indexes, "products") },
		"state":     func(f *fake) { delete(f.indexes["products"].documents, stateID) },
		"made anew": func(f *fake) { delete(f.indexes, "products"); f.make("products") },
	}
	for name, wipe := range wipes {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := f.open()
			apply(t, s.Live(), changes(2, "1"))
			f.set(func() { wipe(f) })
			if state, err := s.Live().State(t.Context()); err != nil || len(state.Positions) != 0 {
				t.Errorf("the state of a wiped index is %+v (%v), want no positions", state, err)
			}
			if _, err := s.Live().Search(t.Context(), search.Query{Filter: search.Filter{InStock: true}}); name != "state" &&
				!errors.Is(err, search.ErrUnavailable) {
				t.Errorf("a search of a wiped index: %v, want search.ErrUnavailable", err)
			}
			if _, err := s.Live().Entries(t.Context(), uuid.Nil, 10); name != "made anew" && err != nil {
				t.Errorf("entries of a wiped index: %v", err)
			}
			apply(t, s.Live(), search.Changes{Put: documents(3)})
			wantState(t, s.Live(), 3, "")
			apply(t, s.Live(), changes(3, "2"))
			wantState(t, s.Live(), 3, "2")
			result, err := s.Live().Search(t.Context(), search.Query{Text: "lantern", Filter: search.Filter{InStock: true}, Limit: 10})
			if err != nil || result.Total != 3 {
				t.Errorf("a search after it was filled again: %d (%v), want 3", result.Total, err)
			}
		})
	}
}

// TestOpenUnavailable: a server that comes later is no reason not to begin.
func TestOpenUnavailable(t *testing.T) {
	f := newFake(t)
	f.set(func() {
		f.intercept = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			f.answer(w, http.StatusUnauthorized, "missing_authorization_header")
			return true
		}
	})
	s := f.open()
	if _, err := s.Live().Search(t.Context(), search.Query{}); !errors.Is(err, search.ErrUnavailable) {
		t.Errorf("a search: %v, want search.ErrUnavailable", err)
	}
	f.set(func() { f.intercept = nil })
	apply(t, s.Live(), changes(2, "1"))
	wantState(t, s.Live(), 2, "1")
	if len(f.made("PATCH ")) != 1 {
		t.Error("the settings were not applied before the documents")
	}
}

// TestSwapOrder: open tasks first, then one swap, whose task the key is not shown, and then the old index goes.
func TestSwapOrder(t *testing.T) {
	f := newFake(t)
	s := f.open()
	apply(t, s.Live(), changes(1, "1"))
	begun := testkit.Must(s.Begin(t.Context()))(t)
	apply(t, begun, changes(2, "2"))
	asked := len(withoutTasks(f))
	f.set(func() { // a write of the live index that nobody waits for
		f.tasks = append(f.tasks, &fakeTask{uid: int64(len(f.tasks)), index: "products", kind: "documentDeletion", status: "enqueued",
			run: func() string { return "" }})
	})
	open := f.tasks[len(f.tasks)-1]
	f.set(func() {
		f.intercept = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
			if r.URL.Path == "/swap-indexes" && open.status == "enqueued" {
				t.Error("the indexes are swapped while a task is open")
			}
			return false
		}
	})
	testkit.NoError(t, s.Swap(t.Context()))
	golden(t, "swap.txt", []byte(withoutTasks(f)[asked:]))
	golden(t, "swap.json", bodyOf(t, f.made("POST /swap-indexes")[0]))
	wantState(t, s.Live(), 2, "2")
	if len(f.indexes) != 1 {
		t.Errorf("%d indexes are left, want 1", len(f.indexes))
	}
}

// TestSwap_NotDone: a swap that the server has accepted and not carried out is told, and can be repeated.
func TestSwap_NotDone(t *testing.T) {
	f := newFake(t)
	s := f.open()
	apply(t, s.Live(), changes(1, "old"))
	apply(t, testkit.Must(s.Begin(t.Context()))(t), changes(2, "new"))
	f.set(func() {
		f.fail = func(task *fakeTask) string {
			if task.kind == "indexSwap" {
				return "io_error"
			}
			return ""
		}
	})
	if err := s.Swap(t.Context()); !errors.Is(err, search.ErrUnavailable) || errors.Is(err, search.ErrNotBegun) {
		t.Errorf("a swap that fails: %v", err)
	}
	wantState(t, s.Live(), 1, "old")
	f.set(func() { f.fail = nil })
	testkit.NoError(t, s.Swap(t.Context()))
	wantState(t, s.Live(), 2, "new")
}

// TestSwapInterrupted: wherever a swap is cut off, Resume and Swap tell what is the case, and never swap back.
func TestSwapInterrupted(t *testing.T) {
	cut := map[string]func(f *fake) func(w http.ResponseWriter, r *http.Request, body []byte) bool{
		"its answer is lost": func(f *fake) func(http.ResponseWriter, *http.Request, []byte) bool {
			return func(_ http.ResponseWriter, r *http.Request, body []byte) bool {
				if r.URL.Path == "/swap-indexes" {
					f.swap(discard{}, r, body)
					panic(http.ErrAbortHandler)
				}
				return false
			}
		},
		"the program ends before the old index is deleted": func(f *fake) func(http.ResponseWriter, *http.Request, []byte) bool {
			return func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if r.Method == http.MethodDelete {
					f.answer(w, http.StatusForbidden, "invalid_api_key")
					return true
				}
				return false
			}
		},
	}
	for name, intercept := range cut {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := f.open()
			apply(t, s.Live(), changes(1, "old"))
			begun := testkit.Must(s.Begin(t.Context()))(t)
			apply(t, begun, changes(2, "new"))
			f.set(func() { f.intercept = intercept(f) })
			s.Swap(t.Context()) // whatever it says
			f.set(func() { f.intercept = nil })
			if err := s.Swap(t.Context()); err == nil || !errors.Is(err, search.ErrNotBegun) {
				t.Errorf("a second Swap: %v, want ErrNotBegun", err)
			}
			wantState(t, s.Live(), 2, "new")
			if _, err := s.Resume(t.Context()); !errors.Is(err, search.ErrNotBegun) {
				t.Errorf("Resume: %v, want ErrNotBegun", err)
			}
			if _, err := s.Begin(t.Context()); err != nil {
				t.Errorf("Begin again: %v", err)
			}
		})
	}
}

// discard is an answer that nobody gets.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// TestLogsOfFailedTasks: an operator is told why a task failed.
func TestLogsOfFailedTasks(t *testing.T) {
	f := newFake(t)
	var logs bytes.Buffer
	cfg := f.config()
	cfg.Log = slog.New(slog.NewTextHandler(&logs, nil))
	s := testkit.Must(Open(t.Context(), cfg))(t)
	f.set(func() { f.fail = func(*fakeTask) string { return "io_error" } })
	if err := s.Live().Apply(t.Context(), changes(1, "1")); !errors.Is(err, search.ErrUnavailable) {
		t.Errorf("Apply: %v, want search.ErrUnavailable", err)
	}
	if !strings.Contains(logs.String(), "code=io_error") || strings.Contains(logs.String(), testKey) {
		t.Errorf("the log says %s", logs.String())
	}
}

// TestLearner: a process that only searches corrects typing errors by what another one writes, page by page, and again
// what was written meanwhile.
func TestLearner(t *testing.T) {
	f := newFake(t)
	writer, reader := f.open(), f.open()
	titles := make([]search.Document, learnPage+10)
	for i := range titles {
		titles[i] = document(i + 1)
	}
	titles[0].Title, titles[len(titles)-1].Title = "Garden lantern", "Stoneware kettle"
	apply(t, writer.Live(), search.Changes{Put: titles})
	for _, text := range []string{"lantren", "kettel"} {
		wantFound(t, reader, text, true)
	}
	wantFound(t, reader, "umbrela", false)
	late := document(len(titles) + 1)
	late.Title = "Umbrella"
	apply(t, writer.Live(), search.Changes{Put: []search.Document{late}})
	wantFound(t, reader, "umbrela", true)
	if n := len(f.made("POST /indexes/products/documents/fetch")); n < 6 {
		t.Errorf("%d requests for words: the first pass has two pages, each of two requests", n)
	}
	begun := testkit.Must(writer.Begin(t.Context()))(t)
	old := document(1)
	old.Title = "Samovar"
	apply(t, begun, search.Changes{Put: []search.Document{old}})
	testkit.NoError(t, writer.Swap(t.Context()))
	reader.learner.reached += time.Hour.Microseconds() // as if the index had been begun long ago
	wantFound(t, reader, "samovra", true)
}

// TestLearner_Unfilled: a process that has not read the words yet sends what was typed.
func TestLearner_Unfilled(t *testing.T) {
	f := newFake(t)
	writer := f.open()
	apply(t, writer.Live(), changes(1, "1"))
	reader := newEngine(newServer(f.config().withDefaults()), f.config().withDefaults())
	reader.lexicon.Learn([]search.Document{document(2)})
	testkit.Must(reader.Search(t.Context(), search.Query{Text: "hamper napkn", Language: "en", Limit: 1}))(t)
	if sent := f.made("POST /multi-search"); !strings.Contains(sent[len(sent)-1], `"hamper napkn "`) {
		t.Errorf("sent is %s, want the text as it was typed", sent[len(sent)-1])
	}
}

// wantFound fails unless a text finds something after the next pass of the store's learner, or nothing.
func wantFound(t *testing.T, s *Store, text string, want bool) {
	t.Helper()
	s.stop()
	<-s.stopped // the pass is the test's own
	testkit.NoError(t, s.learner.pass(t.Context()))
	found := testkit.Must(s.Live().Search(t.Context(), search.Query{Text: text, Limit: 1}))(t)
	if (found.Total > 0) != want {
		t.Errorf("Search(%q) finds %d, want any: %t", text, found.Total, want)
	}
}

// TestOtherFormat: an index whose records another version wrote is begun anew, and its feed from the start.
func TestOtherFormat(t *testing.T) {
	f := newFake(t)
	s := f.open()
	apply(t, s.Live(), changes(3, "1"))
	f.set(func() {
		f.indexes["products"].documents[stateID] = map[string]any{"id": stateID, "format": "2", "positions": map[string]any{"feed": "1"}}
	})
	wantState(t, s.Live(), 3, "")
	apply(t, s.Live(), search.Changes{Put: []search.Document{document(9)}, Positions: map[string]string{"feed": "2"}})
	wantState(t, s.Live(), 1, "2")
}

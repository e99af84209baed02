package meilisearch

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a Meilisearch over HTTP, as its documentation has it: it accepts writes and carries them out in order, here when
// somebody looks at a task for the second time, so that whoever does not wait does not see. It knows the settings, the
// filters and the requests that this package makes, and refuses those that it does not know.
type fake struct {
	t      *testing.T
	server *httptest.Server

	mu      sync.Mutex
	indexes map[string]*fakeIndex
	tasks   []*fakeTask
	now     time.Time
	// requests are all that were made, as "POST /path body".
	requests []string
	// intercept, if not nil, may answer a request itself, and then returns true.
	intercept func(w http.ResponseWriter, r *http.Request, body []byte) bool
	// fail, if not nil, makes tasks fail by returning a code.
	fail func(task *fakeTask) string
}

type fakeIndex struct {
	created   time.Time
	settings  fakeSettings
	documents map[string]map[string]any
	synonyms  map[string][][]string   // by the words that are typed
	cut       map[string][][][]string // the words of each document, once they were needed
}

type fakeSettings struct {
	RankingRules         []string            `json:"rankingRules"`
	SearchableAttributes []string            `json:"searchableAttributes"`
	FilterableAttributes []string            `json:"filterableAttributes"`
	SortableAttributes   []string            `json:"sortableAttributes"`
	Synonyms             map[string][]string `json:"synonyms"`
	Pagination           struct{ MaxTotalHits int }
	Faceting             struct{ MaxValuesPerFacet int }
}

type fakeTask struct {
	uid                       int64
	index, kind, status, code string
	looked                    bool
	run                       func() string // returns a code when it fails
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, indexes: make(map[string]*fakeIndex), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	mux := http.NewServeMux()
	for pattern, handler := range map[string]func(w http.ResponseWriter, r *http.Request, body []byte){
		"GET /indexes/{uid}":                         f.getIndex,
		"POST /indexes":                              f.createIndex,
		"DELETE /indexes/{uid}":                      f.deleteIndex,
		"GET /indexes/{uid}/stats":                   f.stats,
		"PATCH /indexes/{uid}/settings":              f.updateSettings,
		"PUT /indexes/{uid}/settings/facet-search":   f.otherSettings,
		"DELETE /indexes/{uid}/settings/stop-words":  f.otherSettings,
		"DELETE /indexes/{uid}/settings/synonyms":    f.otherSettings,
		"POST /indexes/{uid}/documents":              f.addDocuments,
		"POST /indexes/{uid}/documents/delete-batch": f.deleteDocuments,
		"POST /indexes/{uid}/documents/fetch":        f.fetchDocuments,
		"GET /indexes/{uid}/documents/{id}":          f.getDocument,
		"GET /tasks/{task}":                          f.getTask,
		"GET /tasks":                                 f.listTasks,
		"POST /swap-indexes":                         f.swap,
		"POST /multi-search":                         f.multiSearch,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI()+" "+string(body))
			if r.Header.Get("Authorization") != "Bearer "+testKey {
				f.answer(w, http.StatusForbidden, "invalid_api_key")
				return
			}
			if f.intercept == nil || !f.intercept(w, r, body) {
				handler(w, r, body)
			}
		})
	}
	f.server = httptest.NewServer(mux)
	t.Cleanup(f.server.Close)
	return f
}

const testKey = "a-key-that-is-secret"

func (f *fake) config() Config {
	return Config{URL: f.server.URL, APIKey: testKey, Log: slog.New(slog.DiscardHandler)}
}

func (f *fake) open() *Store {
	f.t.Helper()
	s, err := Open(f.t.Context(), f.config())
	if err != nil {
		f.t.Fatalf("Open: %v", err)
	}
	f.t.Cleanup(func() { s.Close() })
	return s
}

// answer writes an error as Meilisearch does. Its message quotes what must not reach logs.
func (f *fake) answer(w http.ResponseWriter, status int, code string) {
	reply(w, status, map[string]string{"message": "about the private text", "code": code, "type": "invalid_request", "link": ""})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// accept makes a task.
func (f *fake) accept(w http.ResponseWriter, index, kind string, run func() string) {
	task := &fakeTask{uid: int64(len(f.tasks)), index: index, kind: kind, status: "enqueued", run: run}
	f.tasks = append(f.tasks, task)
	reply(w, http.StatusAccepted, map[string]any{"taskUid": task.uid, "indexUid": index, "status": task.status, "type": kind,
		"enqueuedAt": f.now})
}

// work carries out all tasks up to one.
func (f *fake) work(until int64) {
	for _, task := range f.tasks[:until+1] {
		if task.status != "enqueued" {
			continue
		}
		task.status = "succeeded"
		code := ""
		if f.fail != nil {
			code = f.fail(task)
		}
		if code == "" {
			code = task.run()
		}
		switch code {
		case "":
		case "canceled":
			task.status = "canceled"
		default:
			task.status, task.code = "failed", code
		}
	}
}

func (f *fake) getTask(w http.ResponseWriter, r *http.Request, _ []byte) {
	uid, err := strconv.ParseInt(r.PathValue("task"), 10, 64)
	if err != nil || uid >= int64(len(f.tasks)) {
		f.answer(w, http.StatusNotFound, "task_not_found")
		return
	}
	task := f.tasks[uid]
	if task.hidden() {
		f.answer(w, http.StatusNotFound, "task_not_found")
		return
	}
	if task.looked {
		f.work(uid)
	}
	task.looked = true
	reply(w, http.StatusOK, task.json())
}

// hidden reports whether a key that is limited to some indexes is not shown the task: it concerns several.
func (t *fakeTask) hidden() bool { return t.kind == "indexSwap" }

func (t *fakeTask) json() map[string]any {
	answer := map[string]any{"uid": t.uid, "indexUid": t.index, "status": t.status, "type": t.kind}
	if t.code != "" {
		answer["error"] = map[string]string{"code": t.code, "message": "the reason", "type": "invalid_request", "link": ""}
	}
	return answer
}

func (f *fake) listTasks(w http.ResponseWriter, r *http.Request, _ []byte) {
	results := []map[string]any{}
	for _, task := range f.tasks {
		wanted := func(name, value string) bool {
			return !r.URL.Query().Has(name) || slices.Contains(strings.Split(r.URL.Query().Get(name), ","), value)
		}
		if !task.hidden() && wanted("statuses", task.status) && wanted("indexUids", task.index) && wanted("types", task.kind) {
			results = append(results, task.json())
		}
	}
	reply(w, http.StatusOK, map[string]any{"results": results, "total": len(results), "limit": 100, "from": nil, "next": nil})
}

// find answers 404 where the index is not there, as Meilisearch does for all but writes.
func (f *fake) find(w http.ResponseWriter, r *http.Request) (*fakeIndex, bool) {
	index, known := f.indexes[r.PathValue("uid")]
	if !known {
		f.answer(w, http.StatusNotFound, "index_not_found")
	}
	return index, known
}

func (f *fake) getIndex(w http.ResponseWriter, r *http.Request, _ []byte) {
	if index, ok := f.find(w, r); ok {
		reply(w, http.StatusOK, map[string]any{"uid": r.PathValue("uid"), "createdAt": index.created, "updatedAt": index.created,
			"primaryKey": "id"})
	}
}

// make makes an index; writes do so by themselves where there is none.
func (f *fake) make(uid string) *fakeIndex {
	if index, known := f.indexes[uid]; known {
		return index
	}
	f.now = f.now.Add(time.Millisecond)
	index := &fakeIndex{created: f.now, documents: make(map[string]map[string]any), cut: make(map[string][][][]string)}
	index.settings.Pagination.MaxTotalHits, index.settings.Faceting.MaxValuesPerFacet = 1000, 100
	f.indexes[uid] = index
	return index
}

func (f *fake) createIndex(w http.ResponseWriter, _ *http.Request, body []byte) {
	var request struct{ UID, PrimaryKey string }
	json.Unmarshal(body, &request)
	f.accept(w, request.UID, "indexCreation", func() string {
		if _, known := f.indexes[request.UID]; known {
			return "index_already_exists"
		}
		f.make(request.UID)
		return ""
	})
}

func (f *fake) deleteIndex(w http.ResponseWriter, r *http.Request, _ []byte) {
	uid := r.PathValue("uid")
	f.accept(w, uid, "indexDeletion", func() string {
		if _, known := f.indexes[uid]; !known {
			return "index_not_found"
		}
		delete(f.indexes, uid)
		return ""
	})
}

func (f *fake) stats(w http.ResponseWriter, r *http.Request, _ []byte) {
	if index, ok := f.find(w, r); ok {
		reply(w, http.StatusOK, map[string]any{"numberOfDocuments": len(index.documents), "isIndexing": false, "rawDocumentDbSize": 4096})
	}
}

func (f *fake) updateSettings(w http.ResponseWriter, r *http.Request, body []byte) {
	uid := r.PathValue("uid")
	f.accept(w, uid, "settingsUpdate", func() string {
		index := f.make(uid)
		if json.Unmarshal(body, &index.settings) != nil {
			return "invalid_settings_ranking_rules"
		}
		index.readSynonyms()
		clear(index.cut)
		return ""
	})
}

func (f *fake) otherSettings(w http.ResponseWriter, r *http.Request, _ []byte) {
	f.accept(w, r.PathValue("uid"), "settingsUpdate", func() string { return "" })
}

func (f *fake) addDocuments(w http.ResponseWriter, r *http.Request, body []byte) {
	uid := r.PathValue("uid")
	var documents []map[string]any
	if r.URL.Query().Get("primaryKey") != "id" || json.Unmarshal(body, &documents) != nil {
		f.answer(w, http.StatusBadRequest, "malformed_payload")
		return
	}
	f.accept(w, uid, "documentAdditionOrUpdate", func() string {
		for _, d := range documents {
			index, id := f.make(uid), d["id"].(string)
			index.documents[id] = d
			delete(index.cut, id)
		}
		return ""
	})
}

func (f *fake) deleteDocuments(w http.ResponseWriter, r *http.Request, body []byte) {
	uid := r.PathValue("uid")
	var ids []string
	json.Unmarshal(body, &ids)
	f.accept(w, uid, "documentDeletion", func() string {
		index, known := f.indexes[uid]
		if !known {
			return "index_not_found"
		}
		for _, id := range ids {
			delete(index.documents, id)
		}
		return ""
	})
}

func (f *fake) swap(w http.ResponseWriter, _ *http.Request, body []byte) {
	var pairs []struct {
		Indexes []string
		Rename  bool
	}
	json.Unmarshal(body, &pairs)
	f.accept(w, "", "indexSwap", func() string {
		for _, pair := range pairs {
			if f.indexes[pair.Indexes[0]] == nil || f.indexes[pair.Indexes[1]] == nil || pair.Rename {
				return "index_not_found"
			}
		}
		for _, pair := range pairs {
			a, b := pair.Indexes[0], pair.Indexes[1]
			f.indexes[a], f.indexes[b] = f.indexes[b], f.indexes[a]
		}
		return ""
	})
}

func (f *fake) fetchDocuments(w http.ResponseWriter, r *http.Request, body []byte) {
	index, ok := f.find(w, r)
	if !ok {
		return
	}
	var request struct {
		Filter any
		Sort   []string
		Limit  int
		Fields []string
	}
	request.Limit = 20
	json.Unmarshal(body, &request)
	found, code := index.filtered(request.Filter)
	if code == "" {
		code = index.sortable(request.Sort)
	}
	if code != "" {
		f.answer(w, http.StatusBadRequest, strings.Replace(code, "_search_", "_document_", 1))
		return
	}
	slices.SortFunc(found, func(a, b map[string]any) int { return compareBy(a, b, append(request.Sort, "id:asc")) })
	results := []map[string]any{}
	for _, d := range found[:min(request.Limit, len(found))] {
		results = append(results, pick(d, request.Fields))
	}
	reply(w, http.StatusOK, map[string]any{"results": results, "total": len(found), "offset": 0, "limit": request.Limit})
}

func (f *fake) getDocument(w http.ResponseWriter, r *http.Request, _ []byte) {
	index, ok := f.find(w, r)
	if !ok {
		return
	}
	d, known := index.documents[r.PathValue("id")]
	if !known {
		f.answer(w, http.StatusNotFound, "document_not_found")
		return
	}
	reply(w, http.StatusOK, d)
}

// pick are some fields of a document, all where none are named.
func pick(d map[string]any, fields []string) map[string]any {
	if len(fields) == 0 || slices.Contains(fields, "*") {
		return maps.Clone(d)
	}
	picked := make(map[string]any)
	for _, field := range fields {
		if value, ok := d[field]; ok {
			picked[field] = value
		}
	}
	return picked
}

// made are the requests of a kind that were made so far.
func (f *fake) made(prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, request := range f.requests {
		if strings.HasPrefix(request, prefix) {
			all = append(all, request)
		}
	}
	return all
}

// products are the requests that wrote products, and not the state alone.
func (f *fake) products() []string {
	return slices.DeleteFunc(f.made("POST /indexes/products/documents?"), func(r string) bool { return !strings.Contains(r, `"slug"`) })
}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (t *fakeTask) String() string { return fmt.Sprintf("%s of %q", t.kind, t.index) }

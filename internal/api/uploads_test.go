package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestUploads(t *testing.T) {
	var u uploads
	acme := uuid.New()
	end, err := u.begin(acme)
	if _, again := u.begin(acme); err != nil || again != nil {
		t.Fatal("refused a seller's first two files")
	}
	if _, err := u.begin(acme); err == nil {
		t.Error("took a seller's third file")
	}
	for range maxUploads - maxUploadsOfSeller {
		if _, err := u.begin(uuid.New()); err != nil {
			t.Fatal("refused another seller's file")
		}
	}
	if _, err := u.begin(uuid.New()); err == nil {
		t.Error("took more files than there may be")
	}
	end()
	if _, err := u.begin(acme); err != nil {
		t.Error("refused a file after another had ended")
	}
}

// TestImports_Flood has a seller send files without end: the pod takes two at a time, and more when they have ended.
func TestImports_Flood(t *testing.T) {
	m := newMarket(t)
	send := func(body io.Reader) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/v1/seller/imports?policy=keep_good", body)
		r.Header.Set("Content-Type", "application/x-ndjson")
		r.Header.Set("Authorization", "Bearer acme")
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		return w
	}
	answers := make(chan int)
	var files []*io.PipeWriter
	for range maxUploadsOfSeller {
		from, to := io.Pipe()
		go func() { answers <- send(from).Code }()
		if _, err := io.WriteString(to, "\n"); err != nil { // returns once it has been read
			t.Fatal(err)
		}
		files = append(files, to)
	}
	if w := send(strings.NewReader("\n")); w.Header().Get("Retry-After") == "" {
		t.Errorf("one more: no Retry-After")
	} else {
		wantProblem(t, w, http.StatusServiceUnavailable, "unavailable")
	}
	for _, file := range files {
		_ = file.Close() // never fails
		if code := <-answers; code != http.StatusOK {
			t.Errorf("answered %d", code)
		}
	}
	if w := send(strings.NewReader("\n")); w.Code != http.StatusOK {
		t.Errorf("after they have ended: answered %d %s", w.Code, w.Body)
	}
}

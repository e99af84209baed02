package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// TestReadWritten: after a change in another region, a read that brings the change's token is answered with it, and one without may
// be answered from memory.
func TestReadWritten(t *testing.T) {
	db := databasetest.New(t)
	m := newMarketOn(t, db)
	p, _ := m.create(t, mugBody)
	testkit.NoError(t, m.catalog.PollOnce(t.Context()))
	title := func(headers ...string) string {
		var shown struct{ Title string }
		decodeAnswer(t, ask(m, "GET", "/v1/products/"+p.ID, "", headers...), &shown)
		return shown.Title
	}
	if got := title(); got != "Mug" {
		t.Fatalf("it is %q", got)
	}
	// As a pod of another region does.
	databasetest.Exec(t, db, `UPDATE products SET title = 'Cup', version = version + 1, updated_at = now()`)
	if got := title(); got != "Mug" {
		t.Fatalf("memory is not asked: %q", got)
	}
	token := fmt.Sprint(time.Now().UnixMilli())
	old := fmt.Sprint(time.Now().Add(-time.Hour).UnixMilli())
	if got := title("X-Meridian-Version", old); got != "Mug" {
		t.Errorf("a token from before the change is answered %q: it costs a poll", got)
	}
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			if got := title("X-Meridian-Version", token); got != "Cup" {
				t.Errorf("with the token it is %q", got)
			}
		})
	}
	readers.Wait()
}

func TestReadWritten_Token(t *testing.T) {
	m := newMarket(t)
	w := m.as("acme", "POST", "/v1/seller/products", mugBody, "Idempotency-Key", "k")
	token := w.Header().Get("X-Meridian-Version")
	if w.Code != 201 || token == "" {
		t.Fatalf("%d, version %q", w.Code, token)
	}
	if w := ask(m, "GET", "/v1/products", "", "X-Meridian-Version", token); w.Code != 200 || w.Header().Get("X-Meridian-Version") != "" {
		t.Errorf("a read: %d, version %q", w.Code, w.Header().Get("X-Meridian-Version"))
	}
	if w := m.as("acme", "POST", "/v1/seller/products", "{", "Idempotency-Key", "k2"); w.Header().Get("X-Meridian-Version") != "" {
		t.Error("a call that was refused has a version")
	}
	for _, bad := range []string{"x", "-1", "1.5", strings.Repeat("9", 30), fmt.Sprint(time.Now().Add(time.Hour).UnixMilli())} {
		wantProblem(t, ask(m, "GET", "/v1/products", "", "X-Meridian-Version", bad), 400, "bad_request")
	}
}

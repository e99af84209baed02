package api

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every operation refuses query parameters that the document does not list, and those without a body refuse one. Nobody is
// signed in and no domain is there: the refusal comes before both.
func TestOnlyDocumented(t *testing.T) {
	handler := newTestServer(t).Handler()
	for _, o := range contract(t).Operations {
		if !strings.HasPrefix(o.Path, "/v1/") {
			continue
		}
		path := strings.NewReplacer("{", "", "}", "").Replace(o.Path)
		t.Run(o.Method+" "+o.Path, func(t *testing.T) {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(o.Method, path+"?zzz=1", nil))
			p := wantProblem(t, w, 400, "bad_request")
			if len(p.Errors) != 1 || p.Errors[0].Field != "zzz" {
				t.Errorf("the fields are %v, want zzz", p.Errors)
			}
			if o.RequestBody != nil {
				return
			}
			w = httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(o.Method, path, strings.NewReader(`{"foo":1}`)))
			p = wantProblem(t, w, 400, "bad_request")
			if len(p.Errors) != 1 || p.Errors[0].Field != "body" {
				t.Errorf("the fields are %v, want body", p.Errors)
			}
		})
	}
}

func TestTakes_Check(t *testing.T) {
	listing := &takes{query: []string{"category", "limit", "min_price"}}
	for _, test := range []struct {
		name   string
		takes  *takes
		target string
		body   string
		want   []FieldError
	}{
		{"what is listed", listing, "/?limit=1&category=a&category=b", "", nil},
		{"anything for machines", nil, "/?what=ever", "and a body", nil},
		{"a slip", listing, "/?min_prise=1", "", []FieldError{{"min_prise", "is not known here: did you mean min_price?"}}},
		{"far from all", listing, "/?email=x&limit=1", "", []FieldError{{"email", "is not known here: use category, limit, min_price"}}},
		{"nothing is listed", &takes{}, "/?a=1", "", []FieldError{{"a", "is not known here: leave it out, for nothing can be given"}}},
		{"several", listing, "/?limt=1&catgory=1", "", []FieldError{
			{"catgory", "is not known here: did you mean category?"}, {"limt", "is not known here: did you mean limit?"},
		}},
		{"an empty object for no body", listing, "/", " {} ", nil},
		{"a body for no body", listing, "/", "[]", []FieldError{{"body", "must be empty, or {}"}}},
		{"a body where one is taken", &takes{body: true}, "/", "[]", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []FieldError
			if p, ok := test.takes.check(httptest.NewRequest("POST", test.target, strings.NewReader(test.body))).(*Problem); ok {
				got = p.Errors
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if err := listing.check(httptest.NewRequest("GET", "/?a=%zz", nil)); err == nil {
		t.Error("a malformed query was taken")
	}
}

func TestReadJSON_NearestName(t *testing.T) {
	type line struct {
		LineNo   int `json:"line_no"`
		Quantity int `json:"quantity"`
	}
	var in struct {
		Lines []line `json:"lines"`
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader(`{"lines":[{"line_no":1,"quantiti":2}]}`))
	r.Header.Set("Content-Type", "application/json")
	p, ok := readJSON(r, &in).(*Problem)
	want := []FieldError{{"lines[0].quantiti", "is not known here: did you mean quantity?"}}
	if !ok || cmp.Diff(want, p.Errors) != "" {
		t.Errorf("got %+v, want %v", p, want)
	}
}

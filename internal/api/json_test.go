package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/testkit"
)

type testLine struct {
	SKU      string `json:"sku"`
	Quantity int32  `json:"quantity"`
}

type testInput struct {
	Name  string          `json:"name"`
	Count int64           `json:"count"`
	Small *uint8          `json:"small,omitzero"`
	Price float64         `json:"price"`
	Gift  bool            `json:"gift"`
	At    time.Time       `json:"at"`
	ID    uuid.UUID       `json:"id"`
	Lines []testLine      `json:"lines"`
	Attrs json.RawMessage `json:"attrs,omitzero"`
	Map   map[string]int  `json:"map"`
	Until *time.Time      `json:"until,omitzero" null:"yes"`
}

func TestReadJSON(t *testing.T) {
	tests := []struct {
		name, body string
		// field and message are of the field error, detail of the problem: parts of the text.
		field, message, detail string
	}{
		{name: "everything", body: `{"name":"a","count":9223372036854775807,"small":255,"price":1.5,"gift":true,
			"at":"2026-01-31T12:00:00Z","id":"11111111-1111-4111-8111-111111111111","lines":[{"sku":"x","quantity":1}],
			"attrs":{"deep":[1,{"a":null}]},"map":{"a":1}}`},
		{name: "nothing in it", body: `{}`},
		{name: "space around", body: " \n{\"name\":\"a\"}\n "},
		{name: "empty", body: "", detail: "empty"},
		{name: "only space", body: " \n", detail: "empty"},
		{name: "a list", body: `[]`, detail: "one JSON object"},
		{name: "null", body: `null`, detail: "one JSON object"},
		{name: "cut off", body: `{"name":"a"`, detail: "middle"},
		{name: "no JSON", body: `{name:1}`, detail: "goes wrong at byte"},
		{name: "two objects", body: `{}{}`, detail: "after the JSON object"},
		{name: "rubbish after", body: `{} x`, detail: "after the JSON object"},
		{name: "unknown name", body: `{"lines":[{"sku":"a","colour":"red"}]}`, field: "lines[0].colour", message: "is not known"},
		{name: "another case", body: `{"NAME":"a"}`, field: "NAME", message: "is not known"},
		{name: "the same name twice", body: `{"name":"a","name":"b"}`, field: "name", message: "once"},
		{name: "the same name twice, hidden", body: `{"name":"a","n\u0061me":"b"}`, field: "name", message: "once"},
		{name: "twice in what is kept raw", body: `{"attrs":{"a":1,"a":2}}`, field: "attrs.a", message: "once"},
		{name: "whole numbers written otherwise", body: `{"count":4.0,"lines":[{"quantity":1.50e2}]}`},
		{name: "a zero of many digits", body: `{"count":-0.000e999}`},
		{name: "null for a text", body: `{"name":null}`, field: "name", message: "must not be null"},
		{name: "null for an optional number", body: `{"small":null}`, field: "small", message: "must not be null"},
		{name: "null in a list", body: `{"lines":[{"sku":"a"},null]}`, field: "lines[1]", message: "must not be null"},
		{name: "null in an object of a list", body: `{"lines":[{"quantity":null}]}`, field: "lines[0].quantity", message: "must not be null"},
		{name: "null in a map", body: `{"map":{"a":null}}`, field: "map.a", message: "must not be null"},
		{name: "null where it means something", body: `{"until":null}`},
		{name: "null under an unknown name", body: `{"colour":null}`, field: "colour", message: "is not known"},
		{name: "a fraction after an exponent", body: `{"count":15e-1}`, field: "count", message: "whole number"},
		{name: "an exponent out of range", body: `{"count":1e99999}`, field: "count", message: "whole number"},
		{name: "a whole number out of range", body: `{"count":1e19}`, field: "count", message: "out of range"},
		{name: "text for a number", body: `{"count":"1"}`, field: "count", message: "whole number"},
		{name: "fraction for a whole number", body: `{"count":1.5}`, field: "count", message: "whole number"},
		{name: "number too large", body: `{"count":9223372036854775808}`, field: "count", message: "out of range"},
		{name: "number too large for 32 bits", body: `{"lines":[{},{"quantity":2147483648}]}`, field: "lines[1].quantity", message: "2147483647"},
		{name: "negative for unsigned", body: `{"small":-1}`, field: "small", message: "between 0 and 255"},
		{name: "float too large", body: `{"price":1e999}`, field: "price", message: "number"},
		{name: "number for a text", body: `{"name":1}`, field: "name", message: "must be a text"},
		{name: "number for a truth", body: `{"gift":1}`, field: "gift", message: "true or false"},
		{name: "object for a list", body: `{"lines":{}}`, field: "lines", message: "list"},
		{name: "text for an object", body: `{"lines":["a"]}`, field: "lines[0]", message: "object"},
		{name: "no time", body: `{"at":"yesterday"}`, field: "at", message: "time such as"},
		{name: "no uuid", body: `{"id":"1"}`, field: "id", message: "not valid"},
		{name: "NUL in a value", body: `{"name":"a\u0000b"}`, field: "name", message: `\u0000`},
		{name: "NUL in what is kept raw", body: `{"attrs":{"a":["\u0000"]}}`, field: "attrs.a[0]", message: `\u0000`},
		{name: "NUL in a name", body: `{"map":{"\u0000":1}}`, detail: "NUL"},
		{name: "bad UTF-8", body: "{\"name\":\"\xff\"}", detail: "UTF-8"},
		{name: "half a surrogate pair", body: `{"name":"\ud800"}`, detail: "UTF-8"},
		{name: "byte order mark", body: "\xef\xbb\xbf{}", detail: "object"},
		{name: "deep enough", body: `{"attrs":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`},
		{name: "too deep", body: `{"attrs":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, detail: "32 levels"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader(test.body))
			r.Header.Set("Content-Type", "application/json")
			var in testInput
			err := readJSON(r, &in)
			if test.field == "" && test.detail == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			var p *Problem
			if !errors.As(err, &p) {
				t.Fatalf("got %v, want a problem", err)
			}
			if p.Code != "bad_request" || !strings.Contains(p.Detail, test.detail) {
				t.Errorf("problem %q %q, want detail with %q", p.Code, p.Detail, test.detail)
			}
			if test.field != "" && (len(p.Errors) != 1 || p.Errors[0].Field != test.field || !strings.Contains(p.Errors[0].Message, test.message)) {
				t.Errorf("errors %v, want %s: %s", p.Errors, test.field, test.message)
			}
		})
	}
}

func TestWholeDigits(t *testing.T) {
	for number, want := range map[string]string{
		"4": "4", "4.0": "4", "-4.00": "-4", "40e-1": "4", "1.5e1": "15", "1.5E+1": "15", "0": "0", "-0": "0", "0.0e5": "0", "1e3": "1000",
		"9223372036854775807.0": "9223372036854775807", "4.5": "4.5", "1e-1": "1e-1", "100e-3": "100e-3",
	} {
		if got := wholeDigits(number); got != want {
			t.Errorf("%s is %s, want %s", number, got, want)
		}
	}
}

// TestReadJSON_MalformedChunks: a body whose chunks are no chunks is the client's fault.
func TestReadJSON_MalformedChunks(t *testing.T) {
	s := newTestServer(t)
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	for _, chunks := range []string{
		"ZZ\r\n{}\r\n0\r\n\r\n", "-1\r\n{}\r\n", "ffffffffffffffffff\r\n{}\r\n", "2\r\n{}XX0\r\n\r\n", "2;" + strings.Repeat("x", 8<<10),
	} {
		for route, as := range map[string][2]string{
			"POST /v1/sessions": {"application/json"}, "POST /v1/orders": {"application/json"},
			"POST /v1/webhooks/sandbox": {"application/json"}, "POST /v1/seller/imports": {"text/csv", "seller"},
			"POST /v1/finance/rates:import": {"text/csv", "admin"},
		} {
			connection := testkit.Must(net.Dial("tcp", server.Listener.Addr().String()))(t)
			_, _ = fmt.Fprintf(connection, "%s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nIdempotency-Key: k\r\n", route, as[0])
			if as[1] != "" {
				_, _ = fmt.Fprintf(connection, "Authorization: Bearer %s\r\n", as[1])
			}
			_, _ = fmt.Fprintf(connection, "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n%s", chunks)
			_ = connection.(*net.TCPConn).CloseWrite()
			answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
			if err != nil {
				t.Errorf("%s, %.20q: %v", route, chunks, err)
				continue
			}
			if body, _ := io.ReadAll(answer.Body); answer.StatusCode >= 500 {
				t.Errorf("%s, %.20q: %s %s", route, chunks, answer.Status, body)
			}
		}
	}
}

func TestReadJSON_ContentType(t *testing.T) {
	for _, test := range []struct {
		contentType, encoding string
		want                  string
	}{
		{contentType: "application/json"},
		{contentType: "Application/JSON; charset=UTF-8"},
		{contentType: "", want: "unsupported_media_type"},
		{contentType: "text/plain", want: "unsupported_media_type"},
		{contentType: "application/json; charset=latin1", want: "unsupported_media_type"},
		{contentType: "application/json", encoding: "gzip", want: "unsupported_media_type"},
	} {
		t.Run(test.contentType+" "+test.encoding, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader(`{}`))
			r.Header.Set("Content-Type", test.contentType)
			if test.encoding != "" {
				r.Header.Set("Content-Encoding", test.encoding)
			}
			var p *Problem
			err := readJSON(r, new(testInput))
			if errors.As(err, &p) != (test.want != "") || (p != nil && p.Code != test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestReadJSON_BodyLimit(t *testing.T) {
	s := newTestServer(t, func(_ *Deps, c *Config) { c.BodyLimit = 20 })
	h := around(t, s, func(w http.ResponseWriter, r *http.Request) error {
		var in testInput
		if err := readJSON(r, &in); err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, in)
	})
	if w := ask(h, "POST", "/", `{"name":"123456789"}`); w.Code != http.StatusOK {
		t.Errorf("20 bytes answered %d: %s", w.Code, w.Body)
	}
	p := wantProblem(t, ask(h, "POST", "/", `{"name":"1234567890"}`), http.StatusRequestEntityTooLarge, "body_too_large")
	if !strings.Contains(p.Detail, "20 bytes") {
		t.Errorf("detail %q", p.Detail)
	}
}

func TestBodyError(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
	}{
		{&http.MaxBytesError{Limit: 5}, http.StatusRequestEntityTooLarge},
		{fmt.Errorf("read: %w", os.ErrDeadlineExceeded), http.StatusRequestTimeout},
		{io.ErrUnexpectedEOF, http.StatusBadRequest},
		{io.ErrClosedPipe, http.StatusBadRequest},
		{errors.New("invalid byte in chunk length"), http.StatusBadRequest},
	} {
		if _, row := problemOf(bodyError(test.err)); row.status != test.status {
			t.Errorf("%v is answered %d, want %d", test.err, row.status, test.status)
		}
	}
}

func TestWriteJSON(t *testing.T) {
	type answer struct {
		List  []string       `json:"list"`
		Map   map[string]int `json:"map"`
		Left  string         `json:"left,omitzero"`
		HTML  string         `json:"html"`
		Bytes string         `json:"bytes"`
	}
	w := httptest.NewRecorder()
	testkit.NoError(t, writeJSON(w, http.StatusCreated, answer{HTML: "<b>&", Bytes: "\xff"}))
	want := `{"list":[],"map":{},"html":"<b>&","bytes":"�"}`
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Error(diff)
	}
	if w.Code != http.StatusCreated || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("answered %d %q", w.Code, w.Header().Get("Content-Type"))
	}
	unwritten := httptest.NewRecorder()
	if err := writeJSON(unwritten, http.StatusOK, func() {}); err == nil || unwritten.Body.Len() > 0 {
		t.Errorf("what cannot be encoded was answered: %v %q", err, unwritten.Body)
	}
}

// FuzzReadJSON holds the decoder to what the database relies on: whatever it accepts is JSON, in UTF-8, without NUL,
// and reads the same a second time from what it was read into.
func FuzzReadJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"name":"a","lines":[{"sku":"x","quantity":1}],"attrs":{"a":[1,2,{"b":null}]}}`, `{"name":"\u0000"}`,
		`{"count":1e3}`, "{\"name\":\"\xff\"}", `{"attrs":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in testInput
		err := decodeJSON(body, &in)
		var p *Problem
		if err != nil {
			if !errors.As(err, &p) || !utf8.Valid(marshal(p.Errors)) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("accepted %q", body)
		}
		again := marshal(in)
		if strings.Contains(string(again), `\u0000`) {
			t.Fatalf("accepted a NUL: %s", again)
		}
		var second testInput
		if err := decodeJSON(again, &second); err != nil {
			t.Fatalf("accepted %q but not its own %q: %v", body, again, err)
		}
	})
}

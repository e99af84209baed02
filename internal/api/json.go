package api

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds how deeply a request's body may nest.
const maxDepth = 32

// readJSON reads the request's body, one JSON object, into the struct that dst points to. It is strict, so that a
// mistake is told and never guessed at: the type must be application/json; names are compared exactly, unknown and
// repeated ones are refused, as are invalid UTF-8, NUL characters (the database's texts cannot hold them), numbers
// that do not fit, nesting deeper than 32 and anything after the object. Errors name the field.
//
// A field that is absent leaves its zero value: use a pointer where that must be told apart. Null is refused but for a
// field with the tag null:"yes" and what is kept raw. A whole number may be written with a fraction of zero, such as 4.0.
func readJSON(r *http.Request, dst any) error {
	body, err := readBody(r, "application/json")
	if err != nil {
		return err
	}
	return decodeJSON(body, dst)
}

// bodyType returns the body's media type, which must be one of those allowed, in UTF-8 and not compressed; else a
// problem with the detail.
func bodyType(r *http.Request, detail string, allowed ...string) (string, error) {
	got, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	utf8 := charset == "" || charset == "utf-8"
	if err != nil || !slices.Contains(allowed, got) || !utf8 || r.Header.Get("Content-Encoding") != "" {
		return "", &Problem{Code: "unsupported_media_type", Detail: detail}
	}
	return got, nil
}

// fileFormat returns the format of a file of lines that Content-Type names: csv or ndjson.
func fileFormat(r *http.Request) (string, error) {
	const csv, ndjson = "text/csv", "application/x-ndjson"
	got, err := bodyType(r, "Send the file as "+csv+" or "+ndjson+", in UTF-8 and not compressed, and say so in Content-Type.", csv, ndjson)
	switch {
	case err != nil:
		return "", err
	case got == csv:
		return "csv", nil
	}
	return "ndjson", nil
}

// readBody returns the whole body, which must have that media type. The route's limit bounds it.
func readBody(r *http.Request, mediaType string) ([]byte, error) {
	_, err := bodyType(r, "Send the body as "+mediaType+", in UTF-8 and not compressed, and say so in Content-Type.", mediaType)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, bodyError(err)
	}
	return body, nil
}

// bodyError says why a body could not be read to its end. Handlers that read r.Body themselves pass errors through it.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &Problem{Code: "body_too_large", Detail: fmt.Sprintf("Send at most %d bytes.", tooLarge.Limit), Err: err}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Problem{Code: "request_timeout", Detail: "Send the whole body without pausing.", Err: err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		p := BadRequest("The body ended before it was complete.")
		p.Err = err
		return p
	}
	// Whatever else net/http finds wrong is the client's: a chunk without a length, a connection that broke.
	p := BadRequest("The body could not be read: send its Content-Length, or well-formed chunks.")
	p.Err = fmt.Errorf("reading the request's body: %w", err)
	return p
}

// decodeJSON reads a body like readJSON.
func decodeJSON(body []byte, dst any) error {
	if err := checkJSON(body, reflect.TypeOf(dst)); err != nil {
		return err
	}
	if err := json.Unmarshal(body, dst, decoding); err != nil {
		return jsonProblem(err)
	}
	return nil
}

// decoding is how bodies are read.
var decoding = json.JoinOptions(json.RejectUnknownMembers(true), json.WithUnmarshalers(json.JoinUnmarshalers(
	json.UnmarshalFromFunc(readWhole[int64]), json.UnmarshalFromFunc(readWhole[int32]), json.UnmarshalFromFunc(readWhole[int]),
)))

// readWhole reads a whole number, in any way that JSON can write it.
func readWhole[T int | int32 | int64](d *jsontext.Decoder, into *T) error {
	if d.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	value, err := d.ReadValue()
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(wholeDigits(string(value)), 10, reflect.TypeFor[T]().Bits())
	*into = T(n)
	return err
}

// wholeDigits returns a number of JSON as strconv.ParseInt reads it; what is not whole stays as it is.
func wholeDigits(number string) string {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	shift, err := strconv.ParseInt(cmp.Or(exponent, "0"), 10, 16)
	if err != nil {
		return number
	}
	digits, places := whole+fraction, int(shift)-len(fraction)
	switch zeros := max(0, -places); {
	case strings.Trim(digits, "-0") == "":
		return "0"
	case places > 0:
		return digits + strings.Repeat("0", min(places, 20)) // more is out of range in any case
	case zeros < len(digits) && strings.Trim(digits[len(digits)-zeros:], "0") == "":
		return digits[:len(digits)-zeros]
	}
	return number
}

// takesNull reports whether null may stand at a place of a body that is read into a type.
func takesNull(t reflect.Type, place jsontext.Pointer) bool {
	allowed := false
	for token := range place.Tokens() {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t == reflect.TypeFor[jsontext.Value]() {
			return true
		}
		switch t.Kind() {
		case reflect.Struct:
			field, known := membersOf(t)[token]
			if !known {
				return true // refused for its name
			}
			t, allowed = field.Type, field.Tag.Get("null") == "yes"
		case reflect.Slice, reflect.Map:
			t, allowed = t.Elem(), false
		default:
			return true // refused for its type
		}
	}
	return allowed || t == reflect.TypeFor[jsontext.Value]() || t.Kind() == reflect.Interface
}

// checkJSON reads through the body, which is for a type, once for what Unmarshal does not refuse.
func checkJSON(body []byte, into reflect.Type) error {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	if kind := d.PeekKind(); kind != '{' {
		if len(bytes.TrimSpace(body)) == 0 {
			return BadRequest("The body is empty: send one JSON object.")
		}
		return BadRequest("The body must be one JSON object, beginning with {.")
	}
	for begun := false; !begun || d.StackDepth() > 0; begun = true {
		token, err := d.ReadToken()
		if err != nil {
			return jsonProblem(err)
		}
		if d.StackDepth() > maxDepth {
			return BadRequest(fmt.Sprintf("The body nests too deeply: use at most %d levels.", maxDepth))
		}
		if token.Kind() == 'n' && !takesNull(into, d.StackPointer()) {
			return BadRequest("The body is not what this route takes.",
				FieldError{Field: fieldPath(d.StackPointer()), Message: "must not be null: leave it out"})
		}
		if token.Kind() == '"' && strings.ContainsRune(token.String(), 0) {
			return BadRequest("The body holds a NUL character, which no text here can have.",
				FieldError{Field: fieldPath(d.StackPointer()), Message: `must not hold \u0000`})
		}
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return BadRequest("There is something after the JSON object: send one object and nothing else.")
	}
	return nil
}

// jsonProblem says in the client's words what the decoder found wrong.
func jsonProblem(err error) *Problem {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return BadRequest("The body is not what this route takes.", FieldError{
			Field:   fieldPath(semantic.JSONPointer),
			Message: semanticMessage(semantic),
		})
	}
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		return BadRequest("The body has the same name twice in one object.",
			FieldError{Field: fieldPath(syntactic.JSONPointer), Message: "must be given once"})
	case errors.Is(err, io.ErrUnexpectedEOF):
		return BadRequest("The body ends in the middle of its JSON: send one complete object.")
	case errors.As(err, &syntactic):
		return BadRequest(fmt.Sprintf("The body is not JSON in UTF-8; it goes wrong at byte %d.", syntactic.ByteOffset))
	}
	return BadRequest("The body is not JSON.")
}

func semanticMessage(e *json.SemanticError) string {
	if errors.Is(e.Err, json.ErrUnknownName) {
		return unknownName(e.JSONPointer.LastToken(), slices.Sorted(maps.Keys(membersOf(e.GoType))))
	}
	if errors.Is(e.Err, strconv.ErrRange) {
		return "is out of range: " + typeMessage(e.GoType)
	}
	return typeMessage(e.GoType)
}

// membersOf returns the fields of a struct, and of those embedded in it, by their names in JSON.
func membersOf(t reflect.Type) map[string]reflect.StructField {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	members := make(map[string]reflect.StructField)
	for _, field := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			members[name] = field
		}
	}
	return members
}

// typeMessage says what a field of that type takes.
func typeMessage(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "is not valid"
	}
	if t == reflect.TypeFor[time.Time]() {
		return "must be a time such as 2026-01-31T12:00:00Z"
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if t.Bits() == 64 { // the field's own bound says more: it is checked after
			return "must be a whole number"
		}
		most := uint64(1)<<(t.Bits()-1) - 1
		return fmt.Sprintf("must be a whole number between -%d and %d", most+1, most)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("must be a whole number between 0 and %d", ^uint64(0)>>(64-t.Bits()))
	case reflect.Float32, reflect.Float64:
		return "must be a number"
	case reflect.Bool:
		return "must be true or false"
	case reflect.String:
		return "must be a text"
	case reflect.Slice:
		return "must be a list"
	case reflect.Struct, reflect.Map:
		return "must be an object"
	}
	return "is not valid"
}

// fieldPath writes a JSON pointer as clients know fields: "lines[0].quantity". The body itself is "body".
func fieldPath(pointer jsontext.Pointer) string {
	var path strings.Builder
	for token := range pointer.Tokens() {
		if _, err := strconv.ParseUint(token, 10, 32); err == nil && path.Len() > 0 {
			path.WriteString("[" + token + "]")
			continue
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(strings.ToValidUTF8(strings.ReplaceAll(token, "\x00", "�"), "�"))
	}
	if path.Len() == 0 {
		return "body"
	}
	return bounded(path.String(), 200)
}

// bounded cuts text to at most n bytes, at a character's edge.
func bounded(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}

// writeJSON answers with v as JSON. Nil slices are [] and nil maps {}; leave optional members out with omitzero.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	writeEncoded(w, status, body)
	return nil
}

func encode(v any) ([]byte, error) {
	body, err := json.Marshal(v, encoding)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	return body, nil
}

func writeEncoded(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A failed write means that the client is gone: there is nobody left to tell.
	_, _ = w.Write(body)
}

// encoding makes equal values equal bytes. A text with bad UTF-8 is repaired: an answer is better than none.
var encoding = json.JoinOptions(json.Deterministic(true), jsontext.AllowInvalidUTF8(true))

// marshal encodes a value that is known to encode. It panics otherwise.
func marshal(v any) []byte {
	body, err := json.Marshal(v, encoding)
	if err != nil {
		panic(fmt.Sprintf("api: encoding %T: %v", v, err))
	}
	return body
}

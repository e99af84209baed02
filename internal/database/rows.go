package database

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Args holds a statement's arguments by name: @sku in its text stands for Args{"sku": …}.
type Args map[string]any

// With returns the arguments of both.
func (a Args) With(more Args) Args {
	all := maps.Clone(a)
	maps.Copy(all, more)
	return all
}

// QueueArgs queues a statement whose arguments are named. It panics if a name of the text has
// no argument, or an argument no place in the text.
func (b *Batch) QueueArgs(sql string, args Args) *pgx.QueuedQuery {
	text, values := args.Bind(sql)
	return b.Queue(text, values...)
}

// boundText is a statement with numbered arguments, and the name behind each number.
type boundText struct {
	sql   string
	names []string
}

var boundTexts sync.Map // of boundText, by the text with names

// Bind returns the text with numbered arguments in place of names, and their values. It panics
// if a name of the text has no argument, or an argument no place in the text.
func (a Args) Bind(sql string) (string, []any) {
	found, known := boundTexts.Load(sql)
	if !known {
		found, _ = boundTexts.LoadOrStore(sql, bindNames(sql, a))
	}
	text := found.(boundText)
	values := make([]any, len(text.names))
	for i, name := range text.names {
		value, given := a[name]
		if !given {
			panic(fmt.Sprintf("database: @%s has no argument in%s", name, sql))
		}
		values[i] = value
	}
	if len(values) != len(a) {
		unused := slices.DeleteFunc(slices.Sorted(maps.Keys(a)), func(name string) bool { return slices.Contains(text.names, name) })
		panic(fmt.Sprintf("database: arguments %v have no place in%s", unused, sql))
	}
	return text.sql, values
}

// bindNames has pgx number the names; each argument stands for itself, which tells the order.
func bindNames(sql string, args Args) boundText {
	named := make(pgx.NamedArgs, len(args))
	for name := range args {
		named[name] = name
	}
	numbered, order, err := named.RewriteQuery(nil, nil, sql, nil)
	if err != nil {
		panic(fmt.Sprintf("database: %v in%s", err, sql))
	}
	text := boundText{sql: numbered}
	for _, name := range order {
		n, _ := name.(string) // "" for a name without an argument, which Bind reports
		text.names = append(text.names, n)
	}
	return text
}

// Columns returns one array a field of the rows, by the field's column: the arguments of
// Unnest's text. T is a struct whose exported fields are columns (see Unnest).
func Columns[T any](rows []T) Args {
	shape := shapeOf(reflect.TypeFor[T]())
	args := make(Args, len(shape))
	for _, c := range shape {
		array := reflect.MakeSlice(reflect.SliceOf(c.kind), len(rows), len(rows))
		for i := range rows {
			value := reflect.ValueOf(&rows[i]).Elem().FieldByIndex(c.index)
			if c.kind != value.Type() {
				value = value.Convert(c.kind)
			}
			array.Index(i).Set(value)
		}
		args[c.name] = array.Interface()
	}
	return args
}

// Unnest returns the table expression of rows handed over by Columns, for a FROM clause:
//
//	unnest(@region::text[], @id::uuid[]) AS alias (region, id)
//
// A field's column is its `db` tag or its name in snake case; `db:"-"` leaves it out, and the
// fields of embedded structs count as the row's own. Strings, integers, booleans, times, UUIDs,
// JSON and pointers to these are columns; JSON travels as text.
func Unnest[T any](alias string) string {
	var arrays, names []string
	for _, c := range shapeOf(reflect.TypeFor[T]()) {
		arrays = append(arrays, "@"+c.name+"::"+c.sqlType+"[]")
		names = append(names, c.name)
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") AS " + alias + " (" + strings.Join(names, ", ") + ")"
}

// QueueInsert inserts rows into a table, whose columns are the fields of T (see Unnest), in one
// statement. A field whose column has another type than the array's says so in its `cast` tag:
//
//	Region string          `cast:"crdb_internal_region"` // r.region::crdb_internal_region
//	Tags   json.RawMessage // JSON is cast to jsonb by itself
//
// A `sql` tag gives the whole expression instead, with r for the row. then is what follows, such
// as ON CONFLICT DO NOTHING. Nothing is queued for no rows, and nil is returned.
func QueueInsert[T any](b *Batch, table string, rows []T, then ...string) *pgx.QueuedQuery {
	if len(rows) == 0 {
		return nil
	}
	return b.QueueArgs(InsertText[T](table, then...), Columns(rows))
}

// InsertText returns the statement that QueueInsert sends, with named arguments.
func InsertText[T any](table string, then ...string) string {
	var names, values []string
	for _, c := range shapeOf(reflect.TypeFor[T]()) {
		names = append(names, c.name)
		values = append(values, c.value)
	}
	return "\nINSERT INTO " + table + " (" + strings.Join(names, ", ") + ")\nSELECT " + strings.Join(values, ", ") +
		"\nFROM " + Unnest[T]("r") + strings.Join(append([]string{""}, then...), "\n")
}

// column is a field of a row.
type column struct {
	index   []int
	name    string
	kind    reflect.Type // of the array's elements
	sqlType string       // of the array's elements
	value   string       // what an INSERT selects
}

var shapes sync.Map // of []column, by reflect.Type

func shapeOf(row reflect.Type) []column {
	if known, ok := shapes.Load(row); ok {
		return known.([]column)
	}
	var shape []column
	for _, field := range reflect.VisibleFields(row) {
		if field.Anonymous || !field.IsExported() || field.Tag.Get("db") == "-" {
			continue
		}
		shape = append(shape, columnOf(field))
	}
	shapes.Store(row, shape)
	return shape
}

func columnOf(field reflect.StructField) column {
	c := column{index: field.Index, name: field.Tag.Get("db")}
	if c.name == "" {
		c.name = snakeCase(field.Name)
	}
	c.kind, c.sqlType = arrayOf(field.Type)
	c.value = "r." + c.name
	cast := field.Tag.Get("cast")
	if cast == "" && field.Type == reflect.TypeFor[json.RawMessage]() {
		cast = "jsonb"
	}
	if cast != "" {
		c.value += "::" + cast
	}
	if sql := field.Tag.Get("sql"); sql != "" {
		c.value = sql
	}
	return c
}

// arrayOf returns the element type of the array that carries values of a field's type, in Go
// and in SQL.
func arrayOf(t reflect.Type) (reflect.Type, string) {
	element := t
	if t.Kind() == reflect.Pointer {
		element = t.Elem()
	}
	switch element {
	case reflect.TypeFor[uuid.UUID]():
		return t, "uuid"
	case reflect.TypeFor[time.Time]():
		return t, "timestamptz"
	case reflect.TypeFor[json.RawMessage]():
		return reflect.TypeFor[string](), "text"
	case reflect.TypeFor[[]byte]():
		return t, "bytea"
	}
	// A named string or number travels as the plain one, which pgx encodes without reflection.
	plain, sqlType := element, ""
	switch element.Kind() {
	case reflect.String:
		plain, sqlType = reflect.TypeFor[string](), "text"
	case reflect.Int, reflect.Int32, reflect.Int64:
		plain, sqlType = reflect.TypeFor[int64](), "int8"
	case reflect.Bool:
		plain, sqlType = reflect.TypeFor[bool](), "bool"
	default:
		panic(fmt.Sprintf("database: a %s cannot be a column of unnest", t))
	}
	if t.Kind() == reflect.Pointer {
		plain = reflect.PointerTo(plain)
	}
	return plain, sqlType
}

// snakeCase returns a Go name as a column's: OrderID is order_id.
func snakeCase(name string) string {
	var snake strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		startsWord := i > 0 && unicode.IsUpper(r) &&
			(unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if startsWord {
			snake.WriteByte('_')
		}
		snake.WriteRune(unicode.ToLower(r))
	}
	return snake.String()
}

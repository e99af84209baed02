package database

import (
	"context"
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
	"github.com/jackc/pgx/v5/pgtype/zeronull"
)

// The rows of a table are a struct, whose exported fields are its columns: Select and Scan read
// them, QueueInsert writes many of them in one statement, Unnest and Columns hand them to any
// other statement. A field's column is its name in snake case, or what its db tag says:
//
//	Currency money.Currency                   // currency
//	Group    string      `db:"customer_group"`
//	Ref      regions.Ref `db:"*"`             // the fields of Ref: region, id
//	Cart     regions.Ref `db:"cart_*"`        // cart_region, cart_id
//	Created  time.Time   `db:",read"`         // read, never inserted
//	PricedAt time.Time   `db:",null"`         // NULL is read as the zero value
//	Lines    []Line      `db:"-"`             // no column
//
// The fields of embedded structs count as the row's own. Other structs, slices and maps are
// jsonb.
//
// Many rows travel as one array per column, which unnest puts together again. The alternative,
// one JSON text that jsonb_to_recordset takes apart, is slower where it matters: on PostgreSQL 15
// a row as wide as an order takes 0.8 times as long alone, but 8 rows take 1.2 and 32 rows 1.3
// times as long. Reflection and named arguments cost nothing that can be measured against code
// written for one struct. BenchmarkRows prints both ratios. unnest of several arrays has run on
// CockroachDB since 21.1; jsonb_to_recordset was not tried there.

// Args holds a statement's arguments by name: @sku in its text stands for Args{"sku": …}.
type Args map[string]any

// With returns the arguments of both.
func (a Args) With(more Args) Args {
	all := maps.Clone(a)
	maps.Copy(all, more)
	return all
}

// Query is a query that one package hands to another's statement, with its named arguments.
type Query struct {
	SQL  string
	Args Args
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
	numbered, order, err := named.RewriteQuery(context.Background(), nil, sql, nil)
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

// Columns returns one array per column of the rows, by the column's name: the arguments of
// Unnest's text. It panics where a field that is JSON cannot be encoded.
func Columns[T any](rows []T) Args {
	shape := shapeOf(reflect.TypeFor[T]())
	args := make(Args, len(shape))
	for _, c := range shape {
		if c.readOnly {
			continue
		}
		array := reflect.MakeSlice(reflect.SliceOf(c.kind), len(rows), len(rows))
		for i := range rows {
			array.Index(i).Set(c.element(reflect.ValueOf(&rows[i]).Elem().FieldByIndex(c.index)))
		}
		args[c.name] = array.Interface()
	}
	return args
}

// Unnest returns the table expression of rows that Columns hands over, for a FROM clause:
//
//	unnest(@region::text[], @id::uuid[]) AS alias (region, id)
//
// JSON travels as text, and so does any named type of strings.
func Unnest[T any](alias string) string {
	var arrays, names []string
	for _, c := range shapeOf(reflect.TypeFor[T]()) {
		if !c.readOnly {
			arrays = append(arrays, "@"+c.name+"::"+c.sqlType+"[]")
			names = append(names, c.name)
		}
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") AS " + alias + " (" + strings.Join(names, ", ") + ")"
}

// QueueInsert inserts rows into a table in one statement. JSON is cast to jsonb, and a string
// whose column is named region, or something_region, to crdb_internal_region. A cast tag names
// another type; a sql tag gives the whole expression, with r for the row:
//
//	StockRegions string `sql:"string_to_array(r.stock_regions, ',')::crdb_internal_region[]"`
//
// then is what follows, such as ON CONFLICT DO NOTHING. Nothing is queued for no rows, and nil is
// returned.
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
		if !c.readOnly {
			names = append(names, c.name)
			values = append(values, c.value)
		}
	}
	return "\nINSERT INTO " + table + " (" + strings.Join(names, ", ") + ")\nSELECT " + strings.Join(values, ", ") +
		"\nFROM " + Unnest[T]("r") + strings.Join(append([]string{""}, then...), "\n")
}

// QueueInsertWhere inserts one row if a condition holds when the batch runs. condition is SQL
// whose arguments are named, none of them like a column of the row.
func QueueInsertWhere[T any](b *Batch, table string, row T, condition string, args Args) *pgx.QueuedQuery {
	return b.QueueArgs(InsertText[T](table, "WHERE "+condition), Columns([]T{row}).With(args))
}

// Select returns the columns of T as a SELECT list, with the table's alias before each. Scan
// reads them.
func Select[T any](alias string) string {
	var list []string
	for _, c := range shapeOf(reflect.TypeFor[T]()) {
		list = append(list, alias+"."+c.name)
	}
	return strings.Join(list, ", ")
}

// Scan returns a row of the columns that Select lists.
func Scan[T any](row pgx.CollectableRow) (T, error) {
	var one T
	err := row.Scan(Targets(&one)...)
	return one, err
}

// Targets returns where the columns that Select lists are scanned to, in their order, for a
// statement that selects more than a row.
func Targets[T any](row *T) []any {
	shape := shapeOf(reflect.TypeFor[T]())
	targets := make([]any, len(shape))
	value := reflect.ValueOf(row).Elem()
	for i, c := range shape {
		targets[i] = value.FieldByIndex(c.index).Addr().Interface()
		if at, ok := targets[i].(*time.Time); ok && c.nullable {
			targets[i] = (*zeronull.Timestamptz)(at)
		}
	}
	return targets
}

// column is a column of a row's table and the field that holds it.
type column struct {
	index    []int
	name     string
	readOnly bool         // not inserted
	nullable bool         // NULL is the zero value
	isJSON   bool         // and not encoded yet
	kind     reflect.Type // of the array's elements
	sqlType  string       // of the array's elements
	value    string       // what an INSERT selects
}

// element returns a field's value as an element of the column's array.
func (c column) element(field reflect.Value) reflect.Value {
	switch {
	case c.isJSON:
		text, err := json.Marshal(field.Interface())
		if err != nil {
			panic(fmt.Sprintf("database: encode column %s: %v", c.name, err))
		}
		return reflect.ValueOf(string(text))
	case c.kind != field.Type():
		return field.Convert(c.kind)
	}
	return field
}

var shapes sync.Map // of []column, by reflect.Type

// shapeOf returns the columns of a row's struct.
func shapeOf(row reflect.Type) []column {
	if known, ok := shapes.Load(row); ok {
		return known.([]column)
	}
	shape := columnsOf(row, nil, "")
	shapes.Store(row, shape)
	return shape
}

// columnsOf returns the columns of a struct that stands at index in a row, prefix before each
// name.
func columnsOf(row reflect.Type, index []int, prefix string) []column {
	var shape []column
	for i := range row.NumField() {
		field := row.Field(i)
		field.Index = append(slices.Clone(index), i)
		name, option, _ := strings.Cut(field.Tag.Get("db"), ",")
		flat, isFlat := strings.CutSuffix(name, "*")
		switch {
		case name == "-", !field.IsExported() && !field.Anonymous:
		case isFlat, field.Anonymous && name == "":
			shape = append(shape, columnsOf(field.Type, field.Index, prefix+flat)...)
		default:
			if name == "" {
				name = snakeCase(field.Name)
			}
			shape = append(shape, columnOf(field, prefix+name, option))
		}
	}
	return shape
}

func columnOf(field reflect.StructField, name, option string) column {
	c := column{index: field.Index, name: name, readOnly: option == "read", nullable: option == "null", value: "r." + name}
	c.kind, c.sqlType, c.isJSON = arrayOf(field.Type)
	cast := field.Tag.Get("cast")
	switch {
	case cast != "":
	case c.isJSON, field.Type == reflect.TypeFor[json.RawMessage]():
		cast = "jsonb"
	case c.sqlType == "text" && (name == "region" || strings.HasSuffix(name, "_region")):
		cast = "crdb_internal_region"
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
// and in SQL, and whether they are encoded as JSON.
func arrayOf(t reflect.Type) (kind reflect.Type, sqlType string, isJSON bool) {
	element := t
	if t.Kind() == reflect.Pointer {
		element = t.Elem()
	}
	switch element {
	case reflect.TypeFor[uuid.UUID]():
		return t, "uuid", false
	case reflect.TypeFor[time.Time]():
		return t, "timestamptz", false
	case reflect.TypeFor[json.RawMessage]():
		return reflect.TypeFor[string](), "text", false
	case reflect.TypeFor[[]byte]():
		return t, "bytea", false
	}
	// A named string or number travels as the plain one, which pgx encodes without reflection.
	plain := element
	switch element.Kind() {
	case reflect.String:
		plain, sqlType = reflect.TypeFor[string](), "text"
	case reflect.Int, reflect.Int32, reflect.Int64:
		plain, sqlType = reflect.TypeFor[int64](), "int8"
	case reflect.Float64:
		plain, sqlType = reflect.TypeFor[float64](), "float8"
	case reflect.Bool:
		plain, sqlType = reflect.TypeFor[bool](), "bool"
	case reflect.Struct, reflect.Slice, reflect.Map, reflect.Interface:
		return reflect.TypeFor[string](), "text", true
	default:
		panic(fmt.Sprintf("database: a %s cannot be a column", t))
	}
	if t.Kind() == reflect.Pointer {
		plain = reflect.PointerTo(plain)
	}
	return plain, sqlType, false
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

package database_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

type kind string

type shippedRow struct {
	Kind      kind `db:"id"`
	Account   *uuid.UUID
	AtMinor   int64 `db:"priced_minor"`
	Sent      time.Time
	IsLate    bool
	Details   json.RawMessage
	ViaURL    string `db:"-"`
	Nickname  *kind
	SKUCodes2 string `sql:"string_to_array(r.sku_codes2, ',')"`
}

func TestColumns(t *testing.T) {
	id, nick, at := uuid.New(), kind("n"), time.Unix(1, 0)
	got := database.Columns([]shippedRow{
		{Kind: "a", Account: &id, AtMinor: 1, Sent: at, IsLate: true, Details: json.RawMessage(`{}`), Nickname: &nick, SKUCodes2: "x,y"},
		{Kind: "b"},
	})
	plainNick := "n"
	want := database.Args{
		"id": []string{"a", "b"}, "account": []*uuid.UUID{&id, nil}, "priced_minor": []int64{1, 0}, "sent": []time.Time{at, {}},
		"is_late": []bool{true, false}, "details": []string{"{}", ""}, "nickname": []*string{&plainNick, nil}, "sku_codes2": []string{"x,y", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

func TestInsertText(t *testing.T) {
	want := `
INSERT INTO shipped (id, account, priced_minor, sent, is_late, details, nickname, sku_codes2)
SELECT r.id, r.account, r.priced_minor, r.sent, r.is_late, r.details::jsonb, r.nickname, string_to_array(r.sku_codes2, ',')
FROM unnest(@id::text[], @account::uuid[], @priced_minor::int8[], @sent::timestamptz[], @is_late::bool[], @details::text[], ` +
		`@nickname::text[], @sku_codes2::text[]) AS r (id, account, priced_minor, sent, is_late, details, nickname, sku_codes2)
ON CONFLICT DO NOTHING`
	if diff := cmp.Diff(want, database.InsertText[shippedRow]("shipped", "ON CONFLICT DO NOTHING")); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestQueueInsert(t *testing.T) {
	type row struct {
		ID      uuid.UUID
		Region  string `cast:"text"`
		Payload json.RawMessage
		At      *time.Time
	}
	url, conn := newNumbers(t)
	db := open(t, url)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE inserted (id UUID PRIMARY KEY, region TEXT NOT NULL, payload JSONB NOT NULL, at TIMESTAMPTZ)`); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	rows := []row{
		{ID: uuid.New(), Region: "eu-west", Payload: json.RawMessage(`{"a": 1}`), At: &now},
		{ID: uuid.New(), Region: "us-east", Payload: json.RawMessage(`[]`)},
	}
	err := db.Write(t.Context(), func(b *database.Batch) error {
		if database.QueueInsert(b, "inserted", []row(nil)) != nil {
			t.Error("a statement is queued for no rows")
		}
		database.QueueInsert(b, "inserted", rows)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := database.List(t.Context(), db, pgx.RowToStructByName[row], `SELECT id, region, payload, at FROM inserted ORDER BY region`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// TestScan reads back a row with flattened, embedded, JSON and read-only columns.
func TestScan(t *testing.T) {
	type ref struct {
		Region string `cast:"text"`
		ID     uuid.UUID
	}
	type base struct {
		Name   string
		Places []string
	}
	type row struct {
		base
		Ref    ref       `db:"*"`
		Cart   ref       `db:"cart_*"`
		Absent time.Time `db:",null"`
		Counts int64     `db:"n,read"`
		Cached int       `db:"-"`
		hidden int
	}
	url, conn := newNumbers(t)
	db := open(t, url)
	exec(t, conn, `CREATE TABLE scanned (name text, places jsonb, region text, id uuid, cart_region text, cart_id uuid, absent timestamptz, n int8 DEFAULT 7)`)
	want := row{base: base{"a", []string{"x", "y"}}, Ref: ref{"eu-west", uuid.New()}, Cart: ref{"us-east", uuid.New()}, Cached: 1, hidden: 1}
	err := db.Write(t.Context(), func(b *database.Batch) error {
		database.QueueInsert(b, "scanned", []row{want})
		database.QueueInsertWhere(b, "scanned", want, "@really::bool", database.Args{"really": false})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, conn, `UPDATE scanned SET absent = NULL`)
	got, err := database.One(t.Context(), db, database.Scan[row], `SELECT `+database.Select[row]("s")+` FROM scanned s`)
	want.Counts, want.Cached, want.hidden = 7, 0, 0
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{}, base{})); diff != "" || err != nil {
		t.Errorf("row (-want +got):\n%s%v", diff, err)
	}
	if text := database.Select[row]("s"); text != "s.name, s.places, s.region, s.id, s.cart_region, s.cart_id, s.absent, s.n" {
		t.Errorf("select %s", text)
	}
}

func TestArgs_Bind(t *testing.T) {
	args := database.Args{"sku": "A", "n": 2}
	for range 2 { // the second time from memory
		text, values := args.Bind(`SELECT @sku, @n, @sku`)
		if text != `SELECT $1, $2, $1` || !cmp.Equal(values, []any{"A", 2}) {
			t.Errorf("bound %q with %v", text, values)
		}
	}
	for name, args := range map[string]database.Args{
		"a name without an argument": {"sku": "A"},
		"an argument without a name": {"sku": "A", "n": 2, "m": 3},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("did not panic")
				}
			}()
			args.Bind(`SELECT @sku, @n, @sku, 1`)
		})
	}
}

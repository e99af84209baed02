package database_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"meridian/internal/database"
	"meridian/internal/testkit/databasetest"
)

// PerHome finds the rows that a query over all of the regions would, whatever the limit.
func TestPerHome(t *testing.T) {
	db := databasetest.New(t)
	databasetest.Exec(t, db, `CREATE TABLE things (home text, at int8, PRIMARY KEY (home, at))`)
	homes := []string{"us-east", "us-west", "eu-west"}
	rapid.Check(t, func(rt *rapid.T) {
		at := rapid.Permutation(slices.Collect(func(yield func(int64) bool) {
			for i := int64(0); i < 12 && yield(i); i++ {
			}
		})).Draw(rt, "at")
		databasetest.Exec(t, db, `TRUNCATE things`)
		for i, n := range at {
			databasetest.Exec(t, db, `INSERT INTO things (home, at) VALUES ($1, $2)`, homes[i*i%len(homes)], n)
		}
		of := homes[:rapid.IntRange(1, len(homes)).Draw(rt, "homes")]
		args := database.Args{"limit": rapid.IntRange(1, 12).Draw(rt, "limit")}
		sql, values := args.Bind(`
SELECT t.at
FROM ` + database.PerHome(of, args, func(home string) string {
			return `SELECT at FROM things WHERE home = ` + home + ` ORDER BY at DESC LIMIT @limit::int8`
		}) + ` AS t
ORDER BY t.at DESC
LIMIT @limit::int8`)
		got, err := database.List(t.Context(), db, pgx.RowTo[int64], sql, values...)
		if err != nil {
			rt.Fatal(err)
		}
		want, err := database.List(t.Context(), db, pgx.RowTo[int64], `
SELECT at
FROM things
WHERE home = ANY($1::text[])
ORDER BY at DESC
LIMIT $2::int8`, of, args["limit"])
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("of %v (-want +got):\n%s", of, diff)
		}
	})
}

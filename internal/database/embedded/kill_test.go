package embedded

import (
	"net/url"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"meridian/internal/testkit"
)

func TestKill(t *testing.T) {
	dir := folder(t)
	p := start(t, PostgresConfig{Dir: dir, Durable: true})
	execute(t, p.URL("postgres"), "CREATE TABLE kept AS SELECT 'committed' AS word")
	open := testkit.Must(pgx.Connect(t.Context(), p.URL("postgres")))(t)
	defer open.Close(t.Context())
	testkit.Must(open.Exec(t.Context(), "BEGIN; INSERT INTO kept VALUES ('not committed')"))(t)
	children, err := childrenOf(p.PID())
	if err != nil || len(children) < 2 {
		t.Fatalf("the server has the processes %v, %v: want those behind it, and that of the connection", children, err)
	}
	testkit.NoError(t, p.Kill())
	for _, pid := range append(children, p.PID()) {
		if isRunning(pid) {
			t.Errorf("pid %d survived", pid)
		}
	}
	if _, err := open.Exec(t.Context(), "COMMIT"); err == nil {
		t.Error("a killed server commits")
	}

	again := start(t, PostgresConfig{Dir: dir, Durable: true, Port: portOf(t, p)})
	if got := query(t, again.URL("postgres"), "SELECT string_agg(word, ',') FROM kept"); got != "committed" {
		t.Errorf("after the kill the table holds %q, want what was committed", got)
	}
}

func portOf(t *testing.T, p *Postgres) int {
	t.Helper()
	u := testkit.Must(url.Parse(p.URL("postgres")))(t)
	port := testkit.Must(strconv.Atoi(u.Port()))(t)
	return port
}

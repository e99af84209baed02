package databasetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
	"meridian/schema"
)

// templateLock serialises the making of templates: the number of an advisory lock on the server.
const templateLock = 8214

// cloneStrategy is how PostgreSQL copies the template: BenchmarkNew says why.
const cloneStrategy = "STRATEGY FILE_COPY"

var templateOnce struct {
	sync.Mutex
	name string
}

// template returns the name of the migrated template, which the first process makes. After a failure the next test tries
// again, so that each reports the cause.
func (s *server) template(ctx context.Context) (string, error) {
	templateOnce.Lock()
	defer templateOnce.Unlock()
	if templateOnce.name != "" {
		return templateOnce.name, nil
	}
	set, err := regions.Shipped()
	if err != nil {
		return "", err
	}
	fingerprint, err := schemaFingerprint(database.PostgreSQL, set)
	if err != nil {
		return "", err
	}
	name := "template_" + fingerprint
	if err := s.makeTemplate(ctx, name, set); err != nil {
		return "", err
	}
	templateOnce.name = name
	return name, nil
}

// schemaFingerprint changes when anything changes that an empty database would be sent.
func schemaFingerprint(engine database.Engine, set *regions.Set) (string, error) {
	plan, err := schema.Plan(engine, set, "shop")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(strings.Join(plan, ";\n")))
	return hex.EncodeToString(sum[:6]), nil
}

// makeTemplate migrates a database under another name and renames it when it is complete, so that a template of that name
// is always whole. The lock ends with its connection if this process is killed.
func (s *server) makeTemplate(ctx context.Context, name string, set *regions.Set) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, templateLock); err != nil {
		return err
	}
	var exists bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name).Scan(&exists)
	if err != nil || exists {
		return err
	}
	unfinished := "new_" + name
	for _, sql := range []string{
		"DROP DATABASE IF EXISTS " + unfinished + " WITH (FORCE)",
		"CREATE DATABASE " + unfinished + " TEMPLATE template0",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	if err := schema.Up(ctx, onDatabase(s.url, unfinished), set); err != nil {
		return fmt.Errorf("run the migrations: %w", err)
	}
	_, err = conn.Exec(ctx, "ALTER DATABASE "+unfinished+" RENAME TO "+name)
	return err
}

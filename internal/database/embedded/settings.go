package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// settingsFile is the part of the configuration that Meridian writes anew at each start. What the operator puts in
// localSettingsFile, beside it, is read after it and so wins.
const (
	settingsFile      = "meridian.conf"
	localSettingsFile = "local.conf"
)

// commonSettings apply to every server. The log holds what the server says of itself only: statements, their
// parameters and the rows named in error details may be personal data.
const commonSettings = `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
timezone = 'UTC'
log_timezone = 'UTC'
default_transaction_isolation = 'serializable'

# A predicate lock on a whole small table makes strangers conflict: more and finer locks, and index scans preferred.
max_pred_locks_per_transaction = 256
max_pred_locks_per_page = 16
random_page_cost = 1.1

log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
log_line_prefix = '%m [%p] '
`

// durableSettings keep committed data through a power cut. 200 connections are 40 for each of four regions, and a
// reserve for workers, tools and people. A new shop's tables grow a thousandfold in the first minute, so autovacuum
// runs often enough for the plans to follow.
const durableSettings = `
max_connections = 200
shared_buffers = '256MB'
max_wal_size = '2GB'
fsync = on
synchronous_commit = on
full_page_writes = on
autovacuum_naptime = '5s'
`

// throwawaySettings are for data that may be lost in a power cut. Several test processes run at once, each with four
// regions. Autovacuum would only disturb databases that live for a second, and parallel workers need more shared
// memory than containers have.
const throwawaySettings = `
max_connections = 500
shared_buffers = '128MB'
max_wal_size = '1GB'
checkpoint_timeout = '1h'
wal_level = minimal
max_wal_senders = 0
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
max_parallel_workers_per_gather = 0
`

// settings returns the text of settingsFile.
func settings(durable bool) string {
	text := "# Written by Meridian at each start. Put settings of your own in " + localSettingsFile + ".\n" + commonSettings
	if durable {
		return text + durableSettings
	}
	return text + throwawaySettings
}

// writeSettings writes the settings into the data folder and makes postgresql.conf include them.
func writeSettings(data string, durable bool, a *account) error {
	if err := writeOwned(filepath.Join(data, settingsFile), settings(durable), a); err != nil {
		return err
	}
	main := filepath.Join(data, "postgresql.conf")
	text, err := os.ReadFile(main)
	if err != nil {
		return fmt.Errorf("read the database's settings: %w", err)
	}
	include := fmt.Sprintf("\ninclude_if_exists '%s'\ninclude_if_exists '%s'\n", settingsFile, localSettingsFile)
	if strings.HasSuffix(string(text), include) {
		return nil
	}
	return writeOwned(main, string(text)+include, a)
}

// writeOwned writes a file that only the account can read.
func writeOwned(path, text string, a *account) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the database's files: %w", err)
	}
	return a.own(path)
}

package database

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// QueueVersion adds to a batch what puts a version of a row in force from its valid_from on:
// the row's columns by name, in a table that has a row for each version, with its period in
// valid_from and valid_to. key are the columns that name the row through all its versions. The
// version before ends there (QueueEndVersions); one that was to begin at the same instant
// gives up its place.
func QueueVersion(b *Batch, table string, key []string, row Args) {
	of := make(Args, len(key))
	for _, column := range key {
		of[column] = row[column]
	}
	QueueEndVersions(b, table, of, row["valid_from"].(time.Time))
	unique := append(slices.Clone(key), "valid_from")
	columns := slices.Sorted(maps.Keys(row))
	var replaced []string
	for _, column := range columns {
		if !slices.Contains(unique, column) {
			replaced = append(replaced, column+" = excluded."+column)
		}
	}
	b.QueueArgs(`
INSERT INTO `+table+` (`+strings.Join(columns, ", ")+`)
VALUES (@`+strings.Join(columns, ", @")+`)
ON CONFLICT (`+strings.Join(unique, ", ")+`) DO UPDATE SET `+strings.Join(replaced, ", "), row)
}

// QueueEndVersions adds to a batch what ends the version that is in force at an instant.
// Versions that were to begin later never do: they end where they begin.
func QueueEndVersions(b *Batch, table string, key Args, at time.Time) {
	where := ""
	for _, column := range slices.Sorted(maps.Keys(key)) {
		where += column + " = @" + column + " AND "
	}
	b.QueueArgs(`
UPDATE `+table+` SET valid_to = CASE WHEN valid_from > @end::timestamptz THEN valid_from ELSE @end::timestamptz END
WHERE `+where+`(valid_to IS NULL OR valid_to > @end::timestamptz)`, key.With(Args{"end": at}))
}

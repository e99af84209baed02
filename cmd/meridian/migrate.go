package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/regions"
	"meridian/schema"
)

func newMigrateCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "migrate",
		Short: "Migrate a database to this binary's schema, or show what that takes",
		Long: `Migrates a database to this binary's schema and regions. Migrations only go forward; each
statement is recorded when it is done, and pods that start at once wait for each other.

A new region is a YAML file in regions/ and one 'meridian migrate up'.`,
	}
	command.AddCommand(newMigrateUpCommand(), newMigrateStatusCommand(), newMigratePlanCommand())
	return command
}

func newMigrateUpCommand() *cobra.Command {
	var flags databaseFlags
	command := &cobra.Command{
		Use:     "up",
		Short:   "Apply what is missing: regions, migrations, warehouses",
		Example: `  meridian migrate up --database-url postgres://root@localhost:26257/shop`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return migrateUp(c, flags) },
	}
	flags.register(command)
	return command
}

// migrateUp brings the database to this binary's schema, regions and warehouses.
func migrateUp(c *cobra.Command, flags databaseFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	set, err := regions.Shipped()
	if err != nil {
		return err
	}
	if err := schema.Up(c.Context(), flags.url, set); err != nil {
		return err
	}
	db, _, err := flags.open(c, database.Config{})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := inventory.SyncWarehouses(c.Context(), db, set); err != nil {
		return err
	}
	version, err := schema.Current(c.Context(), db)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "The database is at version %d, with the regions %s.\n", version, strings.Join(set.Names(), ", "))
	return nil
}

func newMigrateStatusCommand() *cobra.Command {
	var flags databaseFlags
	command := &cobra.Command{
		Use:     "status",
		Short:   "List the migrations and which are applied; exits 1 if any is missing",
		Example: `  meridian migrate status --database-url postgres://root@localhost:26257/shop`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return migrateStatus(c, flags) },
	}
	flags.register(command)
	return command
}

// migrateStatus lists the migrations. It returns an error if any is missing.
func migrateStatus(c *cobra.Command, flags databaseFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	all, err := schema.Status(c.Context(), flags.url)
	if err != nil {
		return err
	}
	missing := 0
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, m := range all {
		at := "missing"
		if m.At.IsZero() {
			missing++
		} else {
			at = m.At.UTC().Format("2006-01-02 15:04:05")
		}
		first, _, _ := strings.Cut(m.SQL, "\n")
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", m.Version, at, m.File, strings.TrimSuffix(first, " ("))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d statements are missing: run meridian migrate up", missing, len(all))
	}
	return nil
}

func newMigratePlanCommand() *cobra.Command {
	var flags databaseFlags
	var engine, name string
	command := &cobra.Command{
		Use:   "plan",
		Short: "Print exactly what an empty database would be sent",
		Long: `Prints the statements that make the schema in an empty database, in their order. They are those
for the engine of the database that --database-url or --dir names, and for CockroachDB if none
is named.`,
		Example: `  meridian migrate plan --engine cockroach
  meridian migrate plan --engine postgres --database shop
  meridian migrate plan --database-url postgres://root@localhost:26257/shop`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return migratePlan(c, flags, engine, name) },
	}
	flags.register(command)
	command.Flags().StringVar(&engine, "engine", "", "cockroach or postgres; by default that of the database named, else cockroach")
	command.Flags().StringVar(&name, "database", "meridian", "name of the database")
	return command
}

func migratePlan(c *cobra.Command, flags databaseFlags, engine, name string) error {
	chosen, err := planEngine(c, flags, engine)
	if err != nil {
		return err
	}
	set, err := regions.Shipped()
	if err != nil {
		return err
	}
	plan, err := schema.Plan(chosen, set, name)
	if err != nil {
		return err
	}
	for _, statement := range plan {
		fmt.Fprintf(c.OutOrStdout(), "%s;\n\n", statement)
	}
	return nil
}

// planEngine returns the engine of that name; without one it asks the database that is named, if any.
func planEngine(c *cobra.Command, flags databaseFlags, name string) (database.Engine, error) {
	switch {
	case name == "postgres":
		return database.PostgreSQL, nil
	case name == "cockroach" || name == "" && flags.url == "":
		return database.CockroachDB, nil
	case name != "":
		return "", usageError{fmt.Errorf("engine %q is not known: use cockroach or postgres", name)}
	}
	db, _, err := flags.open(c, database.Config{MaxConns: 1})
	if err != nil {
		return "", err
	}
	defer db.Close()
	return db.Engine(), nil
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/local"
	"meridian/regions"
	"meridian/schema"
)

func newMigrateCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "migrate",
		Short: "Bring a database to this binary's schema, or show what that takes",
		Long: `Brings a database to this binary's schema and regions. Migrations go forward only; each
statement is recorded when it is done, and pods that start at once wait for each other.

A new region is a YAML file in regions/ and one 'meridian migrate up'.`,
	}
	command.AddCommand(newMigrateUpCommand(), newMigrateStatusCommand(), newMigratePlanCommand())
	return command
}

// databaseURLFlag adds the flag that names the database. Without it and its variable it is
// that of the shop that is open in this folder.
func databaseURLFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "database-url", "", "postgres:// URL of the shop's database [MERIDIAN_DATABASE_URL]; else the shop that "+
		"'meridian up' has open in this folder")
	c.PreRunE = func(*cobra.Command, []string) error {
		if *into = cmp.Or(*into, os.Getenv("MERIDIAN_DATABASE_URL")); *into != "" {
			return nil
		}
		shop, err := local.Opened(local.DefaultDir)
		if errors.Is(err, local.ErrClosed) {
			return nil // the command says what to do
		}
		*into = shop.DatabaseURL
		return err
	}
}

var errNoDatabaseURL = usageError{errors.New("no database is named: give --database-url, set MERIDIAN_DATABASE_URL, or start " +
	"'meridian up' in this folder")}

func newMigrateUpCommand() *cobra.Command {
	var databaseURL string
	command := &cobra.Command{
		Use:     "up",
		Short:   "Apply what is missing: regions, migrations, warehouses",
		Example: `  meridian migrate up --database-url postgres://root@localhost:26257/shop`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if databaseURL == "" {
				return errNoDatabaseURL
			}
			set, err := regions.Shipped()
			if err != nil {
				return err
			}
			if err := schema.Up(c.Context(), databaseURL, set); err != nil {
				return err
			}
			db, err := database.Open(c.Context(), database.Config{URL: databaseURL, Region: set.Primary().Name, ApplicationName: "meridian-migrate"})
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
		},
	}
	databaseURLFlag(command, &databaseURL)
	return command
}

func newMigrateStatusCommand() *cobra.Command {
	var databaseURL string
	command := &cobra.Command{
		Use:     "status",
		Short:   "List the migrations and which are applied; exits 1 if any is missing",
		Example: `  meridian migrate status --database-url postgres://root@localhost:26257/shop`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if databaseURL == "" {
				return errNoDatabaseURL
			}
			all, err := schema.Status(c.Context(), databaseURL)
			if err != nil {
				return err
			}
			missing := 0
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, m := range all {
				at := "missing"
				if !m.At.IsZero() {
					at = m.At.UTC().Format("2006-01-02 15:04:05")
				} else {
					missing++
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
		},
	}
	databaseURLFlag(command, &databaseURL)
	return command
}

func newMigratePlanCommand() *cobra.Command {
	var engine, name string
	command := &cobra.Command{
		Use:   "plan",
		Short: "Print exactly what an empty database would be sent",
		Example: `  meridian migrate plan --engine cockroach
  meridian migrate plan --engine postgres --database shop`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			engines := map[string]database.Engine{"cockroach": database.CockroachDB, "postgres": database.PostgreSQL}
			chosen, ok := engines[engine]
			if !ok {
				return usageError{fmt.Errorf("engine %q is not known: use cockroach or postgres", engine)}
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
		},
	}
	command.Flags().StringVar(&engine, "engine", "cockroach", "cockroach or postgres")
	command.Flags().StringVar(&name, "database", "meridian", "name of the database")
	return command
}

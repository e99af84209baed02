package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"meridian/internal/database"
	"meridian/internal/local"
	"meridian/regions"
)

func newSearchCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "search",
		Short: "Show, rebuild and compare the search indexes",
		Long: `Manages the search indexes: one in each region, or one in each pod if the engine is
embedded. They follow the database automatically.`,
	}
	command.AddCommand(newSearchStatusCommand(), newSearchReindexCommand(), newSearchCompareCommand(), newSearchEvalCommand())
	return command
}

// A searchShop selects the shop whose indexes are managed, by its database, and the regions.
type searchShop struct {
	databaseURL, dir, region string
}

func (s *searchShop) register(c *cobra.Command) {
	c.Flags().StringVar(&s.databaseURL, "database-url", "", "postgres:// URL of the shop's database [MERIDIAN_DATABASE_URL]; else the shop that is open in --dir")
	c.Flags().StringVar(&s.dir, "dir", local.DefaultDir, "folder of a shop that 'meridian up' has open")
	c.Flags().StringVar(&s.region, "region", "", "only the indexes of this region")
}

// open connects to the shop's database, and returns the selected regions.
func (s *searchShop) open(c *cobra.Command) (db *database.DB, names []string, err error) {
	shipped, err := regions.Shipped()
	if err != nil {
		return nil, nil, err
	}
	names = shipped.Names()
	if s.region != "" {
		if _, ok := shipped.Get(s.region); !ok {
			return nil, nil, usageError{fmt.Errorf("--region %q is not known: use one of %s", s.region, strings.Join(names, ", "))}
		}
		names = []string{s.region}
	}
	if err := s.find(); err != nil {
		return nil, nil, err
	}
	db, err = database.Open(c.Context(), database.Config{
		URL: s.databaseURL, Region: shipped.Primary().Name, ApplicationName: "meridian-search", MaxConns: 2,
	})
	return db, names, err
}

// find sets the database's URL, if it was not given, to that of the open shop.
func (s *searchShop) find() error {
	if s.databaseURL = cmp.Or(s.databaseURL, os.Getenv("MERIDIAN_DATABASE_URL")); s.databaseURL != "" {
		return nil
	}
	shop, err := local.Opened(s.dir)
	if errors.Is(err, local.ErrClosed) {
		return usageError{fmt.Errorf("no database is named: give --database-url, set MERIDIAN_DATABASE_URL, or --dir of an open shop (%w)", err)}
	}
	s.databaseURL = shop.DatabaseURL
	return err
}

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"meridian/internal/database"
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

// searchFlags select the shop whose indexes are managed, and the region if only one is meant.
type searchFlags struct {
	databaseFlags
	only string
}

func (s *searchFlags) register(c *cobra.Command) {
	s.databaseFlags.register(c)
	c.Flags().StringVar(&s.only, "region", "", "only the indexes of this region")
}

// open connects to the shop's database and returns the names of the regions asked for. The caller closes the database.
func (s *searchFlags) open(c *cobra.Command) (db *database.DB, names []string, err error) {
	set, err := regions.Shipped()
	if err != nil {
		return nil, nil, err
	}
	names = set.Names()
	if s.only != "" {
		if _, ok := set.Get(s.only); !ok {
			return nil, nil, usageError{fmt.Errorf("--region %q is not known: use one of %s", s.only, strings.Join(names, ", "))}
		}
		names = []string{s.only}
	}
	db, _, err = s.databaseFlags.open(c, database.Config{MaxConns: 2})
	return db, names, err
}

package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/search/indexer"
	"meridian/regions"
)

// mostAside is the number of set-aside products that are listed.
const mostAside = 20

func newSearchStatusCommand() *cobra.Command {
	var shop searchFlags
	command := &cobra.Command{
		Use:   "status",
		Short: "List the search indexes: their documents, lag and set-aside products",
		Long: `Lists the search index of each region, or of each of its pods if the engine is embedded, as
its feed last reported it: engine, documents, how far it is behind the database, state, and
how many products it could not take. Those are listed below with the reason; they are tried
again when they change, and by 'meridian search compare'. The state "stopped" means that no
process feeds the index, "none" that the region has no index.`,
		Example: `  meridian search status
  meridian search status --region eu-west --database-url postgres://shop@db.example:26257/shop`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return searchStatus(c, &shop) },
	}
	shop.register(command)
	return command
}

func searchStatus(c *cobra.Command, shop *searchFlags) error {
	db, names, err := shop.open(c)
	if err != nil {
		return err
	}
	defer db.Close()
	replicas, err := indexer.Replicas(c.Context(), db, names)
	if err != nil {
		return err
	}
	aside, err := indexer.SetAside(c.Context(), db, names, mostAside)
	if err != nil {
		return err
	}
	writeReplicas(c.OutOrStdout(), names, replicas)
	writeAside(c.OutOrStdout(), aside)
	return nil
}

func writeReplicas(out io.Writer, names []string, replicas []indexer.Replica) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "REGION\tINDEX\tENGINE\tDOCUMENTS\tSIZE\tBEHIND\tSET ASIDE\tSTATE")
	for _, region := range names {
		none := true
		for _, r := range replicas {
			if r.Region != region {
				continue
			}
			none = false
			state := string(r.State)
			if r.Detail != "" {
				state += ": " + r.Detail
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%d\t%s\n", r.Region, r.ID, r.Engine, r.Documents, size(r.Bytes), behind(r.Lag), r.SetAside,
				state)
		}
		if none {
			fmt.Fprintf(w, "%s\t–\t–\t–\t–\t–\t–\tnone\n", region)
		}
	}
	_ = w.Flush()
}

// behind formats a lag for people.
func behind(lag time.Duration) string {
	if lag < 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f s", lag.Seconds())
}

// size formats a number of bytes for people.
func size(bytes int64) string {
	if bytes <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

func writeAside(out io.Writer, aside []indexer.Aside) {
	if len(aside) == 0 {
		return
	}
	fmt.Fprintln(out, "\nSet aside, the latest first:")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, a := range aside {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", regions.FormatGlobalID(regions.ProductPrefix, a.Product), a.Region, a.Since.Format(time.RFC3339),
			a.Reason)
	}
	_ = w.Flush()
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/lab/report"
	"meridian/internal/local"
	"meridian/internal/local/pair"
)

func newLabCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "lab",
		Short: "Cut and slow the links between the regions of an open shop, and end regions",
		Long: `Changes the distances of a shop that 'meridian up --wan' has open, while it runs: cuts links,
slows them, loses what they carry, narrows them, and mends them; ends a region as a crash does
and brings it back. Sites are the regions and the payment provider. A direction that is cut
holds what is sent, as a broken line does: nothing is reset, and it arrives after 'heal'.`,
		Example: `  meridian up --wan --standby eu-west     # in another terminal
  meridian lab status
  meridian lab cut eu-west us-east --both
  meridian lab slow ap-southeast --by 500ms
  meridian lab heal
  meridian lab kill us-east
  meridian lab start us-east`,
	}
	command.AddCommand(newLabStatusCommand(),
		newLabCutCommand(), newLabSlowCommand(), newLabLossCommand(), newLabBandwidthCommand(), newLabHealCommand(),
		newLabRegionCommand(local.LabKill, "End a region at once, as a crash does",
			`Ends the region's server as a crash does: its connections are reset, and what it was doing is
lost. The database's server ends with its region. With 'meridian up --standby' the standby
takes over from the primary.`),
		newLabRegionCommand(local.LabStart, "Bring a region back that was ended",
			`Starts the region's server again. A server of the database that is not the primary any more
comes back as a standby, with a new copy of the primary's data.`))
	return command
}

// labFlags select the lab, and say how its state is printed.
type labFlags struct {
	dir    string
	asJSON bool
}

func (f *labFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.dir, "dir", local.DefaultDir, "folder of the shop that 'meridian up --wan' has open")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print the state as one JSON object")
}

// do sends a command, or asks for the state if it is empty, and prints the state after it.
func (f *labFlags) do(c *cobra.Command, command local.LabCommand) error {
	lab, err := local.OpenedLab(f.dir)
	if errors.Is(err, local.ErrClosed) {
		return usageError{fmt.Errorf("%w: open it with meridian up --wan, or name its folder with --dir", err)}
	}
	if err != nil {
		return err
	}
	var status local.LabStatus
	if command.Do == "" {
		status, err = lab.Status(c.Context())
	} else {
		status, err = lab.Do(c.Context(), command)
	}
	if err != nil {
		return err
	}
	if f.asJSON {
		return json.NewEncoder(c.OutOrStdout()).Encode(status)
	}
	return printLab(c.OutOrStdout(), status)
}

func newLabStatusCommand() *cobra.Command {
	var f labFlags
	command := &cobra.Command{
		Use:   "status",
		Short: "Show the links and the regions",
		Long:  `Shows the round trips between the sites, the links that were changed, and which regions are up.`,
		Example: `  meridian lab status
  meridian lab status --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.do(c, local.LabCommand{}) },
	}
	f.register(command)
	return command
}

// newLinkCommand returns a command on the links between sites, which the arguments name. need is the flag that must be given,
// "" for none.
func newLinkCommand(command *cobra.Command, least, most int, need string, fill func(*local.LabCommand)) *cobra.Command {
	var f labFlags
	command.Args = func(c *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usageError{fmt.Errorf("%d arguments: use %s", len(args), c.UseLine())}
		}
		if need != "" && !c.Flags().Changed(need) {
			return usageError{fmt.Errorf("--%s is missing (see %s --help)", need, c.CommandPath())}
		}
		return nil
	}
	command.RunE = func(c *cobra.Command, args []string) error {
		do := local.LabCommand{Do: c.Name()}
		for i, into := range []*string{&do.From, &do.To}[:len(args)] {
			*into = args[i]
		}
		fill(&do)
		return f.do(c, do)
	}
	f.register(command)
	return command
}

func bothFlag(c *cobra.Command, into *bool) {
	c.Flags().BoolVar(into, "both", false, "both directions")
}

func newLabCutCommand() *cobra.Command {
	var both bool
	command := newLinkCommand(&cobra.Command{
		Use:   "cut FROM TO",
		Short: "Hold everything that one site sends to another",
		Long: `Cuts the direction from one site to another, or with --both the other one as well. What is sent
is held, and arrives after 'meridian lab heal'.`,
		Example: `  meridian lab cut eu-west us-east
  meridian lab cut eu-west provider --both`,
	}, 2, 2, "", func(c *local.LabCommand) { c.Both = both })
	bothFlag(command, &both)
	return command
}

// changedLinks says which links a command with one or two sites changes.
const changedLinks = `With one site, all links from and to it; with two, the direction from the
first to the second, or with --both the other one as well.`

func newLabSlowCommand() *cobra.Command {
	var both bool
	var by time.Duration
	command := newLinkCommand(&cobra.Command{
		Use:   "slow SITE [TO]",
		Short: "Make links slower",
		Long:  "Adds a time to the real delay, one way. " + changedLinks,
		Example: `  meridian lab slow ap-southeast --by 500ms
  meridian lab slow eu-west us-east --by 2s --both`,
	}, 1, 2, "by", func(c *local.LabCommand) { c.Both, c.By = both, by })
	bothFlag(command, &both)
	command.Flags().DurationVar(&by, "by", 0, "how much slower, one way, such as 200ms or 2s")
	return command
}

func newLabLossCommand() *cobra.Command {
	var both bool
	var share float64
	command := newLinkCommand(&cobra.Command{
		Use:   "loss SITE [TO]",
		Short: "Lose a share of what links carry",
		Long: `Loses that share of the segments. The links carry TCP, which sends a lost segment again: its
connection stalls for a round trip and 200 ms. ` + changedLinks,
		Example: `  meridian lab loss eu-west us-east --share 0.02 --both
  meridian lab loss eu-west --share 0`,
	}, 1, 2, "share", func(c *local.LabCommand) { c.Both, c.Share = both, share })
	bothFlag(command, &both)
	command.Flags().Float64Var(&share, "share", 0, "share of the segments, between 0 and 0.9")
	return command
}

func newLabBandwidthCommand() *cobra.Command {
	var both bool
	var rate int64
	command := newLinkCommand(&cobra.Command{
		Use:   "bandwidth SITE [TO]",
		Short: "Limit what links carry in a second",
		Long:  "Limits the bytes that a link carries in a second, for all its connections together. " + changedLinks,
		Example: `  meridian lab bandwidth eu-west us-east --rate 125000 --both
  meridian lab bandwidth eu-west --rate 0`,
	}, 1, 2, "rate", func(c *local.LabCommand) { c.Both, c.Rate = both, rate })
	bothFlag(command, &both)
	command.Flags().Int64Var(&rate, "rate", 0, "bytes a second, 1000 or more; 0 for no limit")
	return command
}

func newLabHealCommand() *cobra.Command {
	return newLinkCommand(&cobra.Command{
		Use:   "heal [SITE [TO]]",
		Short: "Give links their real distances again",
		Long: `Undoes what cut, slow, loss and bandwidth did: everywhere, for all links of a site, or for both
directions between two.`,
		Example: `  meridian lab heal
  meridian lab heal eu-west us-east`,
	}, 0, 2, "", func(*local.LabCommand) {})
}

// newLabRegionCommand returns a command on a region as a whole.
func newLabRegionCommand(name, short, long string) *cobra.Command {
	return newLinkCommand(&cobra.Command{
		Use: name + " REGION", Short: short, Long: long, Example: "  meridian lab " + name + " eu-west",
	}, 1, 1, "", func(*local.LabCommand) {})
}

// printLab prints the state of the lab for people.
func printLab(out io.Writer, s local.LabStatus) error {
	for _, r := range s.Regions {
		state := "up"
		if !r.Up {
			state = "DOWN"
		}
		fmt.Fprintf(out, "%-14s %s\n", r.Name, state)
	}
	if d := s.Database; d != nil {
		fmt.Fprintf(out, "%-14s %s\n", "database", describeDatabase(*d))
	}
	fmt.Fprintln(out)
	delays := make(map[[2]string]time.Duration, len(s.Links))
	for _, l := range s.Links {
		delays[[2]string{l.From, l.To}] = l.Delay
	}
	header := []any{"round trip, ms"}
	for _, site := range s.Sites {
		header = append(header, site)
	}
	table := report.NewFigures(out, header...)
	for _, from := range s.Sites {
		row := []any{from}
		for _, to := range s.Sites {
			row = append(row, roundTrip(delays[[2]string{from, to}]+delays[[2]string{to, from}]))
		}
		table.Row(row...)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	printChanged(out, s.Links)
	return nil
}

// describeDatabase says in a line where the database is and what it can promise.
func describeDatabase(d pair.Status) string {
	text := fmt.Sprintf("primary in %s, generation %d", d.Primary, d.Generation)
	if d.TookOver > 0 {
		text += fmt.Sprintf(", took over in %s", d.TookOver.Round(time.Millisecond))
	}
	switch d.Mode {
	case pair.Synchronous:
		return text + "; synchronous standby in " + d.Standby
	case pair.Asynchronous:
		return text + "; the standby in " + d.Standby + " is lost or catches up: no failover"
	case pair.Down:
		return "DOWN, the " + text
	}
	return text + "; no standby"
}

// roundTrip prints a round trip in milliseconds, and nothing for that of a site to itself.
func roundTrip(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.4g", float64(d)/float64(time.Millisecond))
}

// printChanged prints the links that are not as they were at first.
func printChanged(out io.Writer, links []local.LabLink) {
	for _, l := range links {
		if !l.Changed {
			continue
		}
		var what []string
		if l.Cut {
			what = append(what, "CUT")
		}
		what = append(what, fmt.Sprintf("delay %s", l.Delay))
		if l.Loss > 0 {
			what = append(what, fmt.Sprintf("loss %.3g %%", 100*l.Loss))
		}
		if l.Bandwidth > 0 {
			what = append(what, fmt.Sprintf("bandwidth %d bytes/s", l.Bandwidth))
		}
		fmt.Fprintf(out, "%s to %s: %s\n", l.From, l.To, strings.Join(what, ", "))
	}
}

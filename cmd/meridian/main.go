// Command meridian is the whole of Meridian: `meridian up` opens the shop in four regions
// on this machine, `meridian serve` is one stateless pod of one region.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// The exit codes: what was asked for failed, was asked for wrongly, or was done in part.
const (
	exitFailed = 1
	exitUsage  = 2
	exitPartly = 3
)

// A usageError is a mistake in how a command was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// A partlyError says what was left out of something that was done otherwise.
type partlyError struct{ error }

func (e partlyError) Unwrap() error { return e.error }

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "meridian:", err)
	return exitCode(err)
}

// exitCode returns the exit code for an error.
func exitCode(err error) int {
	switch {
	case errors.As(err, new(usageError)):
		return exitUsage
	case errors.As(err, new(partlyError)):
		return exitPartly
	}
	return exitFailed
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "meridian",
		Short: "An online shop that is open in several regions at once",
		Long: `Meridian is an online shop that is open in several regions at once, over one
distributed SQL database.

Start with:  meridian up`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w (see %s --help)", err, c.CommandPath())}
	})
	root.AddGroup(&cobra.Group{ID: "run", Title: "Run the shop:"}, &cobra.Group{ID: "operate", Title: "Operate it:"},
		&cobra.Group{ID: "prove", Title: "Prove it:"})
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("run", newUpCommand(), newServeCommand(), newWorkerCommand(), newEdgeCommand(), newDNSCommand(), newSandboxCommand())
	add("operate", newMigrateCommand(), newImportCommand(), newFXCommand(), newPricesCommand(), newReportCommand(), newAccountCommand(),
		newSearchCommand(), newRegionCommand(), newGeoCommand(), newVerifyCommand())
	add("prove", newDemoCommand(), newLabCommand(), newChaosCommand(), newBenchCommand(), newBareServerCommand(), newReplayCommand())
	strict(root)
	return root
}

// strict turns mistakes in arguments into usage errors, in a command and all below it. So it does with an unknown
// subcommand, for which cobra would print the help and exit 0.
func strict(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	if c.HasParent() && c.HasSubCommands() && !c.Runnable() {
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q for %q (see %s --help)", args[0], c.CommandPath(), c.CommandPath())}
			}
			return c.Help()
		}
	}
	for _, below := range c.Commands() {
		strict(below)
	}
}

// version returns the module's version and the commit that the binary was built from, or "development" without them.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return fmt.Sprintf("%s (commit %.12s)", info.Main.Version, setting.Value)
		}
	}
	return "development"
}

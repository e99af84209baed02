package main

import (
	"errors"

	"github.com/spf13/cobra"

	"meridian/internal/pod"
)

func newServeCommand() *cobra.Command {
	var flags podFlags
	var found announceFlags
	var address, pprofAddress string
	var worker bool
	command := &cobra.Command{
		Use:   "serve",
		Short: "Run one stateless pod of one region",
		Long: `Runs one stateless pod of one region: the HTTP API, and with --worker the region's
background work too. On SIGTERM it reports that it is not ready, finishes the requests in
flight, and ends. With --advertise it announces itself to Consul while it runs, healthy as long
as it is ready.
` + podEnvironment + "\n" + consulEnvironment,
		Example: `  meridian serve --region eu-west --database-url postgres://shop@db.eu-west:26257/shop
  meridian serve --region us-east --listen :8080 --worker=false
  meridian serve --region eu-west --advertise http://10.2.1.5:8080 --zone eu-west-1b`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runServe(c, &flags, &found, address, pprofAddress, worker)
		},
	}
	flags.register(command)
	found.register(command)
	pprofFlag(command, &pprofAddress)
	command.Flags().StringVar(&address, "listen", environment("MERIDIAN_LISTEN", ":8080"), "address to listen on [MERIDIAN_LISTEN]")
	command.Flags().BoolVar(&worker, "worker", true, "do the region's background work too")
	return command
}

// runServe runs a pod until the command is stopped.
func runServe(c *cobra.Command, flags *podFlags, found *announceFlags, address, pprofAddress string, worker bool) error {
	config, err := flags.config(c.ErrOrStderr())
	if err != nil {
		return err
	}
	if config.Directory, config.Instance, err = found.directory(config.Regions, config.Region, address, config.Log); err != nil {
		return usageError{err}
	}
	if err := config.Validate(); err != nil {
		return usageError{err}
	}
	stopPprof, err := servePprof(pprofAddress, c.OutOrStdout())
	if err != nil {
		return err
	}
	defer stopPprof()
	listener, err := listen(address, "--listen")
	if err != nil {
		return err
	}
	flags.describe(c.OutOrStdout(), listener.Addr().String())
	p, err := pod.New(c.Context(), config)
	if err != nil {
		return errors.Join(stopped(c.Context(), err), listener.Close())
	}
	err = p.Serve(c.Context(), listener, worker)
	return errors.Join(err, p.Close(c.Context()))
}

func newWorkerCommand() *cobra.Command {
	var flags podFlags
	var metrics string
	command := &cobra.Command{
		Use:   "worker",
		Short: "Do one region's background work",
		Long: `Does one region's background work: webhooks, payments without an answer, orders that
expire, refunds, events, and what a failed region left behind. Any number may run.
` + podEnvironment,
		Example: `  meridian worker --region eu-west --database-url postgres://shop@db.eu-west:26257/shop
  meridian worker --region eu-west --metrics-listen :9090`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return work(c, &flags, metrics) },
	}
	flags.register(command)
	metricsFlag(command, &metrics)
	return command
}

// work does the region's background work until the command is stopped.
func work(c *cobra.Command, flags *podFlags, metrics string) error {
	config, err := flags.config(c.ErrOrStderr())
	if err != nil {
		return err
	}
	if config.Search.Engine == pod.SearchBleve {
		config.Search = pod.SearchConfig{} // an embedded index is fed by the pod that has it
	}
	flags.describe(c.OutOrStdout(), "")
	p, err := pod.New(c.Context(), config)
	if err != nil {
		return stopped(c.Context(), err)
	}
	stopMetrics, err := serveMetrics(c.Context(), metrics, p.ServeMetrics)
	if err != nil {
		return errors.Join(err, p.Close(c.Context()))
	}
	p.Work(c.Context())
	return errors.Join(stopMetrics(), p.Close(c.Context()))
}

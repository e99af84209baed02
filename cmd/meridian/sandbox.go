package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/payment/sandbox"
	"meridian/internal/telemetry"
)

func newSandboxCommand() *cobra.Command {
	var listen, webhookURL, stateFile string
	var delay, patience time.Duration
	command := &cobra.Command{
		Use:   "sandbox",
		Short: "Run the payment provider that takes no money",
		Long: `Runs the payment provider that takes no money: a server that pods call over HTTP, with
signed webhooks, and test cards that choose what happens to a payment (see its front page).
It is for trying the shop, never for selling.

Secrets come from the environment: MERIDIAN_SANDBOX_API_KEY and
MERIDIAN_SANDBOX_WEBHOOK_SECRET, 16 characters or more each, the same as the pods'.`,
		Example: `  meridian sandbox --listen :8085 --webhook-url http://edge.internal:8080/v1/webhooks/sandbox`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := telemetry.NewLogger(c.ErrOrStderr(), telemetry.LogConfig{Format: environment("MERIDIAN_LOG_FORMAT", "json")})
			if err != nil {
				return usageError{err}
			}
			server, err := sandbox.NewServer(sandbox.Config{
				APIKey: os.Getenv("MERIDIAN_SANDBOX_API_KEY"), Secret: os.Getenv("MERIDIAN_SANDBOX_WEBHOOK_SECRET"),
				WebhookURL: func(string, int) string { return webhookURL }, StateFile: stateFile, Logger: log,
				Delay: delay, MaxBackoff: patience,
			})
			if err != nil {
				return usageError{err}
			}
			return serveSandbox(c.Context(), server, listen)
		},
	}
	flags := command.Flags()
	flags.StringVar(&listen, "listen", environment("MERIDIAN_LISTEN", ":8085"), "address to listen on [MERIDIAN_LISTEN]")
	flags.StringVar(&webhookURL, "webhook-url", "", "where webhooks go; empty sends none")
	flags.StringVar(&stateFile, "state-file", "", "where payments are kept over restarts; empty keeps them in memory")
	flags.DurationVar(&delay, "delay", 20*time.Millisecond, "how long after its answer a payment or refund comes to its end")
	flags.DurationVar(&patience, "webhook-pause", time.Minute,
		"longest pause before a webhook that was not taken is sent again; the first are shorter")
	return command
}

// serveSandbox runs the server on address until ctx ends.
func serveSandbox(ctx context.Context, server *sandbox.Server, address string) error {
	listener, err := listen(address, "--listen")
	if err != nil {
		return errors.Join(err, server.Close())
	}
	return server.Serve(ctx, listener)
}

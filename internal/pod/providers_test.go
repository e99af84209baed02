package pod

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"meridian/internal/database"
	"meridian/internal/payment/sandbox"
	"meridian/internal/payment/stripe"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// A pod takes payments through the providers that it was given, and no others.
func TestNew_Providers(t *testing.T) {
	set := testkit.Must(regions.Shipped())(t)
	company := sandbox.ClientConfig{BaseURL: "http://127.0.0.1:1", APIKey: "the key of the sandbox",
		WebhookSecret: "the secret of the sandbox"}
	account := stripe.Config{SecretKey: "sk_test_meridian1234", WebhookSecrets: []string{"whsec_meridian_test_secret"},
		Capture: stripe.CaptureManual}
	url := databasetest.URL(t)
	for _, tt := range []struct {
		name    string
		sandbox sandbox.ClientConfig
		stripe  stripe.Config
		want    []string
	}{
		{"none", sandbox.ClientConfig{}, stripe.Config{Capture: stripe.CaptureAutomatic}, nil},
		{"stripe", sandbox.ClientConfig{}, account, []string{"stripe"}},
		{"both", company, account, []string{"sandbox", "stripe"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := testkit.Must(New(t.Context(), Config{
				Regions: set, Region: "eu-west", Database: database.Config{URL: url}, Secret: bytes.Repeat([]byte("s"), 32),
				Sandbox: tt.sandbox, Stripe: tt.stripe,
			}))(t)
			defer func() { _ = p.Close(t.Context()) }()
			if got := slices.Sorted(maps.Keys(p.Orders.Providers)); !slices.Equal(got, tt.want) {
				t.Errorf("providers %q, want %q", got, tt.want)
			}
		})
	}
}

// Half of an account at Stripe is a fault that names what is missing, and shows nothing that is secret.
func TestConfigValidate_Stripe(t *testing.T) {
	for name, half := range map[string]stripe.Config{
		"no webhook secret": {SecretKey: "sk_live_hunter2hunter2"},
		"no key":            {WebhookSecrets: []string{"whsec_hunter2hunter2"}},
	} {
		err := Config{Stripe: half}.Validate()
		if err == nil || !strings.Contains(err.Error(), "MERIDIAN_STRIPE_SECRET_KEY") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

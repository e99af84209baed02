package local

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/lab/wan"
	"meridian/internal/testkit"
	"meridian/regions"
)

// openWideShop opens a shop with the real distances, on a database that is in the primary region.
func openWideShop(t *testing.T) *Shop {
	t.Helper()
	shop := openShop(t, func(c *Config) { c.WAN = true })
	shop.sell(t, "FAR")
	shop.receive(t, "FAR", "use-1", 100)
	<-shop.Ready()
	return shop
}

// roundTrip is the distance between two sites, there and back.
func (s *Shop) roundTrip(t *testing.T, from, to string) time.Duration {
	t.Helper()
	there, back := testkit.Must(s.network.Base(from, to))(t), testkit.Must(s.network.Base(to, from))(t)
	return there.Delay + back.Delay
}

// TestWAN_Distance: what a region does takes the distance to the database as often as it crosses it, at least. The times are
// printed as multiples of that distance: the first visit to a statement prepares it on its connection, which is a trip of
// its own.
func TestWAN_Distance(t *testing.T) {
	const times = 3
	shop := openWideShop(t)
	far := []string{"us-east", "eu-west", "ap-southeast"}
	for _, region := range far {
		distance := shop.roundTrip(t, region, "us-east")
		for i := range times {
			checkout, read := shop.measure(t, region)
			t.Logf("%s, time %d: a checkout takes %.1f times the distance to the database, a read of an order %.1f times", region, i+1,
				float64(checkout)/float64(distance), float64(read)/float64(distance))
			// A checkout reads the cart and then writes the order: two round trips. A read is one.
			if checkout < 2*distance || read < distance {
				t.Errorf("%s is %s from the database: a checkout took %s, a read %s", region, distance, checkout, read)
			}
		}
	}
	if states := shop.settle(t); states["paid"] != int64(times*len(far)) {
		t.Errorf("orders = %v, want all paid", states)
	}
	shop.audit(t)
}

// measure buys in a region and returns how long the checkout and a read of the order took.
func (s *Shop) measure(t *testing.T, region string) (checkout, read time.Duration) {
	t.Helper()
	b := buyer{region: region, country: "US", card: "card_success", lines: []line{{"FAR", 1}}}
	cart := testkit.Must(s.begin(t.Context(), b))(t)
	began := time.Now()
	bought, err := s.checkOut(t.Context(), b, cart, "")
	checkout = time.Since(began)
	if err != nil || bought.status != http.StatusCreated {
		t.Fatalf("checkout in %s: %d %s, %v", region, bought.status, bought.code, err)
	}
	began = time.Now()
	testkit.Must(bought.orderStatus(t.Context()))(t)
	return checkout, time.Since(began)
}

// served asks an edge as a shopper of a country and returns the region that answered.
func served(ctx context.Context, edge, country string) (region string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, edge+"/v1/categories", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("CF-IPCountry", country)
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", errors.New(response.Status)
	}
	return response.Header.Get("X-Meridian-Region"), nil
}

// TestWAN_Loss: lines are cut and a region is ended, and shoppers are served.
func TestWAN_Loss(t *testing.T) {
	shop := openWideShop(t)
	t.Run("cut", shop.testCut)
	t.Run("kill", shop.testKill)
}

// testCut: an edge that is cut off from the nearest region serves its shoppers from another, and from the nearest again
// when the line is mended. A region that is cut off from the database serves nobody, and its edge sends them to another.
func (s *Shop) testCut(t *testing.T) {
	edges := s.EdgeURLs()
	await := func(edge, want string) {
		t.Helper()
		testkit.Eventually(t, "the edge of "+edge+" to serve from "+want, func() bool {
			region, err := served(t.Context(), edges[edge], "DE")
			return err == nil && region == want
		})
	}
	await("us-west", "eu-west")
	await("eu-west", "eu-west")
	testkit.NoError(t, s.Lab(t.Context(), LabCommand{Do: LabCut, From: "us-west", To: "eu-west"}))
	await("us-west", "us-east")
	await("eu-west", "eu-west")
	testkit.NoError(t, s.Lab(t.Context(), LabCommand{Do: LabHeal}))
	await("us-west", "eu-west")
	testkit.NoError(t, s.Lab(t.Context(), LabCommand{Do: LabCut, From: "eu-west", To: "us-east"}))
	await("eu-west", "us-west")
	testkit.NoError(t, s.Lab(t.Context(), LabCommand{Do: LabHeal}))
	await("eu-west", "eu-west")
}

// testKill: a region that is ended is served by others, and comes back.
func (s *Shop) testKill(t *testing.T) {
	lab := testkit.Must(OpenedLab(s.config.Dir))(t)
	status := testkit.Must(lab.Do(t.Context(), LabCommand{Do: LabKill, From: "eu-west"}))(t)
	if diff := cmp.Diff([]LabRegion{{"us-east", true}, {"ap-southeast", true}, {"eu-west", false}, {"us-west", true}},
		status.Regions); diff != "" {
		t.Errorf("the regions differ (-want +got):\n%s", diff)
	}
	testkit.Eventually(t, "the edge to serve a German from elsewhere", func() bool {
		region, err := served(t.Context(), s.EdgeURLs()["eu-west"], "DE")
		return err == nil && region == "us-east"
	})
	if _, err := lab.Do(t.Context(), LabCommand{Do: LabKill, From: "eu-west"}); err == nil || !strings.Contains(err.Error(), "down") {
		t.Errorf("killing it again: %v", err)
	}
	testkit.Must(lab.Do(t.Context(), LabCommand{Do: LabStart, From: "eu-west"}))(t)
	testkit.Eventually(t, "the edge to serve a German from home", func() bool {
		region, err := served(t.Context(), s.EdgeURLs()["eu-west"], "DE")
		return err == nil && region == "eu-west"
	})
}

// TestLab: what the lab is told, it does.
func TestLab(t *testing.T) {
	shop := openShop(t, func(c *Config) { c.WAN = true })
	<-shop.Ready()
	t.Run("commands", shop.testLabCommands)
	t.Run("refusals", shop.testLabRefusals)
}

// testLabCommands: each command changes the links that it names, and no others.
func (s *Shop) testLabCommands(t *testing.T) {
	lab := testkit.Must(OpenedLab(s.config.Dir))(t)
	const count = 4 * 2 // links of a site, with three other regions and the provider
	for _, c := range []struct {
		name    string
		command LabCommand
		changed int
		is      func(now, base wan.Link) bool
	}{
		{"cut", LabCommand{Do: LabCut, From: "eu-west", To: "us-east"}, 1, func(now, _ wan.Link) bool { return now.Cut }},
		{"cut both", LabCommand{Do: LabCut, From: "eu-west", To: "provider", Both: true}, 2,
			func(now, _ wan.Link) bool { return now.Cut }},
		{"slow all", LabCommand{Do: LabSlow, From: "us-west", By: time.Second}, count,
			func(now, base wan.Link) bool { return now.Delay == base.Delay+time.Second }},
		{"loss", LabCommand{Do: LabLoss, From: "us-west", To: "us-east", Share: 0.1}, 1,
			func(now, _ wan.Link) bool { return now.Loss == 0.1 }},
		{"bandwidth", LabCommand{Do: LabBandwidth, From: "us-west", Rate: 5000}, count,
			func(now, _ wan.Link) bool { return now.Bandwidth == 5000 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			status := testkit.Must(lab.Do(t.Context(), c.command))(t)
			changed := 0
			for _, l := range status.Links {
				if base := testkit.Must(s.network.Base(l.From, l.To))(t); l.Changed {
					changed++
					if !c.is(l.Link, base) {
						t.Errorf("%s to %s is %+v", l.From, l.To, l.Link)
					}
				}
			}
			if changed != c.changed {
				t.Errorf("%d links were changed, want %d", changed, c.changed)
			}
			for _, l := range testkit.Must(lab.Do(t.Context(), LabCommand{Do: LabHeal, From: c.command.From, To: c.command.To}))(t).Links {
				if l.Changed {
					t.Errorf("%s to %s is %+v after heal", l.From, l.To, l.Link)
				}
			}
		})
	}
}

// testLabRefusals: a command that makes no sense names its fault and changes nothing.
func (s *Shop) testLabRefusals(t *testing.T) {
	lab := testkit.Must(OpenedLab(s.config.Dir))(t)
	for want, command := range map[string]LabCommand{
		"cannot \"explode\"":  {Do: "explode"},
		"two sites":           {Do: LabCut, From: "eu-west"},
		"one site":            {Do: LabCut, From: "eu-west", To: "eu-west"},
		"\"mars\"":            {Do: LabSlow, From: "eu-west", To: "mars", By: 1},
		"above zero":          {Do: LabSlow, From: "eu-west"},
		"loss 2":              {Do: LabLoss, From: "eu-west", Share: 2},
		"bandwidth 3":         {Do: LabBandwidth, From: "eu-west", Rate: 3},
		"region \"provider\"": {Do: LabKill, From: "provider"},
		"it is up":            {Do: LabStart, From: "eu-west"},
	} {
		if _, err := lab.Do(t.Context(), command); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want a word on %s", command, err, want)
		}
	}
	for _, l := range testkit.Must(lab.Status(t.Context()))(t).Links {
		if l.Changed {
			t.Errorf("%s to %s is %+v after refused commands", l.From, l.To, l.Link)
		}
	}
	stranger := lab
	stranger.token = "guessed"
	if _, err := stranger.Do(t.Context(), LabCommand{Do: LabHeal}); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("a stranger's command: %v", err)
	}
}

// TestOpenedLab: a shop without distances has no lab.
func TestOpenedLab(t *testing.T) {
	shop := openShop(t, nil)
	<-shop.Ready()
	if _, err := OpenedLab(shop.config.Dir); !errors.Is(err, ErrNoLab) {
		t.Errorf("OpenedLab = %v, want ErrNoLab", err)
	}
	if _, err := OpenedLab(t.TempDir()); !errors.Is(err, ErrClosed) {
		t.Errorf("OpenedLab = %v of an empty folder, want ErrClosed", err)
	}
}

// TestConfig_Distances: distances are refused where they cannot be had.
func TestConfig_Distances(t *testing.T) {
	set := testkit.Must(regions.Shipped())(t)
	for want, c := range map[string]Config{
		"--engine postgres":  {Regions: set, WAN: true, Engine: EngineCockroach},
		"--standby mars":     {Regions: set, WAN: true, Standby: "mars"},
		"--standby us-east":  {Regions: set, WAN: true, Standby: "us-east"},
		"needs --wan":        {Regions: set, Standby: "eu-west"},
		"no --database-url)": {Regions: set, WAN: true, Standby: "eu-west", DatabaseURL: "postgres://127.0.0.1/shop"},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := (Config{Regions: set, WAN: true, Standby: "eu-west"}).Validate(); err != nil {
		t.Error(err)
	}
}

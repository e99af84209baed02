package local

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meridian/internal/testkit"
)

func httpServer(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	return server.URL
}

// A region is lost while the others go on, and comes back at the same place.
func TestStopRegion(t *testing.T) {
	const lost = "eu-west"
	shop := openShop(t, nil)
	shop.sell(t, "KEPT")
	shop.receive(t, "KEPT", "use-1", 10)
	<-shop.Ready()
	from := func(region string) buyer {
		return buyer{region: region, country: "DE", card: "card_success", lines: []line{{"KEPT", 1}}}
	}
	first, err := shop.buy(t.Context(), from(lost))
	if err != nil || first.status != http.StatusCreated {
		t.Fatalf("before: %d %s, %v", first.status, first.code, err)
	}
	held := testkit.Must(net.Dial("tcp", strings.TrimPrefix(shop.RegionURL(lost), "http://")))(t)
	defer held.Close()
	if _, err := io.WriteString(held, "GET /healthz HTTP/1.1\r\nHost: x\r\n"); err != nil { // and never ends it
		t.Fatal(err)
	}
	testkit.NoError(t, shop.StopRegion(t.Context(), lost))
	_ = held.SetReadDeadline(time.Now().Add(testkit.Patience))
	if _, err := held.Read(make([]byte, 1)); err == nil || timedOut(err) {
		t.Errorf("a connection to the lost region: %v, want that it is cut", err)
	}
	if _, err := get(t.Context(), shop.RegionURL(lost)+"/healthz"); err == nil {
		t.Error("the lost region answers")
	}
	if err := shop.StopRegion(t.Context(), lost); !errors.Is(err, ErrRegionState) {
		t.Errorf("stopping it again: %v", err)
	}
	second, err := shop.buy(t.Context(), from("us-east"))
	if err != nil || second.status != http.StatusCreated || !strings.HasPrefix(second.order, "ord_euw_") {
		t.Errorf("a German's order in us-east: %d %s %s, %v", second.status, second.code, second.order, err)
	}
	testkit.NoError(t, shop.StartRegion(t.Context(), lost))
	if err := shop.StartRegion(t.Context(), lost); !errors.Is(err, ErrRegionState) {
		t.Errorf("starting it again: %v", err)
	}
	third, err := shop.buy(t.Context(), from(lost))
	if err != nil || third.status != http.StatusCreated {
		t.Errorf("after: %d %s, %v", third.status, third.code, err)
	}
	if status, err := get(t.Context(), shop.RegionURL(lost)+"/metrics"); err != nil || status != http.StatusOK {
		t.Errorf("metrics of the region that came back: %d, %v", status, err)
	}
	if states := shop.settle(t); states["paid"] != 3 {
		t.Errorf("orders = %v, want three paid", states)
	}
	shop.audit(t)
}

func timedOut(err error) bool {
	var fault net.Error
	return errors.As(err, &fault) && fault.Timeout()
}

func TestStopRegion_Unknown(t *testing.T) {
	shop := openShop(t, nil)
	for _, act := range []error{shop.StopRegion(t.Context(), "mars"), shop.StartRegion(t.Context(), "mars")} {
		if act == nil || !strings.Contains(act.Error(), "mars") {
			t.Errorf("%v, want that there is no such region", act)
		}
	}
	if err := shop.StartRegion(t.Context(), "eu-west"); !errors.Is(err, ErrRegionState) {
		t.Errorf("starting a region that runs: %v", err)
	}
}

// A shop that is closed while a region is lost ends cleanly: openShop holds it to that.
func TestStopRegion_ThenClose(t *testing.T) {
	shop := openShop(t, nil)
	testkit.NoError(t, shop.StopRegion(t.Context(), "us-west"))
}

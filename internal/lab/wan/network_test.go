package wan

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meridian/internal/testkit"
	"meridian/regions"
)

const (
	east = "us-east"
	west = "eu-west"
)

// open returns a network of two sites without distance between them, whose end is checked.
func open(t testkit.TB) *Network {
	t.Helper()
	n := testkit.Must(New([]Site{{east, "us-east-1"}, {west, "eu-west-1"}}))(t)
	for direction := range n.links {
		n.links[direction].base = Link{}
	}
	n.Heal()
	return n
}

// serveTCP serves each connection with a function, on an address that it returns, until stop is called.
func serveTCP(t testkit.TB, serve func(conn *net.TCPConn)) (address string, stop func()) {
	t.Helper()
	listener := testkit.Must(net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}))(t)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.AcceptTCP()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	return listener.Addr().String(), func() {
		_ = listener.Close()
		serving.Wait()
	}
}

// echo sends everything back, and ends when the client does.
func echo(conn *net.TCPConn) { _, _ = io.Copy(conn, conn) }

// dial connects to a server at another site.
func dial(t testkit.TB, n *Network, from, to, target string) *net.TCPConn {
	t.Helper()
	address := testkit.Must(n.Expose(from, to, target))(t)
	conn := testkit.Must(net.Dial("tcp", address))(t).(*net.TCPConn)
	testkit.NoError(t, conn.SetDeadline(time.Now().Add(testkit.Patience)))
	return conn
}

// ask sends a byte and waits for its echo.
func ask(conn net.Conn) error {
	if _, err := conn.Write([]byte{7}); err != nil {
		return err
	}
	answer := make([]byte, 1)
	_, err := io.ReadFull(conn, answer)
	return err
}

// linkOf draws the settings of a link that is slow enough to matter and quick enough to test.
func linkOf(t *rapid.T, name string) Link {
	return Link{
		Delay:     time.Duration(rapid.IntRange(0, 20).Draw(t, name+" delay")) * time.Millisecond,
		Jitter:    time.Duration(rapid.IntRange(0, 20).Draw(t, name+" jitter")) * time.Millisecond,
		Loss:      rapid.SampledFrom([]float64{0, 0, 0.001}).Draw(t, name+" loss"),
		Bandwidth: rapid.SampledFrom([]int64{0, 2 << 20, 20 << 20}).Draw(t, name+" bandwidth"),
	}
}

// TestNetwork_Bytes: under any settings, which change meanwhile, all bytes arrive, unchanged and in order, in both
// directions, and so does the end of each.
func TestNetwork_Bytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := open(t)
		defer n.Close()
		testkit.NoError(t, n.Set(east, west, linkOf(t, "there")))
		testkit.NoError(t, n.Set(west, east, linkOf(t, "back")))
		address, stop := serveTCP(t, echo)
		defer stop()
		defer n.Close() // before stop, which waits for the connections
		conn := dial(t, n, east, west, address)
		defer conn.Close()
		sent := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 1, 97).Draw(t, "bytes"), rapid.IntRange(1, 4000).Draw(t, "times"))
		changes := []Link{linkOf(t, "later"), {Cut: true}, linkOf(t, "healed")}
		var working sync.WaitGroup
		defer working.Wait()
		working.Go(func() {
			for _, change := range changes {
				_ = n.Set(east, west, change)
				time.Sleep(time.Millisecond)
			}
		})
		working.Go(func() {
			for rest := sent; len(rest) > 0; {
				written, err := conn.Write(rest[:min(len(rest), 50_000)])
				if err != nil {
					return // reading tells
				}
				rest = rest[written:]
			}
			_ = conn.CloseWrite()
		})
		got := testkit.Must(io.ReadAll(conn))(t)
		if !bytes.Equal(got, sent) {
			t.Fatalf("%d bytes came back of %d, or other ones", len(got), len(sent))
		}
	})
}

// TestNetwork_Delay: an answer takes a round trip at least, and a new connection one more. The upper bounds are printed, not
// held.
func TestNetwork_Delay(t *testing.T) {
	n := open(t)
	defer n.Close()
	const delay = 30 * time.Millisecond
	testkit.NoError(t, n.Set(east, west, Link{Delay: delay}))
	testkit.NoError(t, n.Set(west, east, Link{Delay: 2 * delay}))
	address, stop := serveTCP(t, echo)
	defer stop()
	defer n.Close()
	conn := dial(t, n, east, west, address)
	defer conn.Close()
	for _, step := range []struct {
		name string
		want time.Duration
	}{{"the first answer, with the connection", 6 * delay}, {"the second", 3 * delay}} {
		began := time.Now()
		testkit.NoError(t, ask(conn))
		took := time.Since(began)
		t.Logf("%s took %.2f times its distance", step.name, float64(took)/float64(step.want))
		if took < step.want {
			t.Errorf("%s took %s, less than its distance, %s", step.name, took, step.want)
		}
	}
	began := time.Now()
	testkit.NoError(t, n.RoundTrip(t.Context(), west, east))
	if took := time.Since(began); took < 3*delay {
		t.Errorf("a round trip without a connection took %s, less than %s", took, 3*delay)
	}
}

// TestNetwork_Pipelined: what is sent in a row travels together: a hundred messages do not take a hundred delays.
func TestNetwork_Pipelined(t *testing.T) {
	n := open(t)
	defer n.Close()
	const delay, messages = 200 * time.Millisecond, 100
	testkit.NoError(t, n.Set(east, west, Link{Delay: delay}))
	address, stop := serveTCP(t, echo)
	defer stop()
	defer n.Close()
	conn := dial(t, n, east, west, address)
	defer conn.Close()
	testkit.NoError(t, ask(conn))
	began := time.Now()
	for range messages {
		testkit.Must(conn.Write([]byte{7}))(t)
		time.Sleep(time.Millisecond)
	}
	testkit.Must(io.ReadFull(conn, make([]byte, messages)))(t)
	took := time.Since(began)
	t.Logf("%d messages took %.1f delays", messages, float64(took)/float64(delay))
	if took > messages*delay/2 { // far above any noise, far below a delay each
		t.Errorf("%d messages took %s: each waited for the one before", messages, took)
	}
}

// TestNetwork_Bandwidth: a narrow link takes its time, for all connections together.
func TestNetwork_Bandwidth(t *testing.T) {
	n := open(t)
	defer n.Close()
	const bandwidth, size = 500_000, 100_000
	testkit.NoError(t, n.Set(east, west, Link{Bandwidth: bandwidth}))
	address, stop := serveTCP(t, echo)
	defer stop()
	defer n.Close()
	began := time.Now()
	var both sync.WaitGroup
	for range 2 {
		conn := dial(t, n, east, west, address)
		defer conn.Close()
		both.Go(func() {
			_, _ = conn.Write(make([]byte, size))
			_, _ = io.ReadFull(conn, make([]byte, size))
		})
	}
	both.Wait()
	least := time.Second*2*size/bandwidth - time.Second/10 // a tenth of a second's bytes leave at once
	if took := time.Since(began); took < least {
		t.Errorf("%d bytes took %s, less than %s", 2*size, took, least)
	}
	if carried := testkit.Must(n.Carried(east, west))(t); carried != 2*size {
		t.Errorf("the link carried %d bytes, want %d", carried, 2*size)
	}
}

// TestNetwork_Loss: a lost segment stalls its connection for a round trip and 200 ms.
func TestNetwork_Loss(t *testing.T) {
	n := open(t)
	defer n.Close()
	l := testkit.Must(n.link(east, west))(t)
	l.set(Link{Delay: 10 * time.Millisecond, Loss: maxLoss})
	stalled := 0
	for range 1000 {
		switch took := l.transit(1); {
		case took == 10*time.Millisecond:
		case took >= 220*time.Millisecond:
			stalled++
		default:
			t.Fatalf("a segment took %s: neither the delay nor a stall", took)
		}
	}
	if stalled < 800 { // 900 expected, with a deviation of 10
		t.Errorf("%d of 1000 segments were lost, with a probability of %v", stalled, maxLoss)
	}
}

// TestNetwork_BackPressure: a server that does not read leaves the client unable to write, after what is on the way and what
// the system buffers.
func TestNetwork_BackPressure(t *testing.T) {
	n := open(t)
	defer n.Close()
	release := make(chan struct{})
	address, stop := serveTCP(t, func(*net.TCPConn) { <-release })
	defer stop()
	defer close(release)
	defer n.Close()
	conn := dial(t, n, east, west, address)
	defer conn.Close()
	testkit.NoError(t, conn.SetWriteDeadline(time.Now().Add(2*time.Second)))
	const much = 256 << 20
	written, err := io.CopyN(conn, zeros{}, much)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes were taken that nobody reads: %v", written, err)
	}
}

type zeros struct{}

func (zeros) Read(into []byte) (int, error) { return len(into), nil }

// TestNetwork_Cut: a cut direction holds what is sent, resets nothing, and delivers it when it is mended; the other
// direction goes on.
func TestNetwork_Cut(t *testing.T) {
	n := open(t)
	defer n.Close()
	address, stop := serveTCP(t, echo)
	defer stop()
	defer n.Close()
	conn := dial(t, n, east, west, address)
	defer conn.Close()
	testkit.NoError(t, ask(conn))
	for _, direction := range []pair{{east, west}, {west, east}} {
		testkit.NoError(t, n.Set(direction.from, direction.to, Link{Cut: true}))
		testkit.Must(conn.Write([]byte("held")))(t)
		testkit.NoError(t, conn.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
		if got, err := conn.Read(make([]byte, 4)); got > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s to %s: %d bytes came through the cut, %v; want silence", direction.from, direction.to, got, err)
		}
		late := dial(t, n, east, west, address)
		testkit.NoError(t, late.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
		if err := ask(late); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s to %s: a new connection through the cut: %v, want silence", direction.from, direction.to, err)
		}
		late.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := n.RoundTrip(ctx, east, west); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a round trip through the cut: %v", err)
		}
		cancel()
		n.Heal()
		testkit.NoError(t, conn.SetReadDeadline(time.Now().Add(testkit.Patience)))
		got := make([]byte, 4)
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "held" {
			t.Errorf("after the cut came %q, %v", got, err)
		}
	}
}

// TestNetwork_CutTimesOut: a connection that is held for too long ends.
func TestNetwork_CutTimesOut(t *testing.T) {
	n := open(t)
	defer n.Close()
	l := testkit.Must(n.link(east, west))(t)
	l.set(Link{Cut: true})
	if err := l.await(t.Context(), time.Now(), time.Millisecond); !errors.Is(err, errHeld) {
		t.Errorf("await = %v, want errHeld", err)
	}
}

// TestNetwork_Reset: a server that is not there, or that breaks a connection, is seen as a failure by the client.
func TestNetwork_Reset(t *testing.T) {
	n := open(t)
	defer n.Close()
	address, stop := serveTCP(t, func(conn *net.TCPConn) { reset(conn) })
	for _, state := range []string{"breaks", "is gone"} {
		if state == "is gone" {
			stop()
		}
		conn, err := net.Dial("tcp", testkit.Must(n.Expose(east, west, address))(t))
		if err == nil { // else the reset was quicker than we were
			testkit.NoError(t, conn.SetDeadline(time.Now().Add(testkit.Patience)))
			err = ask(conn)
			conn.Close()
		}
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a server that %s: %v, want a reset", state, err)
		}
	}
}

// TestNetwork_Break: the loss of a site resets its connections, and no others.
func TestNetwork_Break(t *testing.T) {
	n := open(t)
	defer n.Close()
	address, stop := serveTCP(t, echo)
	defer stop()
	defer n.Close()
	across, within := dial(t, n, east, west, address), dial(t, n, east, east, address)
	defer across.Close()
	defer within.Close()
	testkit.NoError(t, ask(across))
	testkit.NoError(t, ask(within))
	testkit.NoError(t, n.Break(west))
	if err := ask(across); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection to the lost site: %v, want a reset", err)
	}
	testkit.NoError(t, ask(within))
	n.BreakTo(address)
	if err := ask(within); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection to the lost server: %v, want a reset", err)
	}
}

// TestNetwork_Concurrently changes everything while many connections speak. The race detector watches.
func TestNetwork_Concurrently(t *testing.T) {
	n := open(t)
	defer n.Close()
	address, stop := serveTCP(t, echo)
	defer stop()
	defer n.Close()
	var talking, changing sync.WaitGroup
	done := make(chan struct{})
	for _, change := range []func(){
		func() { _ = n.Set(east, west, Link{Delay: time.Millisecond, Bandwidth: 1 << 20}) },
		func() { _ = n.Set(west, east, Link{Jitter: time.Millisecond, Cut: true}) },
		n.Heal,
		func() { _ = n.Matrix() },
		func() { _ = n.Break("nowhere") },
	} {
		changing.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
					change()
				}
			}
		})
	}
	for range 16 {
		conn := dial(t, n, east, west, address)
		talking.Go(func() {
			defer conn.Close()
			for range 20 {
				if err := ask(conn); err != nil {
					t.Errorf("asking: %v", err)
					return
				}
			}
		})
	}
	talking.Wait()
	close(done)
	changing.Wait()
}

// TestNetwork_Close: nothing of a closed network runs any more, whatever its connections were doing.
func TestNetwork_Close(t *testing.T) {
	address, stop := serveTCP(t, echo)
	before := runtime.NumGoroutine()
	n := open(t)
	idle, held := dial(t, n, east, west, address), dial(t, n, east, west, address)
	defer idle.Close()
	defer held.Close()
	testkit.NoError(t, ask(idle))
	testkit.NoError(t, ask(held))
	testkit.NoError(t, n.Set(east, west, Link{Cut: true}))
	testkit.Must(held.Write([]byte("never")))(t)
	opening := dial(t, n, east, west, address)
	defer opening.Close()
	testkit.NoError(t, n.Close())
	testkit.NoError(t, n.Close())
	if _, err := n.Expose(east, west, address); err == nil {
		t.Error("a closed network exposes a server")
	}
	stop()
	testkit.Eventually(t, "the network's goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}

// TestNew: the shipped regions are as far apart as the table says, in every direction.
func TestNew(t *testing.T) {
	var sites []Site
	for _, region := range testkit.Must(regions.Shipped())(t).All() {
		sites = append(sites, Site{region.Name, region.Cloud.Region})
	}
	n := testkit.Must(New(sites))(t)
	defer n.Close()
	for _, c := range []struct {
		from, to string
		want     time.Duration
	}{
		{"us-east", "eu-west", 33 * time.Millisecond}, {"eu-west", "us-east", 33 * time.Millisecond},
		{"us-east", "us-west", 39 * time.Millisecond}, {"us-west", "ap-southeast", 84 * time.Millisecond},
		{"ap-southeast", "us-west", 81 * time.Millisecond},
		{"ap-southeast", "eu-west", 90 * time.Millisecond}, {"us-east", "ap-southeast", 105 * time.Millisecond},
		{"us-west", "us-west", SameRegion},
	} {
		if got := testkit.Must(n.Link(c.from, c.to))(t); got.Delay != c.want {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, got.Delay, c.want)
		}
	}
	if table := n.Matrix(); !strings.Contains(table, "66 ms") || strings.Count(table, "\n") != len(sites) {
		t.Errorf("the matrix is\n%s", table)
	}
}

// TestNetwork_Refusals: what makes no sense is refused and changes nothing.
func TestNetwork_Refusals(t *testing.T) {
	if _, err := New([]Site{{"a", "us-east-1"}, {"b", "moon-1"}}); err == nil || !strings.Contains(err.Error(), "moon-1") {
		t.Errorf("a site on the moon: %v", err)
	}
	n := open(t)
	defer n.Close()
	for name, settings := range map[string]Link{
		"delay": {Delay: -1}, "jitter": {Jitter: time.Hour}, "loss": {Loss: 1}, "bandwidth": {Bandwidth: 1},
	} {
		if err := n.Set(east, west, settings); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: %v, want a word on the %s", settings, err, name)
		}
	}
	if got := testkit.Must(n.Link(east, west))(t); got != (Link{}) {
		t.Errorf("the link is %+v after refused changes", got)
	}
	if err := n.Set(east, "mars", Link{}); err == nil || !strings.Contains(err.Error(), "mars") {
		t.Errorf("a link to mars: %v", err)
	}
}

package stripe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// mock speaks to stripe-mock, which knows Stripe's whole API by its OpenAPI document: it refuses a request that the
// document does not allow, and answers the others with an object of the right shape. It remembers nothing.
var mock *http.Client

// TestMain builds stripe-mock, which go.mod names as a tool, and runs it for as long as the tests do.
func TestMain(m *testing.M) {
	code, err := withMock(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withMock(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "stripe")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary, socket := filepath.Join(dir, "stripe-mock"), filepath.Join(dir, "socket")
	if output, err := exec.Command("go", "build", "-o", binary, "github.com/stripe/stripe-mock").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build stripe-mock: %w\n%s", err, output)
	}
	server := exec.Command(binary, "-http-unix", socket) // no port for anybody to hold, nor to reach
	if err := server.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait() // its error is that it was killed
	}()
	mock = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	if err := waitForMock(); err != nil {
		return 0, err
	}
	return run(), nil
}

func waitForMock() error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		answer, err := mock.Get("http://stripe-mock/")
		if err == nil {
			return answer.Body.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("stripe-mock does not answer: %w", err)
		}
		time.Sleep(10 * time.Millisecond) // a poll
	}
}

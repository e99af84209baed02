package local

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"meridian/internal/account"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// TestMain lets the tests' own binary stand in for `meridian up`.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "up" {
		if err := up(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "up:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func up(args []string) (err error) {
	config := Config{Empty: true, Argon2: account.Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1}}
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	flags.StringVar(&config.Dir, "dir", "", "")
	flags.StringVar(&config.DatabaseURL, "database-url", "", "")
	flags.IntVar(&config.EdgePort, "port", -1, "")
	flags.BoolVar(&config.NoUnpaidLimits, "no-unpaid-limits", false, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if config.Regions, err = regions.Shipped(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	shop, err := Start(ctx, config)
	if err != nil {
		return err
	}
	return errors.Join(shop.Run(ctx), shop.Close())
}

func TestStartProcess(t *testing.T) {
	dir := t.TempDir()
	p := testkit.Must(StartProcess(t.Context(), ProcessConfig{Dir: dir, Args: []string{"--database-url", databasetest.URL(t)}}))(t)
	if p.PID() == os.Getpid() || p.Address.PID != p.PID() {
		t.Errorf("the shop is process %d, its address says %d, this is %d", p.PID(), p.Address.PID, os.Getpid())
	}
	if status, err := get(t.Context(), p.Address.EdgeURL+"/v1/categories"); err != nil || status != http.StatusOK {
		t.Errorf("the shop answers %d, %v", status, err)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Errorf("Stop = %v", err)
	}
	<-p.Exited()
	if _, err := Opened(dir); !errors.Is(err, ErrClosed) {
		t.Errorf("after Stop: %v, want ErrClosed", err)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Errorf("a second Stop = %v", err)
	}
}

func TestStartProcess_Fails(t *testing.T) {
	_, err := StartProcess(t.Context(), ProcessConfig{Dir: t.TempDir(), Args: []string{"--colour", "blue"}})
	if err == nil || !strings.Contains(err.Error(), "-colour") {
		t.Errorf("StartProcess = %v, want the process's last words", err)
	}
	if _, err := StartProcess(t.Context(), ProcessConfig{Executable: t.TempDir(), Dir: t.TempDir()}); err == nil {
		t.Error("a folder was run")
	}
}

// A process killed without a word leaves its file behind: the shop is closed all the same.
func TestStartProcess_Killed(t *testing.T) {
	dir := t.TempDir()
	p := testkit.Must(StartProcess(t.Context(), ProcessConfig{Dir: dir, Args: []string{"--database-url", databasetest.URL(t)}}))(t)
	testkit.NoError(t, syscall.Kill(p.PID(), syscall.SIGKILL))
	<-p.Exited()
	if _, err := Opened(dir); !errors.Is(err, ErrClosed) {
		t.Errorf("after SIGKILL: %v, want ErrClosed", err)
	}
	if err := p.Stop(t.Context()); err == nil {
		t.Error("Stop does not tell that the shop was killed")
	}
}

func TestTail(t *testing.T) {
	var last tail
	for range 1000 {
		fmt.Fprintln(&last, "a line of words")
	}
	fmt.Fprintln(&last, "the last words")
	if got := last.String(); len(got) > tailBytes || !strings.HasSuffix(got, "the last words") {
		t.Errorf("kept %d bytes, ending with %q", len(got), got[max(0, len(got)-40):])
	}
}

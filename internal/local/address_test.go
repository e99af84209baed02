package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/testkit"
)

func TestOpened(t *testing.T) {
	dir := t.TempDir()
	if _, err := Opened(dir); !errors.Is(err, ErrClosed) {
		t.Errorf("before the start: %v, want ErrClosed", err)
	}
	var was Address
	t.Run("open", func(t *testing.T) {
		shop := openShop(t, func(c *Config) { c.Dir = dir })
		<-shop.Ready()
		var err error
		was = testkit.Must(Opened(dir))(t)
		if diff := cmp.Diff(shop.Address(), was); diff != "" {
			t.Errorf("the published address differs (-shop +published):\n%s", diff)
		}
		for region, url := range was.RegionURLs {
			if status, err := get(t.Context(), url+"/readyz"); err != nil || status != http.StatusOK {
				t.Errorf("%s is published but not ready: %d, %v", region, status, err)
			}
		}
		status, code, err := call(t.Context(), http.MethodPost, was.EdgeURL+"/v1/sessions", "",
			map[string]string{"email": was.OperatorEmail, "password": was.OperatorPassword}, new(any))
		if err != nil || status != http.StatusOK && status != http.StatusCreated {
			t.Errorf("the operator cannot sign in: %d %s, %v", status, code, err)
		}
		file, err := os.Stat(filepath.Join(dir, addressFile))
		if err != nil || file.Mode().Perm() != 0o600 {
			t.Errorf("the file is not its owner's alone: %v, %v", file.Mode(), err)
		}
	})
	if _, err := os.Stat(filepath.Join(dir, addressFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of the closed shop is there: %v", err)
	}
	crash := func(a Address) error {
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, addressFile), string(text))
		_, err = Opened(dir)
		return err
	}
	if err := crash(was); !errors.Is(err, ErrClosed) {
		t.Errorf("a shop that does not answer: %v, want ErrClosed", err)
	}
	answering := httpServer(t)
	if err := crash(Address{PID: os.Getpid(), EdgeURL: answering}); err != nil {
		t.Errorf("a process that lives and answers: %v", err)
	}
	if err := crash(Address{PID: deadPID(t), EdgeURL: answering}); !errors.Is(err, ErrClosed) {
		t.Errorf("a process that is dead: %v, want ErrClosed", err)
	}
	writeFile(t, filepath.Join(dir, addressFile), "{")
	if _, err := Opened(dir); err == nil || errors.Is(err, ErrClosed) {
		t.Errorf("a damaged file: %v, want that it cannot be read", err)
	}
}

// A second shop that cannot start in the folder leaves the address of the first.
func TestOpened_SecondStartFails(t *testing.T) {
	dir := t.TempDir()
	first := openShop(t, func(c *Config) { c.Dir = dir })
	<-first.Ready()
	config := first.config
	testkit.Must(fmt.Sscanf(first.EdgeURL(), "http://127.0.0.1:%d", &config.EdgePort))(t)
	if _, err := Start(context.Background(), config); err == nil {
		t.Fatal("a second shop started on the same port")
	}
	if _, err := Opened(dir); err != nil {
		t.Errorf("the first shop's address is gone: %v", err)
	}
}

// deadPID is the number of a process that has ended.
func deadPID(t *testing.T) int {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run=^$")
	testkit.NoError(t, command.Run())
	return command.Process.Pid
}

package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Address says where an open shop is reached, and as whom.
type Address struct {
	// PID is the process that serves it.
	PID int `json:"pid"`
	// EdgeURL is for shoppers; EdgeURLs are those of the edges near each region, where there is more than one. RegionURLs are
	// the regions' own, by name.
	EdgeURL    string            `json:"edge_url"`
	EdgeURLs   map[string]string `json:"edge_urls,omitempty"`
	RegionURLs map[string]string `json:"region_urls"`
	// LabURL takes the lab's commands from who knows LabToken; both are empty without distances.
	LabURL   string `json:"lab_url,omitempty"`
	LabToken string `json:"lab_token,omitempty"`
	// SandboxURL is the payment sandbox.
	SandboxURL string `json:"sandbox_url"`
	// DatabaseURL is the database, through the primary region's node.
	DatabaseURL string `json:"database_url"`
	// OperatorEmail and OperatorPassword sign the operator in.
	OperatorEmail    string `json:"operator_email"`
	OperatorPassword string `json:"-"` // it is in the folder's secrets already, as are those of the sandbox
	SandboxAPIKey    string `json:"-"`
	SandboxWebhooks  string `json:"-"`
}

// ErrClosed is returned for a folder whose shop is not open.
var ErrClosed = errors.New("no shop is open there")

// addressFile holds the address of the shop while it is open, for commands that work beside it.
const addressFile = "open.json"

// Opened returns the address of the shop that is open in a folder, ready to serve and still answering. The error
// wraps ErrClosed if there is none: it was closed, it crashed, or it was never opened.
func Opened(dir string) (Address, error) {
	text, err := os.ReadFile(filepath.Join(dir, addressFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Address{}, fmt.Errorf("%s: %w", dir, ErrClosed)
	}
	if err != nil {
		return Address{}, fmt.Errorf("look for an open shop: %w", err)
	}
	var a Address
	if err := json.Unmarshal(text, &a); err != nil {
		return Address{}, fmt.Errorf("read %s: %w", filepath.Join(dir, addressFile), err)
	}
	if !alive(a.PID) || !answers(a.EdgeURL) {
		return Address{}, fmt.Errorf("%s, whose shop ended without being closed: %w", dir, ErrClosed)
	}
	kept, err := readSecrets(dir)
	a.OperatorPassword, a.SandboxAPIKey, a.SandboxWebhooks = kept.OperatorPassword, kept.SandboxAPIKey, kept.SandboxWebhooks
	return a, err
}

// alive reports whether the process exists, even if it is another user's.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return pid > 0 && (err == nil || errors.Is(err, syscall.EPERM))
}

// answerTimeout allows for a shop that is busy on a slow machine.
const answerTimeout = 5 * time.Second

// answers reports whether a server speaks HTTP at the URL, whatever its status: an edge without a healthy region
// answers 503, and is open all the same.
func answers(url string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	_, err := get(ctx, url+"/healthz")
	return err == nil
}

// get sends one request and returns the status of the answer.
func get(ctx context.Context, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	request.Close = true // a shop that closes need not wait for us
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // the status is all that is asked for
	return response.StatusCode, nil
}

// Address returns where the shop is reached.
func (s *Shop) Address() Address {
	a := Address{
		PID:     os.Getpid(),
		EdgeURL: s.EdgeURL(), RegionURLs: make(map[string]string), SandboxURL: urlOf(s.listeners.sandbox),
		DatabaseURL:   s.engine.url(s.config.Regions.Primary().Name),
		OperatorEmail: operatorEmail, OperatorPassword: s.secrets.OperatorPassword,
		SandboxAPIKey: s.secrets.SandboxAPIKey, SandboxWebhooks: s.secrets.SandboxWebhooks,
	}
	for name := range s.branches {
		a.RegionURLs[name] = s.RegionURL(name)
	}
	if s.lab != nil {
		a.EdgeURLs, a.LabURL, a.LabToken = s.EdgeURLs(), urlOf(s.lab.listener), s.lab.token
	}
	return a
}

// publish writes the shop's address into its folder.
func (s *Shop) publish() error {
	text, err := json.MarshalIndent(s.Address(), "", "  ")
	if err != nil {
		return err
	}
	if err := writeAside(filepath.Join(s.config.Dir, addressFile), text); err != nil {
		return fmt.Errorf("publish the address of the shop: %w", err)
	}
	s.published = true
	return nil
}

// unpublish removes the address from the folder, unless another process wrote it.
func (s *Shop) unpublish() error {
	if !s.published {
		return nil
	}
	s.published = false
	if err := os.Remove(filepath.Join(s.config.Dir, addressFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the address of the shop: %w", err)
	}
	return nil
}

// readyEvery is how often a region that is opening is asked whether it is ready.
const readyEvery = 20 * time.Millisecond

// open waits until every region is ready, publishes the address, and closes the channel of Ready.
func (s *Shop) open(ctx context.Context) error {
	for name := range s.branches {
		if !awaitReady(ctx, s.RegionURL(name)) {
			return nil // it is being closed
		}
	}
	if err := s.publish(); err != nil {
		return err
	}
	close(s.ready)
	return nil
}

// awaitReady asks a server until it is ready. It returns false if ctx ends first.
func awaitReady(ctx context.Context, url string) bool {
	for {
		if status, err := get(ctx, url+"/readyz"); err == nil && status == http.StatusOK {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(readyEvery):
		}
	}
}

package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// ErrNoLab is returned for a shop that is open without distances.
var ErrNoLab = errors.New("the shop is open without distances: open it with meridian up --wan")

// LabClient speaks to the lab of a shop that another process has open.
type LabClient struct{ url, token string }

// OpenedLab returns the lab of the shop that is open in a folder. The error wraps ErrClosed if none is open, and ErrNoLab if
// it has no lab.
func OpenedLab(dir string) (LabClient, error) {
	shop, err := Opened(dir)
	if err != nil {
		return LabClient{}, err
	}
	if shop.LabURL == "" {
		return LabClient{}, fmt.Errorf("%s: %w", dir, ErrNoLab)
	}
	return LabClient{shop.LabURL, shop.LabToken}, nil
}

// Status returns the lab's state.
func (l LabClient) Status(ctx context.Context) (LabStatus, error) {
	return l.call(ctx, http.MethodGet, "/status", nil)
}

// Do sends a command and returns the lab's state after it. The error says in the lab's words what is wrong with it.
func (l LabClient) Do(ctx context.Context, c LabCommand) (LabStatus, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return LabStatus{}, err
	}
	return l.call(ctx, http.MethodPost, "/command", body)
}

const (
	labTimeout     = 3 * time.Minute // starting a region may copy a database
	maxStatusBytes = 1 << 20
)

func (l LabClient) call(ctx context.Context, method, path string, body []byte) (status LabStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, labTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, l.url+path, bytes.NewReader(body))
	if err != nil {
		return status, err
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return status, fmt.Errorf("speak to the lab: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxStatusBytes))
	if err != nil {
		return status, fmt.Errorf("speak to the lab: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return status, json.Unmarshal(text, &status)
	}
	var fault labFault
	if err := json.Unmarshal(text, &fault); err != nil || fault.Error == "" {
		return status, fmt.Errorf("the lab answers %s", response.Status)
	}
	return status, errors.New(fault.Error)
}

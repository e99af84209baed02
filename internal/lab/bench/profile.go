package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// profiled measures while a profile of the shop's processor time and one of what it
// allocates are taken, if that is wanted: in the first round, so that the others show what
// taking them costs.
func (r *run) profiled(ctx context.Context, scenario string, round int, d time.Duration, measure func() error) error {
	if r.ProfileDir == "" || r.PprofURL == "" || round > 0 {
		return measure()
	}
	seconds := max(int(d.Seconds()), 1)
	var taking sync.WaitGroup
	faults := make([]error, 2)
	for i, kind := range []struct{ path, file string }{{"profile", "cpu"}, {"allocs", "allocs"}} {
		taking.Go(func() {
			url := fmt.Sprintf("%s/debug/pprof/%s?seconds=%d", r.PprofURL, kind.path, seconds)
			faults[i] = download(ctx, url, filepath.Join(r.ProfileDir, scenario+"-"+kind.file+".pprof"))
		})
	}
	err := measure()
	taking.Wait()
	return errors.Join(append(faults, err)...)
}

// download keeps what a URL answers in a file.
func download(ctx context.Context, url, file string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("take a profile: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("take a profile: answered %d", response.StatusCode)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, response.Body)
	return errors.Join(err, f.Close())
}

package local

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// secrets are what this machine's shop keeps to itself, made at the first start and the
// same ever after: another deployment secret could not find the accounts again.
type secrets struct {
	Deployment       []byte `json:"deployment"`
	SandboxAPIKey    string `json:"sandbox_api_key"`
	SandboxWebhooks  string `json:"sandbox_webhooks"`
	OperatorPassword string `json:"operator_password"`
}

// loadSecrets reads the folder's secrets, or makes them.
func loadSecrets(dir string) (secrets, error) {
	path := filepath.Join(dir, "secrets.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if holdsData(dir) {
			return secrets{}, fmt.Errorf("%s is missing, and the shop's accounts cannot be found without it: restore it, or move the folder %s away to begin anew", path, dir)
		}
		return makeSecrets(path)
	}
	if err != nil {
		return secrets{}, fmt.Errorf("read the shop's secrets: %w", err)
	}
	var s secrets
	if err := json.Unmarshal(text, &s); err != nil || len(s.Deployment) < 32 {
		return secrets{}, fmt.Errorf("%s is damaged: restore it, or move the folder %s away to begin anew", path, dir)
	}
	return s, nil
}

func makeSecrets(path string) (secrets, error) {
	s := secrets{Deployment: make([]byte, 32), SandboxAPIKey: rand.Text(), SandboxWebhooks: rand.Text(), OperatorPassword: rand.Text()}
	rand.Read(s.Deployment)
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return secrets{}, err
	}
	// Written aside and renamed, so that a crash leaves no half of it.
	aside := path + ".new"
	if err := os.WriteFile(aside, append(text, '\n'), 0o600); err != nil {
		return secrets{}, fmt.Errorf("write the shop's secrets: %w", err)
	}
	if err := os.Rename(aside, path); err != nil {
		return secrets{}, fmt.Errorf("write the shop's secrets: %w", err)
	}
	return s, nil
}

// holdsData reports whether a database was started in the folder before.
func holdsData(dir string) bool {
	for _, engine := range []string{postgresDir, cockroachDir} {
		if _, err := os.Stat(filepath.Join(dir, engine)); err == nil {
			return true
		}
	}
	return false
}

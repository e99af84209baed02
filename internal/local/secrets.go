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

// secrets are the secrets of this machine's shop. They are made at the first start and kept: with another deployment
// secret the accounts could not be found.
type secrets struct {
	Deployment       []byte `json:"deployment"`
	SandboxAPIKey    string `json:"sandbox_api_key"`
	SandboxWebhooks  string `json:"sandbox_webhooks"`
	OperatorPassword string `json:"operator_password"`
}

const secretsFile = "secrets.json"

// loadSecrets reads the folder's secrets, or makes them. It fails if they are missing beside existing data.
func loadSecrets(dir string) (secrets, error) {
	s, err := readSecrets(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	path := filepath.Join(dir, secretsFile)
	if holdsData(dir) {
		return secrets{}, fmt.Errorf("%s is missing, and the shop's accounts cannot be found without it: restore it, or move the folder %s "+
			"away to begin anew", path, dir)
	}
	return makeSecrets(path)
}

func readSecrets(dir string) (secrets, error) {
	path := filepath.Join(dir, secretsFile)
	text, err := os.ReadFile(path)
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
	if err := writeAside(path, text); err != nil {
		return secrets{}, fmt.Errorf("write the shop's secrets: %w", err)
	}
	return s, nil
}

// writeAside atomically writes a file that only its owner can read.
func writeAside(path string, text []byte) error {
	aside := path + ".new"
	if err := os.WriteFile(aside, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(aside, path)
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

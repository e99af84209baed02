package embedded

import (
	"fmt"
	"os"
)

// TempDir makes a temporary folder for a shop. If the caller is root, the database's user may pass through it but not
// read it. The caller removes it.
func TempDir(pattern string) (string, error) {
	dir, err := os.MkdirTemp("", pattern)
	if err != nil {
		return "", fmt.Errorf("make a folder for the shop: %w", err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", fmt.Errorf("make a folder for the shop: %w", err)
	}
	return dir, nil
}

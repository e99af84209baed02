package embedded

import (
	"fmt"
	"os"
)

// TempDir makes a folder for a shop that is thrown away. The database's own user has to pass
// through it, where the caller is root; to read it, that user does not. The caller removes it.
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

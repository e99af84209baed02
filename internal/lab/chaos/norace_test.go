//go:build !race

package chaos

// buildFlags build the program as this test was built.
var buildFlags []string

//go:build race

package chaos

// buildFlags build the program as this test was built: what it is made of is compiled already, and its pods look for
// races too.
var buildFlags = []string{"-race"}

package database

import (
	"strconv"
	"strings"
)

// PerHome returns a table expression with the rows that a query finds in each of some home regions.
// query is given the parameter that holds a region. It limits its rows itself, to as many as are
// wanted of all regions together: then an index that begins with the region is read no further.
// The parameters are added to args.
func PerHome(homes []string, args Args, query func(home string) string) string {
	parts := make([]string, len(homes))
	for i, home := range homes {
		name := "home" + strconv.Itoa(i)
		args[name], parts[i] = home, "("+query("@"+name)+")"
	}
	return "(" + strings.Join(parts, "\nUNION ALL\n") + ")"
}

// Package local runs the whole shop on one machine, in one process: a database of its own, the four regions' servers
// with their workers, the payment sandbox, and the edge in front of them. It composes everything; only commands and the
// lab import it.
package local

// Package local opens the whole shop on one machine: a database of its own, the four
// regions' servers with their workers, the payment sandbox, and the edge in front of them,
// in one process. It composes everything, and nothing imports it but the command.
package local

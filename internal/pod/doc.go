// Package pod is one process of one region: the domains wired over the shared database,
// the HTTP server in front of them and the workers behind them. It keeps nothing that
// another pod would miss, so any number of them may run, and any may be killed.
package pod

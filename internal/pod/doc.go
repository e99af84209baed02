// Package pod runs one process of one region: the domains over the shared database, the HTTP server in front of them
// and the workers behind them. It keeps no state that another pod needs, so any number of pods may run, and any may be
// killed.
package pod

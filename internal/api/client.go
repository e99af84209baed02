package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddr is the address of whoever called, and whether the peer is a proxy of ours. X-Forwarded-For is believed
// from the right, only as far as our proxies wrote it: what stands further left the client may have made up.
func clientAddr(r *http.Request, proxies []netip.Prefix) (addr netip.Addr, trusted bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	addr = peer.Addr().Unmap()
	if !contains(proxies, addr) {
		return addr, false
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		before, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		addr = before.Unmap().WithZone("")
		if !contains(proxies, addr) {
			break
		}
	}
	return addr, true
}

func contains(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// clientNetwork is what an address is counted by: itself, or the /64 that one IPv6 customer has to themselves.
func clientNetwork(addr netip.Addr) string {
	if addr.Is6() {
		network, err := addr.Prefix(64)
		if err == nil {
			return network.String()
		}
	}
	return addr.String()
}

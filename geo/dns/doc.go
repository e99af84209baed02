// Package dns is an authoritative DNS server for the shop's zone that answers each client with the nearest regions that
// can serve it. It is for shops that do not run on a cloud with latency records.
//
// What Server promises:
//
//   - A client is located by the EDNS client subnet its resolver sends, else by the resolver's address. The scope in the
//     answer is the largest block of addresses that gets the same answer, so that no cache serves it to others (RFC 7871).
//   - A region that is down, drained or of weight 0 is left out as long as another one is there. No answer is empty
//     because of the state of regions: when none is healthy, all are named.
//   - It answers for one zone and nothing else: other zones, classes and zone transfers are refused, updates and notifies
//     are not implemented. An answer that was not asked for with a cookie or over TCP is bounded in size (1232 bytes) and
//     in number (per network), so that the server is of no use to who forges addresses.
//   - A new file takes effect between two answers, and a faulty one changes nothing.
//   - No address is logged or counted.
//
// The standards it follows: RFC 1034, 1035, 2181 and 2308 (the protocol, negative answers), 6891 (EDNS), 7873 and 9018
// (cookies), 7871 (client subnet), 8020 (a name that does not exist has nothing below it), 8482 (ANY), 9460 (SVCB and
// HTTPS), 4034, 4035 and 9824 (DNSSEC, with compact denial of existence). There are no wildcards (RFC 4592) and no
// delegations: a file that has some is refused.
package dns

// Package wan puts the distances between regions into one machine. A Network joins sites, such as regions, by directed
// links. Whoever speaks from one site to a server at another connects to an address that Expose returns, on the loopback
// interface, and the bytes of each direction pass through that direction's link.
//
// What a Link adds, and what can be changed at any moment:
//
//   - Delay, one way, and Jitter on top of it. A connection keeps its order, and is a delay line: many bytes are on the way
//     at once, at most 4 MiB a connection and direction, as with TCP's window.
//   - Loss. A link carries TCP, which repeats what is lost: a lost segment stalls its connection for a retransmission
//     timeout, a round trip and 200 ms, and twice as long each time that it is lost again.
//   - Bandwidth, shared by all connections of the link.
//   - Cut. What is on the way is held, and nothing is reset: it arrives after the link is mended. A connection that is held
//     for as long as Linux repeats segments (924 s) is reset.
//
// Opening a connection costs a round trip before the first byte leaves. One thing differs from a real network: the loopback
// interface accepts a connection at once, also towards a cut link or a dead server. The client then waits for its first
// answer, and is reset after 127 s, or once the news of the refusal is back. So what ends its waiting is the deadline of the
// call, not that of the dialling.
//
// Everything is in user space and needs no rights, on Linux and macOS. Methods are safe for concurrent use.
package wan

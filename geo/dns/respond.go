package dns

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// maxUDPBytes is the largest response over UDP, which passes every network whole (RFC 9715).
const maxUDPBytes = 1232

// minUDPBytes is the largest response to who says nothing of more (RFC 1035, section 4.2.1).
const minUDPBytes = 512

// A responder answers requests one after the other, with buffers of its own.
type responder struct {
	server *Server
	view   *view
	query  query
	out    []byte
	tcp    bool
	from   netip.Addr
	now    time.Time
	counts *counts
}

// respond returns the response to a request, or nothing if there is to be none. It belongs to the responder until its next
// call. The address is IPv4, or IPv6.
func (r *responder) respond(packet []byte, from netip.Addr, tcp bool) []byte {
	r.view, r.from, r.tcp, r.now = r.server.view.Load(), from, tcp, time.Now()
	err := r.query.read(packet)
	if errors.Is(err, errSilent) {
		r.counts.dropped[droppedNoRequest].Add(1)
		return nil
	}
	made, scope := r.find(err)
	switch r.verdict(made) {
	case truncate:
		r.counts.dropped[truncatedByLimit].Add(1)
		wire := r.write(&section{rcode: made.rcode}, 0)
		binary.BigEndian.PutUint16(wire[2:], binary.BigEndian.Uint16(wire[2:])|flagTruncated)
		return wire
	case drop:
		r.counts.dropped[droppedByLimit].Add(1)
		return nil
	}
	if made == r.view.missing && r.asked().do {
		made = r.denial()
	}
	r.counts.answer(tcp, made.rcode)
	return r.write(made, scope)
}

// Responses without records.
var (
	formatError    = &section{rcode: dns.RcodeFormatError}
	notImplemented = &section{rcode: dns.RcodeNotImplemented}
	badVersion     = &section{rcode: dns.RcodeBadVers}
	refused        = &section{rcode: dns.RcodeRefused}
	serverFailure  = &section{rcode: dns.RcodeServerFailure}
	nothing        = &section{}
)

// find returns what answers the query, and the scope of the client subnet that it is right for.
func (r *responder) find(err error) (made *section, scope int) {
	q := &r.query
	switch {
	case q.flags&maskOpcode != 0:
		return notImplemented, 0
	case err != nil:
		return formatError, 0
	case q.version != 0:
		return badVersion, 0
	case len(q.question) == 0:
		return nothing, 0 // the cookie is the answer
	case q.class != dns.ClassINET, refusedType(q.kind, r.view.signed != nil):
		return refused, 0
	case q.kind == dns.TypeNXNAME, q.kind == dns.TypeOPT, q.kind == dns.TypeNone:
		return formatError, 0 // RFC 9824, section 3.5
	}
	return r.look()
}

// look returns what answers a query for the zone, or a name outside.
func (r *responder) look() (made *section, scope int) {
	v, q := r.view, &r.query
	at, ok := v.zone.nodes[string(q.wire())]
	if !ok {
		return r.unknown(), 0
	}
	key := sectionKey{at: at, kind: v.zone.kind(at, q.kind), asked: r.asked()}
	if at.tailored(q.kind) {
		if len(v.states) == 0 {
			return serverFailure, 0 // and not that there is no address, which caches would keep
		}
		key.order, scope = r.nearest()
	}
	return v.section(key), scope
}

// refusedType reports whether a type is never answered: transfers, transactions, and signatures by themselves, which
// depend on what they sign.
func refusedType(kind uint16, signed bool) bool {
	switch kind {
	case dns.TypeAXFR, dns.TypeIXFR, dns.TypeMAILA, dns.TypeMAILB, dns.TypeTKEY, dns.TypeTSIG:
		return true
	}
	return kind == dns.TypeRRSIG && signed
}

// unknown answers for a name that is not in the zone's file.
func (r *responder) unknown() *section {
	if !below(r.query.wire(), r.view.zone.wire) {
		return refused
	}
	return r.view.missing
}

// asked returns which signatures the response is to have.
func (r *responder) asked() signing {
	if !r.query.do || r.view.signed == nil {
		return signing{}
	}
	return signing{do: true, co: r.query.co}
}

// denial returns the signed answer that the query's name does not exist. It is signed for this name alone, so that it must
// be asked for after the limiter.
func (r *responder) denial() *section {
	v := r.view
	name, _, err := dns.UnpackDomainName(r.query.wire(), 0)
	if err != nil {
		return formatError
	}
	denied := answer{rcode: dns.RcodeNameError, missing: name, authority: []dns.RR{v.zone.soa}}
	return packBehind(name, v.sign(denied, r.asked()), true)
}

// below reports whether a name is below the zone's, or the same, both in wire form.
func below(name []byte, zone string) bool {
	for len(name) > len(zone) {
		name = name[1+name[0]:]
	}
	return string(name) == zone
}

// nearest returns the order of regions for the client and the scope.
func (r *responder) nearest() (order, int) {
	client := r.from
	if r.query.subnet.addr.IsValid() {
		client = r.query.subnet.addr
	}
	if client.Is4In6() {
		// Clients of IPv4 are sent as such. As IPv6, the address shares a /64 with others, and so their place: none.
		client = netip.IPv6Unspecified()
	}
	where, bits := r.view.zone.place.locate(client)
	picked, scope := r.view.pick(r.view.route(where), client, bits)
	slot := maxRegions
	if first := picked.first(); first >= 0 {
		slot = r.view.slots[first]
	}
	r.counts.located(r.query.subnet.addr.IsValid(), where.country != "", slot)
	return picked, scope
}

// verdict asks the limiter, unless the client has shown that its address is its own.
func (r *responder) verdict(made *section) verdict {
	if r.tcp || r.proven() {
		return send
	}
	kind := byte(made.rcode)
	if made.nodata {
		kind |= 0x80
	}
	return r.server.limiter.check(r.view.zone.file.RateLimit, r.from, kind, r.now)
}

// proven reports whether the query has a cookie that this server has sent to this address.
func (r *responder) proven() bool {
	valid, _ := r.server.cookies.check(r.query.cookie, r.from, r.now)
	return valid
}

// write writes the response: a header, the question as it was asked, the section, and EDNS if the query had it. A section
// that does not fit over UDP is left out, and the response marked as truncated.
func (r *responder) write(made *section, scope int) []byte {
	q := &r.query
	flags := flagResponse | q.flags&(maskOpcode|flagRecursion|flagChecking) | uint16(made.rcode)&0xf
	if made.authoritative() {
		flags |= flagAuthority
	}
	out := r.out[:headerBytes]
	out = append(out, q.question...)
	body := len(out)
	out = append(out, made.body...)
	end := len(out)
	out = r.appendEDNS(out, made.rcode, scope)
	counts := [4]uint16{0, made.answers, made.authority, made.additional}
	if len(out) > r.most() {
		out = append(out[:body], out[end:]...)
		counts, flags = [4]uint16{}, flags|flagTruncated
	}
	if len(q.question) > 0 {
		counts[0] = 1
	}
	if q.edns {
		counts[3]++
	}
	putHeader(out, q.id, flags, counts)
	r.out = out
	return out
}

// putHeader writes a message's header.
func putHeader(out []byte, id, flags uint16, counts [4]uint16) {
	binary.BigEndian.PutUint16(out, id)
	binary.BigEndian.PutUint16(out[2:], flags)
	for i, count := range counts {
		binary.BigEndian.PutUint16(out[4+2*i:], count)
	}
}

// authoritative reports whether the response speaks for the zone.
func (s *section) authoritative() bool {
	return s.answers+s.authority > 0
}

// most returns how long the response may be.
func (r *responder) most() int {
	switch {
	case r.tcp:
		return dns.MaxMsgSize
	case !r.query.edns:
		return minUDPBytes
	}
	return max(minUDPBytes, min(int(r.query.size), maxUDPBytes))
}

// appendEDNS appends the OPT record of a response to a query that has one.
func (r *responder) appendEDNS(out []byte, rcode, scope int) []byte {
	q := &r.query
	if !q.edns {
		return out
	}
	start := len(out)
	out = append(out, 0, 0, byte(dns.TypeOPT), maxUDPBytes>>8, maxUDPBytes&0xff, byte(rcode>>4), 0, 0, 0, 0, 0)
	if q.do {
		out[start+7] |= flagDO >> 8
	}
	if q.co {
		out[start+7] |= flagCO >> 8
	}
	out = r.appendCookie(out)
	if q.subnet.sent && (rcode == dns.RcodeSuccess || rcode == dns.RcodeNameError) {
		out = q.subnet.append(out, scope)
	}
	binary.BigEndian.PutUint16(out[start+9:], uint16(len(out)-start-optHeadBytes))
	return out
}

// appendCookie appends a cookie to a response to a query that has one.
func (r *responder) appendCookie(out []byte) []byte {
	cookie := r.query.cookie
	if len(cookie) == 0 {
		return out
	}
	out = binary.BigEndian.AppendUint16(out, dns.EDNS0COOKIE)
	out = binary.BigEndian.AppendUint16(out, cookieBytes)
	if _, renew := r.server.cookies.check(cookie, r.from, r.now); !renew {
		return append(out, cookie...)
	}
	return r.server.cookies.append(out, cookie, r.from, r.now)
}

// append appends the option as it was sent, with the scope. A query that asks for its client not to be considered gets
// scope 0 (RFC 7871, section 7.2.1).
func (s *subnet) append(out []byte, scope int) []byte {
	if s.bits == 0 {
		scope = 0
	}
	octets := (s.bits + 7) / 8
	out = binary.BigEndian.AppendUint16(out, dns.EDNS0SUBNET)
	out = binary.BigEndian.AppendUint16(out, uint16(4+octets))
	out = binary.BigEndian.AppendUint16(out, s.family)
	out = append(out, byte(s.bits), byte(scope))
	if s.addr.Is4() {
		full := s.addr.As4()
		return append(out, full[:octets]...)
	}
	full := s.addr.As16()
	return append(out, full[:octets]...)
}

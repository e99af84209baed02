package dns

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/miekg/dns"
)

// The lengths of the parts of a message (RFC 1035, section 4.1).
const (
	headerBytes   = 12
	questionTail  = 4  // type and class
	optHeadBytes  = 11 // an OPT record without options, at the root (RFC 6891, section 6.1.2)
	optionHead    = 4
	maxLabelBytes = 63
)

// The bits of a header's second word.
const (
	flagResponse  = 1 << 15
	flagAuthority = 1 << 10
	flagTruncated = 1 << 9
	flagRecursion = 1 << 8
	flagChecking  = 1 << 4
	maskOpcode    = 0xf << 11
)

// The bits of an OPT record's last half of TTL.
const (
	flagDO = 1 << 15 // RFC 3225
	flagCO = 1 << 14 // RFC 9824, section 5.1
)

// A query is what the server needs to know of a request. Its slices are the request's own, or the query's.
type query struct {
	id, flags   uint16
	question    []byte // as sent; empty if there is none
	kind, class uint16

	edns    bool
	version uint8
	size    uint16 // the largest response over UDP
	do, co  bool
	cookie  []byte
	subnet  subnet

	name   [maxNameBytes]byte // in lower case
	length int
}

// wire returns the name in wire form and lower case.
func (q *query) wire() []byte { return q.name[:q.length] }

// A subnet is a client subnet option (RFC 7871, section 6).
type subnet struct {
	sent   bool
	family uint16
	bits   int
	addr   netip.Addr // invalid where bits is 0
}

// The reasons for which a request is not answered as a query.
var (
	errSilent = errors.New("it is not a request") // to which no answer may be given
	errFormat = errors.New("it is malformed")
)

// read decodes a request. What is no request at all is errSilent. On errFormat, what was read so far is set.
func (q *query) read(packet []byte) error {
	*q = query{}
	if len(packet) < headerBytes || packet[2]&0x80 != 0 {
		return errSilent
	}
	q.id, q.flags = binary.BigEndian.Uint16(packet), binary.BigEndian.Uint16(packet[2:])
	if q.flags&maskOpcode != 0 {
		return nil // which is refused, whatever it holds
	}
	if !plain(packet) {
		return q.readUnusual(packet)
	}
	rest, ok := q.readQuestion(packet[headerBytes:])
	if !ok {
		return errFormat
	}
	switch {
	case packet[11] == 0 && len(rest) == 0:
		return nil
	case packet[11] == 0:
		return errFormat
	case len(rest) < optHeadBytes || string(rest[:3]) != optStart:
		return q.readUnusual(packet)
	case int(binary.BigEndian.Uint16(rest[9:])) != len(rest)-optHeadBytes:
		return errFormat
	}
	return q.readOPT(rest)
}

// optStart is how an OPT record begins: with the root and its type.
const optStart = "\x00\x00\x29"

// plain reports whether the counts are those of nearly every query: one question, and at most one record, additional.
func plain(packet []byte) bool {
	const counts = "\x00\x01\x00\x00\x00\x00\x00"
	return string(packet[4:11]) == counts && packet[11] <= 1
}

// readQuestion reads the question at the start and returns what is behind it. Its name is not compressed: there is no
// earlier one.
func (q *query) readQuestion(from []byte) (rest []byte, ok bool) {
	at := 0
	for {
		if at >= len(from) {
			return nil, false
		}
		label := int(from[at])
		if label > maxLabelBytes || at+label+1 > maxNameBytes || at+label+1 > len(from) {
			return nil, false
		}
		q.name[at] = byte(label)
		for i := at + 1; i <= at+label; i++ {
			q.name[i] = lower(from[i])
		}
		at += label + 1
		if label == 0 {
			break
		}
	}
	if len(from) < at+questionTail {
		return nil, false
	}
	q.length = at
	q.kind, q.class = binary.BigEndian.Uint16(from[at:]), binary.BigEndian.Uint16(from[at+2:])
	q.question = from[:at+questionTail]
	return from[at+questionTail:], true
}

// lower returns the octet in the case in which names are compared (RFC 4343).
func lower(octet byte) byte {
	if 'A' <= octet && octet <= 'Z' {
		return octet + 'a' - 'A'
	}
	return octet
}

// readOPT reads an OPT record.
func (q *query) readOPT(record []byte) error {
	q.edns, q.size, q.version = true, binary.BigEndian.Uint16(record[3:]), record[6]
	flags := binary.BigEndian.Uint16(record[7:])
	q.do, q.co = flags&flagDO != 0, flags&flagCO != 0
	if q.version != 0 {
		return nil // the options of other versions may look otherwise
	}
	for options := record[optHeadBytes:]; len(options) > 0; {
		if len(options) < optionHead {
			return errFormat
		}
		code, length := binary.BigEndian.Uint16(options), int(binary.BigEndian.Uint16(options[2:]))
		if options = options[optionHead:]; len(options) < length {
			return errFormat
		}
		if err := q.readOption(code, options[:length]); err != nil {
			return err
		}
		options = options[length:]
	}
	return nil
}

// readOption reads one option. Unknown ones are ignored (RFC 6891, section 6.1.2), as are all but the first of a kind.
func (q *query) readOption(code uint16, data []byte) error {
	switch {
	case code == dns.EDNS0COOKIE && q.cookie == nil:
		// RFC 7873, section 5.2.2.
		if len(data) != clientCookieBytes && (len(data) < 16 || len(data) > 40) {
			return errFormat
		}
		q.cookie = data
	case code == dns.EDNS0SUBNET && !q.subnet.sent:
		return q.subnet.read(data)
	}
	return nil
}

// read decodes a client subnet. An unknown family, a scope, too many or too few octets, and bits behind the prefix are
// malformed (RFC 7871, sections 6 and 7.1.1).
func (s *subnet) read(data []byte) error {
	if len(data) < 4 {
		return errFormat
	}
	*s = subnet{sent: true, family: binary.BigEndian.Uint16(data), bits: int(data[2])}
	var octets [16]byte
	most := 8 * len(octets)
	if s.family == 1 {
		most = 32
	}
	// Family 0 is sent with length 0 by those who want to say nothing of the client.
	known := s.family == 1 || s.family == 2 || s.family == 0 && s.bits == 0
	if !known || data[3] != 0 || s.bits > most || len(data)-4 != (s.bits+7)/8 {
		return errFormat
	}
	copy(octets[:], data[4:])
	if s.bits == 0 {
		return nil
	}
	s.addr = netip.AddrFrom16(octets)
	if s.family == 1 {
		s.addr = netip.AddrFrom4([4]byte(octets[:4]))
	}
	if whole, err := s.addr.Prefix(s.bits); err != nil || whole.Addr() != s.addr {
		return errFormat
	}
	return nil
}

// readUnusual reads requests that are not plain: transfers with a SOA, signed ones, and those without a question, which ask
// for a cookie (RFC 7873, section 5.4).
func (q *query) readUnusual(packet []byte) error {
	var m dns.Msg
	if err := m.Unpack(packet); err != nil || len(m.Question) > 1 || len(m.Answer) > 0 {
		return errFormat
	}
	if len(m.Question) == 1 {
		if _, ok := q.readQuestion(packet[headerBytes:]); !ok {
			return errFormat
		}
	}
	if len(m.Ns) > 0 && q.kind != dns.TypeIXFR {
		return errFormat
	}
	if err := q.readAdditional(m.Extra); err != nil {
		return err
	}
	if len(m.Question) == 0 && q.cookie == nil {
		return errFormat
	}
	return nil
}

// readAdditional finds the OPT record among others, such as TSIG, of which the server shares no key.
func (q *query) readAdditional(records []dns.RR) error {
	for _, rr := range records {
		opt, ok := rr.(*dns.OPT)
		if !ok {
			continue
		}
		if q.edns || opt.Hdr.Name != "." {
			return errFormat // RFC 6891, section 6.1.1: there is one at most
		}
		record := make([]byte, dns.Len(opt))
		if _, err := dns.PackRR(opt, record, 0, nil, false); err != nil || len(record) < optHeadBytes {
			return errFormat
		}
		if err := q.readOPT(record); err != nil {
			return err
		}
	}
	return nil
}

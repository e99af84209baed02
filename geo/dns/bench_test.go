package dns

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meridian/internal/testkit"
)

// BenchmarkDnsperf measures how many queries are answered in a second of processor time, by this server and by nsd with a
// static zone of the same names, by turns and with the same questions: with nothing of the client, and with its subnet.
func BenchmarkDnsperf(b *testing.B) {
	tool(b, "nsd", "nsd")
	tool(b, "dnsperf", "dnsperf")
	for _, mode := range []struct {
		name    string
		options []string
	}{
		{"resolver", []string{"-e"}},
		// A client subnet of 80.128.0.0/24, in Germany.
		{"subnet", []string{"-e", "-E", "8:00011800508000"}},
	} {
		b.Run(mode.name, func(b *testing.B) {
			var ours, theirs load
			for b.Loop() {
				ours.add(loadOurs(b, mode.options))
				theirs.add(loadNSD(b, mode.options))
			}
			b.ReportMetric(ours.perCPU(), "answers/cpu-s")
			b.ReportMetric(theirs.perCPU(), "nsd-answers/cpu-s")
			b.ReportMetric(100*ours.perCPU()/theirs.perCPU(), "%-of-nsd")
			b.ReportMetric(100*ours.perSecond()/theirs.perSecond(), "%-of-nsd-wall")
		})
	}
}

// A load is what came of asking a server.
type load struct {
	answers  float64
	cpu, all time.Duration
}

func (l *load) add(other load) {
	l.answers, l.cpu, l.all = l.answers+other.answers, l.cpu+other.cpu, l.all+other.all
}

func (l *load) perCPU() float64    { return l.answers / l.cpu.Seconds() }
func (l *load) perSecond() float64 { return l.answers / l.all.Seconds() }

// questions are what dnsperf asks, over and over.
const questions = "shop.example A\nshop.example AAAA\nwww.shop.example A\nshop.example A\nshop.example MX\nnope.shop.example A\n"

// dnsperf asks the address for some seconds.
func dnsperf(b *testing.B, at netip.AddrPort, options []string) load {
	b.Helper()
	list := filepath.Join(b.TempDir(), "questions")
	testkit.NoError(b, os.WriteFile(list, []byte(questions), 0o600))
	const seconds = 3
	args := append([]string{"-s", at.Addr().String(), "-p", strconv.Itoa(int(at.Port())), "-d", list,
		"-c", "16", "-q", "200", "-l", strconv.Itoa(seconds)}, options...)
	output, err := exec.Command("dnsperf", args...).CombinedOutput()
	if err != nil {
		b.Fatalf("dnsperf: %v\n%s", err, output)
	}
	completed := regexp.MustCompile(`Queries completed:\s+(\d+) `).FindSubmatch(output)
	if completed == nil || !bytes.Contains(output, []byte("NXDOMAIN")) || !bytes.Contains(output, []byte("NOERROR")) {
		b.Fatalf("dnsperf says\n%s", output)
	}
	return load{answers: testkit.Must(strconv.ParseFloat(string(completed[1]), 64))(b), all: seconds * time.Second}
}

// loadOurs loads a server of this process. What the process does beside it counts against it.
func loadOurs(b *testing.B, options []string) load {
	s, _ := newServer(b)
	at := start(b, s)
	before := ownCPU(b)
	done := dnsperf(b, at, options)
	done.cpu = ownCPU(b) - before
	return done
}

func ownCPU(b *testing.B) time.Duration {
	var usage syscall.Rusage
	testkit.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// nsdConfig has as many servers as this machine has processors, each with a socket of its own, and no limit of its own.
const nsdConfig = `server:
  ip-address: 127.0.0.1@%d
  port: %[1]d
  server-count: 2
  reuseport: yes
  username: ""
  chroot: ""
  zonesdir: "%[2]s"
  pidfile: "%[2]s/nsd.pid"
  xfrdfile: "%[2]s/xfrd.state"
  xfrdir: "%[2]s"
  zonelistfile: "%[2]s/zone.list"
  database: ""
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: shop.example.
  zonefile: shop.zone
`

const nsdZone = `$ORIGIN shop.example.
@ 60 SOA ns1 hostmaster 7 7200 900 1209600 60
@ 3600 NS ns1
@ 3600 NS ns2
ns1 3600 A 192.0.2.53
ns2 3600 A 198.51.100.53
@ 30 A 192.0.2.1
@ 30 A 192.0.2.2
@ 30 AAAA 2001:db8:1::1
@ 30 AAAA 2001:db8:2::1
@ 3600 MX 10 mail.example.net.
www 3600 CNAME @
`

// loadNSD loads an nsd.
func loadNSD(b *testing.B, options []string) load {
	dir := b.TempDir()
	port := freePort(b)
	config := filepath.Join(dir, "nsd.conf")
	testkit.NoError(b, os.WriteFile(config, fmt.Appendf(nil, nsdConfig, port, dir), 0o600))
	testkit.NoError(b, os.WriteFile(filepath.Join(dir, "shop.zone"), []byte(nsdZone), 0o600))
	command := exec.Command(tool(b, "nsd", "nsd"), "-d", "-c", config)
	var said bytes.Buffer
	command.Stderr = &said
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // by which its servers are found
	testkit.NoError(b, command.Start())
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	testkit.Eventually(b, "nsd answers", func() bool { return answersAt(at) })
	before := groupCPU(b, command.Process.Pid)
	done := dnsperf(b, at, options)
	done.cpu = groupCPU(b, command.Process.Pid) - before
	testkit.NoError(b, command.Process.Signal(syscall.SIGTERM))
	if err := command.Wait(); err != nil {
		b.Fatalf("nsd: %v\n%s", err, &said)
	}
	return done
}

// groupCPU returns the processor time of a group of processes (proc(5)).
func groupCPU(b *testing.B, group int) (sum time.Duration) {
	const perTick = time.Second / 100 // USER_HZ, which is 100 wherever Go runs on Linux
	files := testkit.Must(filepath.Glob("/proc/[0-9]*/stat"))(b)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if fields[2] != strconv.Itoa(group) {
			continue
		}
		for _, ticks := range fields[11:13] {
			sum += time.Duration(testkit.Must(strconv.Atoi(ticks))(b)) * perTick
		}
	}
	if sum == 0 && len(files) == 0 {
		b.Skip("there is no /proc to read nsd's processor time from")
	}
	return sum
}

// answersAt reports whether a server answers for the zone.
func answersAt(at netip.AddrPort) bool {
	m := new(dns.Msg).SetQuestion("shop.example.", dns.TypeSOA)
	response, err := dns.Exchange(m, at.String())
	return err == nil && len(response.Answer) == 1 && strings.HasPrefix(response.Answer[0].Header().Name, "shop.example.")
}

// freePort returns a port that is free for UDP and TCP.
func freePort(t testing.TB) uint16 {
	listener := testkit.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).AddrPort().Port()
}

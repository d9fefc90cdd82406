//go:build linux

package kernellab

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// eventKind is what the kernel reported.
type eventKind uint8

const (
	eventState       eventKind = iota + 1 // a socket changed its state
	eventTimerStart                       // a timer of a request or TIME_WAIT mini socket was armed
	eventTimerExpire                      // and ran out
	eventTimerCancel                      // and was taken off; of any timer, the tracepoint does not say which
)

// event is one trace event.
type event struct {
	at   int64 // nanoseconds since 1970 UTC
	cpu  int
	kind eventKind

	object        uint64 // the socket, or the timer
	old, new      int32  // the kernel's numbers of the states
	local, remote netip.AddrPort

	function timerFunction
	timeout  uint64 // jiffies until it runs out
	now      uint64 // jiffies
}

// timerFunction says what a timer belongs to.
type timerFunction uint8

const (
	timerOther    timerFunction = iota
	timerRequest                // a request socket: SYN_RCVD of a passive open
	timerTimeWait               // a mini socket: TIME_WAIT, or FIN_WAIT_2 of a closed socket
)

const tracingRoot = "/sys/kernel/tracing"

// tracer records the kernel's own account in a private instance of its trace
// buffers, so that no other user of tracing is disturbed or disturbs.
type tracer struct {
	dir     string
	formats map[uint16]traceEvent
	symbols map[uint64]timerFunction
	pipes   []*os.File // one per CPU
	events  []event
	err     error
	stop    chan struct{}
	done    chan struct{}
	// offset is what realtime adds to the trace clock, whole seconds.
	offset int64
}

// traceEvent is one tracepoint: its kind and where its fields are.
type traceEvent struct {
	kind   eventKind
	fields map[string]int // offsets
}

var tracepoints = map[string]eventKind{
	"sock/inet_sock_set_state": eventState,
	"timer/timer_start":        eventTimerStart,
	"timer/timer_expire_entry": eventTimerExpire,
	"timer/timer_cancel":       eventTimerCancel,
}

// startTracer switches the tracepoints on.
func startTracer() (t *tracer, err error) {
	if _, err := os.Stat(filepath.Join(tracingRoot, "instances")); err != nil {
		if err := unix.Mount("nodev", tracingRoot, "tracefs", 0, ""); err != nil {
			return nil, fmt.Errorf("mount tracefs at %s: %w", tracingRoot, err)
		}
	}
	removeAbandoned()
	t = &tracer{
		dir:     fmt.Sprintf("%s%d", instancePrefix, os.Getpid()),
		formats: map[uint16]traceEvent{},
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	if err := os.Mkdir(t.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a tracefs instance: %w", err)
	}
	defer func() {
		if err != nil {
			t.remove()
		}
	}()
	if t.symbols, err = timerSymbols(); err != nil {
		return nil, err
	}
	if err := t.setUp(); err != nil {
		return nil, fmt.Errorf("set up tracing: %w", err)
	}
	go t.drain()
	return t, nil
}

// instancePrefix and a process number make the name of an instance.
const instancePrefix = tracingRoot + "/instances/tcplife-"

// removeAbandoned removes the instances of labs that were killed: they would go
// on tracing.
func removeAbandoned() {
	instances, _ := filepath.Glob(instancePrefix + "*") // the pattern is sound
	for _, dir := range instances {
		pid, err := strconv.Atoi(strings.TrimPrefix(dir, instancePrefix))
		if err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			os.Remove(dir)
		}
	}
}

func (t *tracer) write(name, value string) error {
	return os.WriteFile(filepath.Join(t.dir, name), []byte(value), 0)
}

func (t *tracer) setUp() error {
	if err := errors.Join(
		t.write("trace_clock", "tai"),
		t.write("buffer_size_kb", "8192"),
		// Only the two timers' starts and expiries are wanted; a cancelled timer
		// does not tell its function.
		t.write("events/timer/timer_start/filter", t.functionFilter()),
		t.write("events/timer/timer_expire_entry/filter", t.functionFilter()),
		t.write("events/sock/inet_sock_set_state/filter", "protocol == 6"),
	); err != nil {
		return err
	}
	var err error
	if t.offset, err = taiOffset(); err != nil {
		return err
	}
	for name, kind := range tracepoints {
		id, e, err := readFormat(filepath.Join(t.dir, "events", name, "format"))
		if err != nil {
			return err
		}
		e.kind = kind
		t.formats[id] = e
	}
	cpus, err := filepath.Glob(filepath.Join(t.dir, "per_cpu", "cpu*", "trace_pipe_raw"))
	if err != nil || len(cpus) == 0 {
		return fmt.Errorf("no trace buffers in %s", t.dir)
	}
	for cpu := range cpus {
		name := filepath.Join(t.dir, "per_cpu", fmt.Sprintf("cpu%d", cpu), "trace_pipe_raw")
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open %s: %w", name, err)
		}
		t.pipes = append(t.pipes, os.NewFile(uintptr(fd), name))
	}
	for name := range tracepoints {
		if err := t.write(filepath.Join("events", name, "enable"), "1"); err != nil {
			return err
		}
	}
	return nil
}

func (t *tracer) functionFilter() string {
	var terms []string
	for address := range t.symbols {
		terms = append(terms, fmt.Sprintf("function == %#x", address))
	}
	return strings.Join(terms, " || ")
}

// timerSymbols finds the addresses of the two timer functions.
func timerSymbols() (map[uint64]timerFunction, error) {
	file, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	names := map[string]timerFunction{"reqsk_timer_handler": timerRequest, "tw_timer_handler": timerTimeWait}
	found := map[uint64]timerFunction{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 || names[fields[2]] == timerOther {
			continue
		}
		address, err := strconv.ParseUint(fields[0], 16, 64)
		if err != nil {
			return nil, fmt.Errorf("read /proc/kallsyms: %w", err)
		}
		found[address] = names[fields[2]]
	}
	if len(found) != len(names) || found[0] != timerOther {
		return nil, fmt.Errorf("the kernel's timer functions are not in /proc/kallsyms")
	}
	return found, nil
}

// taiOffset returns what turns the trace clock into realtime.
func taiOffset() (int64, error) {
	var tai, real unix.Timespec
	if err := errors.Join(
		unix.ClockGettime(unix.CLOCK_TAI, &tai),
		unix.ClockGettime(unix.CLOCK_REALTIME, &real)); err != nil {
		return 0, err
	}
	return time.Duration(real.Nano() - tai.Nano()).Round(time.Second).Nanoseconds(), nil
}

// readFormat reads a tracepoint's number and the offsets of its fields.
func readFormat(name string) (id uint16, e traceEvent, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, e, err
	}
	e.fields = map[string]int{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if number, ok := strings.CutPrefix(line, "ID: "); ok {
			n, err := strconv.ParseUint(number, 10, 16)
			if err != nil {
				return 0, e, fmt.Errorf("read %s: %w", name, err)
			}
			id = uint16(n)
		}
		declaration, rest, ok := strings.Cut(line, ";")
		if !ok || !strings.HasPrefix(declaration, "field:") {
			continue
		}
		field := declaration[strings.LastIndexByte(declaration, ' ')+1:]
		field, _, _ = strings.Cut(field, "[")
		_, rest, _ = strings.Cut(rest, "offset:")
		number, _, _ := strings.Cut(rest, ";")
		offset, err := strconv.Atoi(number)
		if err != nil {
			return 0, e, fmt.Errorf("read %s: %w", name, err)
		}
		e.fields[field] = offset
	}
	return id, e, nil
}

// drain empties the trace buffers now and then until told to stop, and once more.
func (t *tracer) drain() {
	defer close(t.done)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	page := make([]byte, os.Getpagesize())
	for last := false; ; {
		for cpu, pipe := range t.pipes {
			for t.err == nil {
				n, err := unix.Read(int(pipe.Fd()), page)
				if n <= 0 || err != nil {
					break
				}
				t.err = readPage(page[:n], func(at uint64, data []byte) { t.take(cpu, at, data) })
			}
		}
		if last {
			return
		}
		select {
		case <-tick.C:
		case <-t.stop:
			last = true
		}
	}
}

// take keeps one event if it is about the lab.
func (t *tracer) take(cpu int, at uint64, data []byte) {
	ne := binary.NativeEndian
	format, ok := t.formats[ne.Uint16(data)]
	if !ok {
		return
	}
	word := func(name string) uint64 { return ne.Uint64(data[format.fields[name]:]) }
	short := func(name string) uint16 { return ne.Uint16(data[format.fields[name]:]) }
	e := event{at: int64(at) + t.offset, cpu: cpu, kind: format.kind}
	switch format.kind {
	case eventState:
		e.object = word("skaddr")
		e.old = int32(ne.Uint32(data[format.fields["oldstate"]:]))
		e.new = int32(ne.Uint32(data[format.fields["newstate"]:]))
		address := func(v4, v6 string) netip.Addr {
			if short("family") == unix.AF_INET6 {
				return netip.AddrFrom16([16]byte(data[format.fields[v6]:])).Unmap()
			}
			return netip.AddrFrom4([4]byte(data[format.fields[v4]:]))
		}
		e.local = netip.AddrPortFrom(address("saddr", "saddr_v6"), short("sport"))
		e.remote = netip.AddrPortFrom(address("daddr", "daddr_v6"), short("dport"))
	case eventTimerStart:
		e.object, e.function = word("timer"), t.symbols[word("function")]
		e.now = word("now")
		e.timeout = word("expires") - e.now
	case eventTimerExpire:
		e.object, e.function, e.now = word("timer"), t.symbols[word("function")], word("now")
	case eventTimerCancel:
		e.object = word("timer")
	}
	t.events = append(t.events, e)
}

// finish stops tracing and returns the events in order of time.
func (t *tracer) finish() ([]event, error) {
	err := t.write("tracing_on", "0")
	close(t.stop)
	<-t.done
	t.remove()
	slices.SortStableFunc(t.events, func(a, b event) int { return int(a.at - b.at) })
	return t.events, errors.Join(err, t.err)
}

// remove gives the instance back. The kernel refuses while its files are open.
func (t *tracer) remove() {
	for _, pipe := range t.pipes {
		pipe.Close()
	}
	if err := os.Remove(t.dir); err != nil {
		t.err = errors.Join(t.err, fmt.Errorf("remove the tracefs instance: %w", err))
	}
}

//go:build linux

package kernellab

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	clientEnd = netip.MustParseAddrPort("10.77.1.1:4000")
	serverEnd = netip.MustParseAddrPort("10.77.1.2:80")
)

// jiffy is the length of the kernel's tick in these tests: HZ is 250.
const jiffy = int64(4 * time.Millisecond)

// state is an event of inet_sock_set_state at the server, times in microseconds.
func state(at int64, socket uint64, from, to int32) event {
	return event{at: at * 1000, kind: eventState, object: socket, old: from, new: to, local: serverEnd, remote: clientEnd}
}

func timer(at int64, kind eventKind, object uint64, function timerFunction, seconds uint64) event {
	return event{at: at * 1000, kind: kind, object: object, function: function, timeout: seconds * 250, now: uint64(1 + at*1000/jiffy)}
}

func cancel(at int64, object uint64) event {
	return event{at: at * 1000, kind: eventTimerCancel, object: object}
}

const (
	established = 1
	finWait1    = 4
	closeWait   = 8
	lastAck     = 9
)

// Each case is what the kernel reports and the path it tells.
func TestTestify(t *testing.T) {
	passive := []event{
		timer(0, eventTimerStart, 0x11, timerRequest, 1), // the SYN
		state(9000, 0x1, kernelListen, kernelSynRecv),    // the handshake's ACK, all at once
		cancel(9001, 0x11),
		state(9003, 0x1, kernelSynRecv, established),
	}
	for _, test := range []struct {
		name   string
		events []event
		want   string
	}{
		{"SYN_RCVD begins with the request", passive, "LISTEN 0 SYN_RCVD 9003 ESTABLISHED"},
		{"a request cancelled before its socket is born", []event{
			timer(0, eventTimerStart, 0x11, timerRequest, 1),
			cancel(8999, 0x11),
			state(9000, 0x1, kernelListen, kernelSynRecv),
			state(9003, 0x1, kernelSynRecv, established),
		}, "LISTEN 0 SYN_RCVD 9003 ESTABLISHED"},
		{"a request that gives up", []event{
			timer(0, eventTimerStart, 0x11, timerRequest, 1),
			cancel(1_000_000, 0x11),
			timer(1_000_001, eventTimerExpire, 0x11, timerRequest, 0),
			timer(1_000_040, eventTimerStart, 0x11, timerRequest, 2),
			cancel(3_000_000, 0x11),
			timer(3_000_001, eventTimerExpire, 0x11, timerRequest, 0),
		}, "LISTEN 0 SYN_RCVD 3000001 CLOSED silent"},
		{"a request that is reset", []event{
			timer(0, eventTimerStart, 0x11, timerRequest, 1),
			cancel(5000, 0x11),
		}, "LISTEN 0 SYN_RCVD 5000 CLOSED"},
		{"TIME_WAIT that expires", append(slices.Clone(passive),
			state(10_000, 0x1, established, finWait1),
			state(11_000, 0x1, finWait1, kernelFinW2),
			timer(12_000, eventTimerStart, 0x12, timerTimeWait, 60),
			state(12_001, 0x1, kernelFinW2, kernelClose),
			cancel(62_000_000, 0x12),
			timer(62_000_001, eventTimerExpire, 0x12, timerTimeWait, 0),
		), "LISTEN 0 SYN_RCVD 9003 ESTABLISHED 10000 FIN_WAIT_1 11000 FIN_WAIT_2 12001 TIME_WAIT 62000001 CLOSED silent"},
		{"TIME_WAIT that is restarted and killed", append(slices.Clone(passive),
			state(10_000, 0x1, established, finWait1),
			state(10_500, 0x1, finWait1, kernelClosing),
			timer(12_000, eventTimerStart, 0x12, timerTimeWait, 60),
			state(12_001, 0x1, kernelClosing, kernelClose),
			cancel(200_000, 0x12),
			timer(200_002, eventTimerStart, 0x12, timerTimeWait, 60),
			cancel(500_000, 0x12),
		), "LISTEN 0 SYN_RCVD 9003 ESTABLISHED 10000 FIN_WAIT_1 10500 CLOSING 12001 TIME_WAIT 500000 CLOSED"},
		{"an orphan in FIN_WAIT_2 that gets its FIN", append(slices.Clone(passive),
			state(10_000, 0x1, established, finWait1),
			state(11_000, 0x1, finWait1, kernelFinW2),
			timer(11_002, eventTimerStart, 0x12, timerTimeWait, 20),
			state(11_003, 0x1, kernelFinW2, kernelClose),
			cancel(900_000, 0x12),
			timer(900_002, eventTimerStart, 0x12, timerTimeWait, 60),
		), "LISTEN 0 SYN_RCVD 9003 ESTABLISHED 10000 FIN_WAIT_1 11000 FIN_WAIT_2 900002 TIME_WAIT"},
		{"an orphan in FIN_WAIT_2 that gives up", append(slices.Clone(passive),
			state(10_000, 0x1, established, finWait1),
			state(11_000, 0x1, finWait1, kernelFinW2),
			timer(11_002, eventTimerStart, 0x12, timerTimeWait, 20),
			state(11_003, 0x1, kernelFinW2, kernelClose),
			cancel(20_900_000, 0x12),
			timer(20_900_001, eventTimerExpire, 0x12, timerTimeWait, 0),
		), "LISTEN 0 SYN_RCVD 9003 ESTABLISHED 10000 FIN_WAIT_1 11000 FIN_WAIT_2 20900001 CLOSED silent"},
		{"a close after a shutdown is no step", append(slices.Clone(passive),
			state(10_000, 0x1, established, closeWait),
			state(11_000, 0x1, closeWait, lastAck),
			state(11_500, 0x1, lastAck, lastAck),
			state(12_000, 0x1, lastAck, kernelClose),
		), "LISTEN 0 SYN_RCVD 9003 ESTABLISHED 10000 CLOSE_WAIT 11000 LAST_ACK 12000 CLOSED"},
		{"a socket from before the lab", []event{state(10, 0x9, established, finWait1)}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			// A last event a while later lets HZ be measured.
			events := append(slices.Clone(test.events), timer(70_000_000, eventTimerStart, 0x99, timerOther, 0))
			lives, requests := testify(events)
			var got []string
			for _, l := range append(lives, requests...) {
				if len(l.steps) > 0 && l.steps[0].from != "" {
					got = append(got, spell(l))
				}
			}
			if s := strings.Join(got, "; "); s != test.want {
				t.Errorf("\n got %s\nwant %s", s, test.want)
			}
		})
	}
}

func spell(l *life) string {
	words := []string{l.steps[0].from}
	for _, s := range l.steps {
		words = append(words, strconv.FormatInt(s.at/1000, 10), s.to)
		if s.silent {
			words = append(words, "silent")
		}
	}
	return strings.Join(words, " ")
}

package report

import (
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

func between(client, server string) *Record {
	flow, dir := segment.FlowOf(endpoint(client), endpoint(server))
	return &Record{Connection: &tracker.Connection{Flow: flow, ClientIs: dir, Incarnation: 1, First: mark(7, 0)}}
}

// The vectors are those of the Community ID specification's own baseline.
func TestCommunityID(t *testing.T) {
	for _, c := range []struct{ client, server, want string }{
		{"128.232.110.120:34855", "66.35.250.204:80", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{"66.35.250.204:80", "128.232.110.120:34855", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{"[2001:470:e5bf:dead:4957:2174:e82c:4887]:63943", "[2607:f8b0:400c:c03::1a]:25", "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
	} {
		if got := between(c.client, c.server).CommunityID(); got != c.want {
			t.Errorf("%s → %s: %s, want %s", c.client, c.server, got, c.want)
		}
	}
}

func TestIDNamesTheConnectionAndNothingElse(t *testing.T) {
	id := between("10.0.0.1:1000", "10.0.0.2:80").ID()
	same := between("10.0.0.1:1000", "10.0.0.2:80")
	same.First.Packet, same.FirstFile, same.ClientIs = 99, 3, same.ClientIs.Reverse()
	if got := same.ID(); got != id {
		t.Error("the ID depends on packet number, file or who is taken for the client")
	}
	if want := "86b570a9753a549d"; id != want { // people keep IDs in tickets: they must not change
		t.Errorf("ID %s, was %s", id, want)
	}
	for name, change := range map[string]func(r *Record){
		"time":        func(r *Record) { r.First.At++ },
		"incarnation": func(r *Record) { r.Incarnation++ },
		"port":        func(r *Record) { r.Flow.A.Port++ },
	} {
		r := between("10.0.0.1:1000", "10.0.0.2:80")
		change(r)
		if r.ID() == id {
			t.Errorf("another %s, the same ID", name)
		}
	}
}

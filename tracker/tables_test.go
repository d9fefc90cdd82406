package tracker

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/STATES.md")

func TestEveryPairHasItsAnswer(t *testing.T) {
	for s := range State(numStates) {
		for e := range Event(numEvents) {
			law, guess := figure5[s][e] != Unknown, resync[s][e] != Unknown
			reason := inert(s, e)
			switch {
			case law && guess:
				t.Errorf("%v, %v: an arrow in both tables", s, e)
			case !law && !guess && reason == "":
				t.Errorf("%v, %v: no arrow, and no reason why", s, e)
			}
		}
	}
}

func TestEveryStateIsReachable(t *testing.T) {
	reached := map[State]bool{Unknown: true, Closed: true, Listen: true}
	for range numStates {
		for s := range reached {
			for e := range Event(numEvents) {
				if to, ok := next(s, e); ok {
					reached[to] = true
				}
			}
		}
	}
	for s := range State(numStates) {
		if !reached[s] {
			t.Errorf("%v is reached by no arrow", s)
		}
	}
}

// TestStatesDocument keeps docs/STATES.md, which is printed from the tables.
func TestStatesDocument(t *testing.T) {
	const file = "../docs/STATES.md"
	want := statesDocument()
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the tables say (%v): run go test ./tracker -update", file, err)
	}
}

func statesDocument() []byte {
	var b bytes.Buffer
	b.WriteString(`# States and arrows

<!-- Printed from tracker/figure5.go, tracker/resync.go and tracker/inert.go by "go test ./tracker -update". -->

Both endpoints of a connection walk these tables, each by its own events. The law is RFC 9293 figure 5. What a tap needs
beside it stands apart: each of those arrows names what the capture or the wire must have hidden.

## The law: RFC 9293 figure 5

`)
	table(&b, &figure5)
	b.WriteString("\n## Beside the law: what must have been missed\n\n")
	table(&b, &resync)
	b.WriteString("\n## Events that change nothing\n\n| state | event | why |\n|---|---|---|\n")
	for s := range State(numStates) {
		for e := range Event(numEvents) {
			if _, ok := next(s, e); !ok {
				fmt.Fprintf(&b, "| %v | %v | %s |\n", s, e, strings.ReplaceAll(inert(s, e), "|", "\\|"))
			}
		}
	}
	b.WriteString(`
## What no tap can know

A record's transition is graded: ` + "`observed`" + ` (the endpoint itself sent a segment that only this state can send), ` + "`inferred`" + ` (a later segment
proves it), ` + "`assumed`" + ` (nothing contradicts it). A step is graded no better than the assumption it starts from. Where the wire or the
capture hides what happened, this is what is said:

| what | what the endpoint did | what the capture shows | what the record says |
|---|---|---|---|
`)
	for _, u := range unknowable {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", u.name, u.truth, u.shows, u.says)
	}
	return b.Bytes()
}

func table(b *bytes.Buffer, arrows *[numStates][numEvents]State) {
	b.WriteString("| from | event | to |\n|---|---|---|\n")
	for s := range State(numStates) {
		for e := range Event(numEvents) {
			if to := arrows[s][e]; to != Unknown {
				fmt.Fprintf(b, "| %v | %v | %v |\n", s, e, to)
			}
		}
	}
}

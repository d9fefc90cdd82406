package truth

import (
	"cmp"
	"slices"
)

// Output is a connection as a tool reports it. Endpoints are compared by
// address, so a tool that takes the client for the server is scored all the same.
type Output struct {
	Client, Server string
	Transitions    []OutputTransition
}

// OutputTransition is one reported step; those from "UNKNOWN" are not scored.
type OutputTransition struct {
	At       float64 // unix seconds
	Client   bool    // the endpoint
	From, To string
	Grade    string // the certainty claimed, if any
}

// move is one transition of one endpoint.
type move struct {
	at              float64
	address         string
	from, to        string
	optional, timed bool
	unsent          bool // see Transition.Unsent
	grade           string
}

func (m move) same(o move) bool { return m.from == o.from && m.to == o.to }

// path is the moves of one connection, in order of time.
type path struct {
	client, server string
	moves          []move
	forged         map[string]bool // addresses without a socket behind them
}

func newPath(client, server string, moves []move) *path {
	slices.SortStableFunc(moves, func(a, b move) int { return cmp.Compare(a.at, b.at) })
	return &path{client: client, server: server, moves: moves}
}

// pair is the 4-tuple without direction.
func (p *path) pair() [2]string {
	if p.client < p.server {
		return [2]string{p.client, p.server}
	}
	return [2]string{p.server, p.client}
}

func (p *path) start() float64 {
	if len(p.moves) == 0 {
		return 0
	}
	return p.moves[0].at
}

func (p *path) of(address string) []move {
	var out []move
	for _, m := range p.moves {
		if m.address == address {
			out = append(out, m)
		}
	}
	return out
}

// only returns the path with the moves that satisfy keep.
func (p *path) only(keep func(move) bool) *path {
	q := &path{client: p.client, server: p.server}
	for _, m := range p.moves {
		if keep(m) {
			q.moves = append(q.moves, m)
		}
	}
	return q
}

// crossing is how close together the closing steps of two ends count as
// simultaneous, in seconds.
const crossing = 0.010

type set = map[string]bool

// timeWaitOwners returns the addresses that held TIME_WAIT.
func (p *path) timeWaitOwners() set {
	owners := set{}
	for _, m := range p.moves {
		if m.to == "TIME_WAIT" {
			owners[m.address] = true
		}
	}
	return owners
}

// closedFirst returns the end that took the first step to end the connection; both,
// if their steps crossed on the wire.
func (p *path) closedFirst() set {
	steps := map[string]float64{}
	for _, m := range p.moves {
		if m.to == "FIN_WAIT_1" || m.to == "CLOSED" && m.from != "TIME_WAIT" {
			if _, ok := steps[m.address]; !ok {
				steps[m.address] = m.at
			}
		}
	}
	first, any := 0.0, false
	for _, at := range steps {
		if !any || at < first {
			first, any = at, true
		}
	}
	ends := set{}
	for address, at := range steps {
		if at-first < crossing {
			ends[address] = true
		}
	}
	return ends
}

// ending says how the connection ended at each end: closed, reset, failed, none
// or the state it was left in.
func (p *path) ending() [2]string {
	var out [2]string
	pair := p.pair()
	for i, address := range pair {
		moves := p.of(address)
		if len(moves) == 0 {
			out[i] = "none"
			continue
		}
		last := moves[len(moves)-1]
		switch {
		case last.from == "TIME_WAIT" || last.to == "TIME_WAIT" || last.from == "LAST_ACK" && last.to == "CLOSED":
			out[i] = "closed"
		case last.to != "CLOSED":
			out[i] = last.to
		case last.from == "SYN_SENT" || last.from == "SYN_RCVD":
			out[i] = "failed"
		default:
			out[i] = "reset"
		}
	}
	return out
}

// asSent joins each step whose FIN never left with the step after it. ok is
// false if there is none.
func asSent(moves []move) (joined []move, ok bool) {
	for i := 0; i < len(moves); i++ {
		m := moves[i]
		if m.unsent && i+1 < len(moves) {
			next := moves[i+1]
			next.from = m.from
			joined, ok = append(joined, next), true
			i++
			continue
		}
		joined = append(joined, m)
	}
	return joined, ok
}

// align returns a longest common subsequence of two lists of moves, as pairs of indices.
func align(truth, output []move) (matched [][2]int) {
	table := make([][]int, len(truth)+1)
	for i := range table {
		table[i] = make([]int, len(output)+1)
	}
	for i := len(truth) - 1; i >= 0; i-- {
		for j := len(output) - 1; j >= 0; j-- {
			if truth[i].same(output[j]) {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(truth) && j < len(output); {
		switch {
		case truth[i].same(output[j]):
			matched = append(matched, [2]int{i, j})
			i, j = i+1, j+1
		case table[i+1][j] >= table[i][j+1]:
			i++
		default:
			j++
		}
	}
	return matched
}

package report

import (
	"strconv"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// ways returns the numbers of the paths by which the client's segments were met, and the server's. Of an endpoint that
// sent nothing it is the other's.
func ways(c *tracker.Connection) (there, back uint32) {
	client, server := &c.Endpoints[tracker.Client], &c.Endpoints[tracker.Server]
	there, back = client.Path, server.Path
	switch {
	case !client.First.Seen():
		there = back
	case !server.First.Seen():
		back = there
	}
	return there, back
}

// wayOf says by which path a connection was met; "" if by none that is worth a word.
func wayOf(c *tracker.Connection, paths *segment.Paths) string {
	there, back := ways(c)
	if paths == nil || there == segment.PlainPath && back == segment.PlainPath {
		return ""
	}
	p, q := paths.Path(there), paths.Path(back)
	if there == back {
		return "path " + p.String()
	}
	return "path " + p.String() + ", back " + q.String()
}

// path appends the cells of the path of the client's segments: VLAN ids, outermost first, and tunnels.
func (c *csvPart) path(r *tracker.Connection) {
	there, _ := ways(r)
	if there == segment.PlainPath || c.names.Paths == nil {
		c.b = append(c.b, ",,"...)
		return
	}
	p := c.names.Paths.Path(there)
	ids := p.VLANs()
	for _, id := range ids {
		c.b = append(strconv.AppendUint(c.b, uint64(id), 10), ' ')
	}
	c.endList(len(ids))
	c.word(p.Tunnel())
}

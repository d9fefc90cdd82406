package main

import (
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/tracker"
)

// maxRows is how many segments of the shown connections are kept, at some 170
// bytes each. Beyond it, only what the record names: no one reads more lines.
const maxRows = 200_000

// collector gathers the segments of some records during a second pass.
type collector struct {
	records []report.Record
	flows   map[segment.Flow][]int // indices of records
	named   map[uint64]bool        // packets that the records name, in transitions, facts and findings
	last    uint64                 // no packet after it is wanted, unless it
	until   int64                  // may be a copy of one until then
	evicted bool
	rows    [][]report.LadderRow // by index of record
	kept    int
	most    int // rows, but for named packets
	omitted int // ordinary segments beyond them
}

// newCollector prepares to collect. evicted: some records of the first pass left the table
// early, so that its records may be parts of what the second pass takes for one. most: rows there is memory for.
func newCollector(records []report.Record, evicted bool, most int) *collector {
	c := &collector{
		records: records,
		flows:   map[segment.Flow][]int{},
		named:   map[uint64]bool{},
		evicted: evicted,
		most:    min(most, maxRows),
		rows:    make([][]report.LadderRow, len(records)),
	}
	for i := range records {
		r := &records[i]
		c.flows[r.Flow] = append(c.flows[r.Flow], i)
		c.last = max(c.last, r.Last.Packet)
		c.until = max(c.until, copiesUntil(r))
		for j := range r.Transitions {
			c.named[r.Transitions[j].Packet] = true
		}
		for j := range r.Facts {
			c.named[r.Facts[j].Packet] = true
		}
		for j := range r.Findings {
			for _, packet := range r.Findings[j].Packets {
				c.named[packet] = true
			}
		}
	}
	return c
}

// wants reports whether the segment is of a flow in question.
func (c *collector) wants(s *segment.Segment) bool {
	_, ok := c.flows[s.Flow]
	return ok && !c.isPast(s)
}

// isPast reports whether neither the segment nor one behind it is wanted.
func (c *collector) isPast(s *segment.Segment) bool { return s.Number > c.last && s.Time > c.until }

// copiesUntil is how long copies of a record's last segments may come, 0 if it has no copies.
func copiesUntil(r *report.Record) int64 {
	if r.Endpoints[tracker.Client].DuplicatePackets|r.Endpoints[tracker.Server].DuplicatePackets == 0 {
		return 0
	}
	return r.Last.At + tracker.CopiesWithin.Nanoseconds()
}

// observe takes each segment to the record it counts for.
func (c *collector) observe(s *segment.Segment, v tracker.Verdict) {
	for _, i := range c.flows[s.Flow] {
		switch {
		case !c.belongs(&c.records[i], s, v):
		case c.kept >= c.most && !c.named[s.Number]:
			c.omitted++
		default:
			c.kept++
			c.rows[i] = append(c.rows[i], report.LadderRow{Segment: *s, Verdict: v})
		}
	}
}

func (c *collector) belongs(r *report.Record, s *segment.Segment, v tracker.Verdict) bool {
	if c.evicted {
		return r.First.Packet <= s.Number && (s.Number <= r.Last.Packet || v.Note&tracker.NoteDuplicate != 0 && s.Time <= copiesUntil(r))
	}
	if v.Connection == r.First.Packet {
		return true
	}
	// A SYN that seemed to begin another connection, and was taken back into this one.
	for i := range r.Facts {
		if f := &r.Facts[i]; f.Kind == tracker.FactSynNewISN && f.Packet == s.Number {
			return true
		}
	}
	return false
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/tcplife/tcplife/report"
)

// schemaBench names the form of the object that bench prints.
const schemaBench = "tcplife/bench/1"

// benchReport is what was measured, as --format json prints it.
type benchReport struct {
	Schema     string        `json:"schema"`
	Version    string        `json:"version"`
	Go         string        `json:"go"`
	Platform   string        `json:"platform"`
	CPUs       int           `json:"cpus"`
	GOMAXPROCS int           `json:"gomaxprocs"`
	Files      []string      `json:"files"`
	Bytes      int64         `json:"bytes"`
	Packets    uint64        `json:"packets"`
	TCP        uint64        `json:"tcp_packets"`
	Records    uint64        `json:"records"`
	Runs       int           `json:"runs"`
	Stages     []stageReport `json:"stages"`
	Dominant   string        `json:"dominant"`
	Share      float64       `json:"dominant_share"`
	Warnings   []string      `json:"warnings,omitempty"`
}

type stageReport struct {
	Stage      string  `json:"stage"`
	Wall       float64 `json:"wall_ns_per_packet"`
	CPU        float64 `json:"cpu_ns_per_packet,omitempty"`
	BytesPerS  float64 `json:"bytes_per_s"`
	PacketsS   float64 `json:"packets_per_s"`
	Allocs     float64 `json:"allocs_per_packet"`
	AllocBytes float64 `json:"alloc_bytes_per_packet"`
	Peak       uint64  `json:"peak_rss_bytes,omitempty"`
	Spread     float64 `json:"spread"`
}

func newBenchReport(in *benchInput, samples [][]sample) *benchReport {
	r := &benchReport{
		Schema: schemaBench, Version: versionName(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		CPUs: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0),
		Files: in.files, Bytes: in.bytes, Packets: in.packets, TCP: in.tcp, Records: in.records, Runs: len(samples[0]),
	}
	packets := float64(max(in.packets, 1))
	var before, most, total time.Duration
	for i, s := range stages {
		m := medianOf(samples[i])
		seconds := max(m.wall, 1).Seconds()
		r.Stages = append(r.Stages, stageReport{
			Stage: s.name, Wall: float64(m.wall) / packets, CPU: float64(m.cpu) / packets,
			BytesPerS: float64(in.bytes) / seconds, PacketsS: float64(in.packets) / seconds,
			Allocs: float64(m.allocs) / packets, AllocBytes: float64(m.allocated) / packets,
			Peak: m.peak, Spread: spread(samples[i]),
		})
		if i == len(stages)-1 {
			break // the whole adds nothing of its own
		}
		if own := m.cost() - before; own > most {
			most, r.Dominant = own, s.name
		}
		before, total = m.cost(), max(total, m.cost())
	}
	if total > 0 {
		r.Share = float64(most) / float64(total)
	}
	return r
}

func (r *benchReport) json(w io.Writer) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

func (r *benchReport) table(w io.Writer) error {
	named := r.Files[0]
	if len(r.Files) > 1 {
		named = fmt.Sprintf("%d files", len(r.Files))
	}
	if _, err := fmt.Fprintf(w, "file     %s · %.1f MB · %d packets, %d of TCP · %d records\nmachine  %s · %s · %d of %d processors · tcplife %s\n\n",
		named, float64(r.Bytes)/1e6, r.Packets, r.TCP, r.Records, r.Platform, r.Go, r.GOMAXPROCS, r.CPUs, r.Version); err != nil {
		return err
	}
	header := []string{"STAGE", "CPU ns/packet", "WALL ns/packet", "MB/s", "packets/s", "allocs/packet", "PEAK MiB"}
	rows := make([][]string, 0, len(r.Stages))
	for i, s := range r.Stages {
		name := "+ " + s.Stage
		if i == 0 || i == len(r.Stages)-1 {
			name = s.Stage
		}
		rows = append(rows, []string{
			name, orUnknown(s.CPU, "%.0f"), fmt.Sprintf("%.0f", s.Wall), fmt.Sprintf("%.0f", s.BytesPerS/1e6),
			fmt.Sprintf("%.0f", s.PacketsS), fmt.Sprintf("%.3f", s.Allocs), orUnknown(float64(s.Peak)/(1<<20), "%.0f"),
		})
	}
	if err := report.Figures(w, header, rows); err != nil {
		return err
	}
	runs := "medians of %d runs"
	if r.Runs == 1 {
		runs = "%d run"
	}
	if _, err := fmt.Fprintf(w, "\n"+runs+"; a stage contains the ones before it\nmost of it is %s: %.0f %%\n", r.Runs, r.Dominant, r.Share*100); err != nil {
		return err
	}
	for _, warning := range r.Warnings {
		if _, err := fmt.Fprintf(w, "note: %s\n", warning); err != nil {
			return err
		}
	}
	return nil
}

// orUnknown leaves a figure out that the system does not tell.
func orUnknown(v float64, format string) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

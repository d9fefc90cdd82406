package capture

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

// TestCorpus reads a folder of captures with an INDEX.tsv (columns path,
// packets, tcp_packets among others, as another tool counted them) and logs
// where the counts differ. What must hold is that every capture ends in
// counts or in an error that names the file, and in the same whether it is read
// in runs or packet by packet.
func TestCorpus(t *testing.T) {
	root := os.Getenv("TCPLIFE_CORPUS")
	if root == "" {
		t.Skip("TCPLIFE_CORPUS names no folder of captures to read")
	}
	rows := readIndex(t, filepath.Join(root, "INDEX.tsv"))
	batch := make([]segment.Segment, 256)
	samePackets, sameTCP := 0, 0
	for _, row := range rows {
		path := filepath.Join(root, row["path"])
		src, err := Open(context.Background(), []string{path}, DefaultOptions())
		if err != nil {
			t.Errorf("%s: %v", row["path"], err)
			continue
		}
		for err == nil {
			_, err = src.Next(batch)
		}
		src.Close()
		st := src.Stats()
		runsAgree(t, row["path"], DefaultOptions(), []int{256}, path)
		f := st.Files[0]
		if fe := (*FileError)(nil); !errors.Is(err, io.EOF) || f.Err != nil && (!errors.As(f.Err, &fe) || fe.Path != path) {
			t.Errorf("%s: ended with %v, recorded %v", row["path"], err, f.Err)
		}
		packets, tcp := number(row["packets"]), number(row["tcp_packets"])
		if st.Packets == packets {
			samePackets++
		}
		if st.TCP == tcp {
			sameTCP++
		}
		if st.Packets != packets || st.TCP != tcp {
			t.Logf("DIFF\t%s\tpackets %d/%d\ttcp %d/%d\t%s\t%v\t%v\t%v", row["path"], st.Packets, packets, st.TCP, tcp,
				f.Format, f.LinkTypes, st.Skipped, f.Err)
		}
	}
	t.Logf("%d captures: %d with the same count of packets, %d of TCP segments", len(rows), samePackets, sameTCP)
}

func number(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

func readIndex(t *testing.T, path string) []map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	var rows []map[string]string
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		fields := strings.Split(sc.Text(), "\t")
		if names == nil {
			names = fields
			continue
		}
		row := make(map[string]string, len(names))
		for i, name := range names[:min(len(names), len(fields))] {
			row[name] = fields[i]
		}
		rows = append(rows, row)
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

package anomaly_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/report/anomaly"
)

var update = flag.Bool("update", false, "write docs/ANOMALIES.md from the catalogue")

const document = "../../docs/ANOMALIES.md"

// familyTitles head the sections of the document.
var familyTitles = map[anomaly.Family]string{
	anomaly.Handshake:      "Handshake",
	anomaly.Data:           "Data that decides the ending",
	anomaly.Teardown:       "Close by FIN",
	anomaly.Reset:          "Reset",
	anomaly.TimeWait:       "TIME_WAIT and port reuse",
	anomaly.CaptureQuality: "Quality of the capture",
}

// TestDocument holds docs/ANOMALIES.md to the catalogue.
func TestDocument(t *testing.T) {
	want := render(anomaly.Catalogue())
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the catalogue says: run go generate ./report/anomaly", document)
	}
}

func render(kinds []*anomaly.Kind) string {
	var b strings.Builder
	b.WriteString(`<!-- Generated from report/anomaly by go generate; edit the catalogue there. -->
# What tcplife reports

Each finding says what was seen; the text below says what it may mean. ` + "`tcplife explain SLUG`" + ` prints the same.

* **error**: the user lost data or service. **warn**: abnormal, worth a look. **note**: explains behaviour, normal on many
  networks. **quality**: about the capture, not the network.
* Confidence is **high** when the packets leave no other explanation, **medium** when it rests on timing or on a
  connection that was not captured whole, **low** when the capture missed what would decide it.
* Of the findings about one connection the first is the root cause, the others are details. Nothing is reported that is only true
  because the capture began or ended.

`)
	family := anomaly.Family(255)
	for _, k := range kinds {
		if k.Family != family {
			family = k.Family
			fmt.Fprintf(&b, "## %s\n\n| finding | severity | what was seen |\n|---|---|---|\n", familyTitles[family])
			for _, o := range kinds {
				if o.Family == family {
					fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", o.Slug, o.Slug, o.Severity, strings.ReplaceAll(o.Summary, "|", `\|`))
				}
			}
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "### %s\n\n**%s** · %s\n\n", k.Slug, k.Severity, k.Summary)
		if k.Withdrawn {
			b.WriteString("*Withdrawn: no longer reported.*\n\n")
		}
		fmt.Fprintf(&b, "%s\n\n%s · since %s\n\n", k.Explanation, k.Reference, k.Since)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

package anomaly_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/report/anomaly"
)

func TestCatalogueEntries(t *testing.T) {
	slug := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	family := anomaly.Handshake
	for _, k := range anomaly.Catalogue() {
		if !slug.MatchString(k.Slug) {
			t.Errorf("%q is no slug", k.Slug)
		}
		if seen[k.Slug] {
			t.Errorf("%s stands twice", k.Slug)
		}
		seen[k.Slug] = true
		if k.Family < family {
			t.Errorf("%s: family %s after %s", k.Slug, k.Family, family)
		}
		family = k.Family
		for name, text := range map[string]string{"summary": k.Summary, "explanation": k.Explanation, "since": k.Since, "reference": k.Reference} {
			if text == "" || text != strings.TrimSpace(text) {
				t.Errorf("%s: %s %q", k.Slug, name, text)
			}
		}
		if !strings.HasSuffix(k.Summary, ".") || strings.Contains(k.Summary, "\n") || !strings.HasSuffix(k.Explanation, ".") {
			t.Errorf("%s: summary and explanation are sentences", k.Slug)
		}
		if got, ok := anomaly.Lookup(k.Slug); !ok || got != k {
			t.Errorf("Lookup(%q) = %v, %v", k.Slug, got, ok)
		}
	}
	if _, ok := anomaly.Lookup("no-such-thing"); ok {
		t.Error("Lookup found what is not there")
	}
}

// notInAConversation are the kinds a single conversation cannot show, each shown
// by a test that hands the judge its input.
var notInAConversation = map[string]string{
	"drops-reported":      "the capture's counters: TestDropsReported",
	"time-went-backwards": "the capture's order: TestTimeWentBackwards",
	"table-evicted":       "the tracker's limit: TestTableEvicted",
	"close-wait-leak":     "many connections: TestCloseWaitLeak",
	"nat-twice":           "two connections: TestNATTwice",
	"mid-file-gap":        "many connections, and the capture's silence: TestMidFileGap",
}

// TestEveryKindHasItsCases walks the catalogue: each kind has a case that shows it
// and a near miss that must stay silent.
func TestEveryKindHasItsCases(t *testing.T) {
	shown, missed := map[string]bool{}, map[string]bool{}
	for _, c := range readCases(t) {
		for _, l := range c.Lines {
			for _, w := range l.Wants {
				shown[w.Slug] = true
			}
		}
		for _, w := range c.Trace {
			shown[w.Slug] = true
		}
		for _, slug := range c.Near {
			missed[slug] = true
			if _, ok := anomaly.Lookup(slug); !ok {
				t.Errorf("%s: there is no %q", c.Name, slug)
			}
		}
	}
	for _, k := range anomaly.Catalogue() {
		if k.Withdrawn || notInAConversation[k.Slug] != "" {
			continue
		}
		if !shown[k.Slug] {
			t.Errorf("no case shows %s: add one to testdata/cases/anomaly/%s.txtar", k.Slug, k.Slug)
		}
		if !missed[k.Slug] {
			t.Errorf("no near miss of %s: add one to testdata/cases/anomaly/%s.txtar", k.Slug, k.Slug)
		}
	}
}

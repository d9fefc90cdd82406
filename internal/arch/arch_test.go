package arch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tcplife/tcplife"

// row is one line of the table: what a package (and all below it) may import of
// ours, and what it must not import of anyone's. Later rows refine earlier ones
// for the packages below theirs.
type row struct {
	pkg   string   // path below the module; "cmd" stands for cmd/...
	may   []string // of ours; nil = nothing, {"*"} = everything
	never []ban
	why   string // why it may import no more of ours
}

// ban forbids an import path and all paths below it.
type ban struct {
	path   string
	why    string
	direct bool // only the package's own imports: the standard library itself uses them
}

var (
	gopacket = ban{path: "github.com/google/gopacket", why: "another decoder must be one package's change: gopacket stays in capture"}
	tables   = ban{path: "github.com/olekukonko/tablewriter", why: "only report/table.go draws tables"}

	// what ties a library to a machine
	osBan   = ban{path: "os", why: "the tracker is fed, it fetches nothing", direct: true}
	netBan  = ban{path: "net", why: "the tracker is fed, it fetches nothing", direct: true}
	logBan  = ban{path: "log", why: "libraries return values and do not log", direct: true}
	syscBan = ban{path: "syscall", why: "the tracker is fed, it fetches nothing", direct: true}
)

var below = struct{ tracker, anomaly []string }{
	tracker: []string{"internal/seq", "internal/segment", "reassembly"},
	anomaly: []string{"internal/seq", "internal/segment", "reassembly", "tracker"},
}

var table = []row{
	{pkg: "internal/seq", never: []ban{gopacket, osBan, netBan, logBan}, why: "sequence arithmetic and nothing else"},
	{pkg: "internal/segment", may: []string{"internal/seq"}, never: []ban{gopacket, osBan, logBan}, why: "a segment is a value that knows no packet library"},
	{pkg: "reassembly", may: []string{"internal/seq", "internal/segment"}, never: []ban{gopacket, osBan, netBan, logBan}, why: "it knows byte ranges, not states"},
	{pkg: "tracker", may: below.tracker, never: []ban{gopacket, osBan, netBan, logBan, syscBan}, why: "a library of its own, importable without libpcap and cgo"},
	{pkg: "capture", may: []string{"internal/seq", "internal/segment"}, never: []ban{tables}, why: "it delivers segments and judges nothing"},
	{pkg: "report/anomaly", may: below.anomaly, never: []ban{gopacket, tables, osBan, logBan}, why: "judges see what the tracker recorded, not the capture"},
	{pkg: "report", may: append([]string{"report/..."}, below.anomaly...), never: []ban{gopacket, logBan}, why: "it presents; reading is capture's work"},
	{pkg: "internal/pipeline", may: []string{"internal/seq", "internal/segment", "tracker"}, never: []ban{gopacket, tables, osBan, logBan}, why: "it moves segments and records, whatever they come from and go to"},
	{pkg: "internal/script", may: []string{"internal/seq", "internal/segment"}, never: []ban{gopacket}, why: "tests of every package use it"},
	{pkg: "internal/samples", may: []string{"internal/script"}, never: []ban{gopacket}, why: "what stands in a file must not depend on what reads it"},
	{pkg: "internal/kernellab", never: []ban{gopacket, tables}, why: "what real kernels do must not depend on what we make of it"},
	{pkg: "bench", may: []string{"bench/...", "internal/seq", "internal/segment"}, never: []ban{gopacket, tables}, why: "the traffic we measure by must not depend on what reads it"},
	{pkg: "internal/arch", why: "it only looks"},
	{pkg: "cmd", may: []string{"*"}, never: []ban{gopacket, tables}, why: "it wires and holds no analysis of its own"},
}

// ruleFor returns the row with the longest path that covers pkg.
func ruleFor(pkg string) (row, bool) {
	var best row
	found := false
	for _, r := range table {
		if within(pkg, r.pkg) && (!found || len(r.pkg) > len(best.pkg)) {
			best, found = r, true
		}
	}
	return best, found
}

func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func (r row) allows(pkg string) bool {
	if within(pkg, r.pkg) {
		return true
	}
	for _, m := range r.may {
		if m == "*" || m == pkg {
			return true
		}
		if tree, ok := strings.CutSuffix(m, "/..."); ok && within(pkg, tree) {
			return true
		}
	}
	return false
}

// listed is the part of go list's answer that the rules need.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
	CgoFiles   []string
}

// root is the top of the work tree, from this package's folder.
const root = "../.."

func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-e", "-json=ImportPath,Standard,Imports,Deps,CgoFiles"}, args...)...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list's answer: %v", err)
		}
		all = append(all, p)
	}
}

// TestImports holds every package to its row.
func TestImports(t *testing.T) {
	for _, p := range list(t, "./...") {
		for _, broken := range check(p) {
			t.Error(broken)
		}
	}
}

// check returns a sentence per broken rule.
func check(p listed) (broken []string) {
	pkg := strings.TrimPrefix(p.ImportPath, module+"/")
	rule, ok := ruleFor(pkg)
	if !ok {
		return []string{fmt.Sprintf("%s has no row in internal/arch: say what it may import, and why", pkg)}
	}
	for _, imp := range p.Imports {
		if ours, is := strings.CutPrefix(imp, module+"/"); is && !rule.allows(ours) {
			broken = append(broken, fmt.Sprintf("%s imports %s: %s", pkg, ours, rule.why))
		}
	}
	for _, b := range rule.never {
		imports := p.Deps
		if b.direct || slices.Contains(rule.may, "*") {
			imports = p.Imports
		}
		for _, imp := range imports {
			if b.matches(imp) {
				broken = append(broken, fmt.Sprintf("%s imports %s: %s", pkg, imp, b.why))
			}
		}
	}
	return broken
}

// matches knows that net/netip is values, not the network.
func (b ban) matches(imp string) bool { return within(imp, b.path) && imp != "net/netip" }

// TestCheckFinds shows that the rules can break.
func TestCheckFinds(t *testing.T) {
	for name, c := range map[string]struct {
		pkg  listed
		want string
	}{
		"tracker uses gopacket":       {listed{ImportPath: module + "/tracker", Deps: []string{"github.com/google/gopacket/layers"}}, "another decoder"},
		"tracker uses report":         {listed{ImportPath: module + "/tracker", Imports: []string{module + "/report"}}, "library of its own"},
		"tracker dials":               {listed{ImportPath: module + "/tracker", Imports: []string{"net/http"}}, "fetches nothing"},
		"tracker logs":                {listed{ImportPath: module + "/tracker", Imports: []string{"log/slog"}}, "do not log"},
		"capture judges":              {listed{ImportPath: module + "/capture", Imports: []string{module + "/tracker"}}, "judges nothing"},
		"a judge reads captures":      {listed{ImportPath: module + "/report/anomaly", Imports: []string{module + "/capture"}}, "not the capture"},
		"the command decodes":         {listed{ImportPath: module + "/cmd/tcplife", Imports: []string{"github.com/google/gopacket"}}, "another decoder"},
		"a package nobody thought of": {listed{ImportPath: module + "/util"}, "no row"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(check(c.pkg), "\n"); !strings.Contains(got, c.want) {
				t.Errorf("check says %q, want it to say %q", got, c.want)
			}
		})
	}
	fine := listed{ImportPath: module + "/tracker", Imports: []string{module + "/internal/seq", "net/netip", "time"}}
	if broken := check(fine); len(broken) > 0 {
		t.Errorf("check complains about allowed imports: %q", broken)
	}
}

// TestOneImporter holds two libraries to one place each, tests included.
func TestOneImporter(t *testing.T) {
	for _, c := range []struct{ lib, pattern string }{
		{gopacket.path, "capture/*.go"},
		{tables.path, "report/table*.go"},
	} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
				return filepath.SkipDir
			}
			if d.IsDir() || filepath.Ext(path) != ".go" {
				return nil
			}
			imports, err := importsOf(path)
			if err != nil {
				return err
			}
			home, err := filepath.Match(c.pattern, filepath.ToSlash(rel))
			if err != nil {
				return err
			}
			for _, imp := range imports {
				if within(imp, c.lib) && !home {
					t.Errorf("%s imports %s, which only %s may", rel, imp, c.pattern)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestWithoutCgo builds the libraries as a user without a C compiler would.
func TestWithoutCgo(t *testing.T) {
	cmd := exec.Command("go", "build", "./tracker", "./report/...", "./internal/...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("without cgo: %v\n%s", err, out)
	}
	for _, p := range list(t, "-deps", "./tracker") {
		if !p.Standard && len(p.CgoFiles) > 0 {
			t.Errorf("tracker needs cgo: %s has %v", p.ImportPath, p.CgoFiles)
		}
	}
}

// TestDependenciesHaveReasons finds direct dependencies that docs/DEPENDENCIES.md does not explain.
func TestDependenciesHaveReasons(t *testing.T) {
	reasons, err := os.ReadFile(filepath.Join(root, "docs", "DEPENDENCIES.md"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "list", "-m", "-f", "{{if not (or .Indirect .Main)}}{{.Path}}{{end}}", "all")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -m: %v", err)
	}
	for _, module := range strings.Fields(string(out)) {
		if !bytes.Contains(reasons, []byte("| `"+module+"` |")) {
			t.Errorf("docs/DEPENDENCIES.md does not say why %s is needed", module)
		}
	}
}

package capture

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// stdinPath is how standard input is named among paths.
const stdinPath = "-"

// named is one input that paths resolve to.
type named struct {
	path string
	// met says that it was found in a directory, not named: what is no capture
	// there is none of the user's business.
	met bool
	err error // it cannot be an input
}

// expand turns what the user typed into inputs, each once and in an order that
// does not depend on theirs.
func expand(paths []string) []named {
	var all []named
	for _, p := range paths {
		all = append(all, expandOne(p)...)
	}
	// Named comes before met, so that it wins below.
	slices.SortFunc(all, func(a, b named) int {
		if a.met != b.met {
			if b.met {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.path, b.path)
	})
	seen := make(map[string]bool)
	return slices.DeleteFunc(all, func(n named) bool {
		id := identity(n.path)
		again := seen[id]
		seen[id] = true
		return again
	})
}

// identity is the same for two ways to write the path of one file.
func identity(path string) string {
	if path == stdinPath {
		return path
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real
	}
	return abs
}

func expandOne(path string) []named {
	if path == stdinPath {
		return []named{{path: path}}
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return walk(path)
	case err == nil || !strings.ContainsAny(path, "*?["):
		// A missing file is reported when it is opened, as any other trouble.
		return []named{{path: path}}
	}
	matches, err := filepath.Glob(path)
	if err != nil {
		return []named{{path: path, err: fmt.Errorf("malformed pattern: %w", err)}}
	}
	if len(matches) == 0 {
		return []named{{path: path, err: errors.New("no file matches")}}
	}
	var all []named
	for _, m := range matches {
		if info, err := os.Stat(m); err == nil && info.IsDir() {
			all = append(all, walk(m)...)
			continue
		}
		all = append(all, named{path: m})
	}
	return all
}

// walk finds the regular files below a directory, except hidden ones.
func walk(dir string) []named {
	var all []named
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			all = append(all, named{path: path, err: bare(err)})
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if path != dir && strings.HasPrefix(entry.Name(), ".") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if isRegular(path, entry) {
			all = append(all, named{path: path, met: true})
		}
		return nil
	})
	if err != nil {
		all = append(all, named{path: dir, err: bare(err)})
	}
	return all
}

// isRegular follows a symbolic link to a file; WalkDir does not.
func isRegular(path string, entry fs.DirEntry) bool {
	if entry.Type().IsRegular() {
		return true
	}
	if entry.Type()&fs.ModeSymlink == 0 {
		return false
	}
	return isRegularFile(path)
}

func isRegularFile(path string) bool {
	info, err := os.Stat(path)
	return path != stdinPath && err == nil && info.Mode().IsRegular()
}

// bare takes the path off an error of package os, since a FileError has it.
func bare(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

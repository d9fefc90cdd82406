package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// output is where results go: standard output, or a file that appears under its
// name only when it is complete. It does not buffer: report's writers do.
type output struct {
	io.Writer
	file *os.File // nil for standard output
	temp string   // what file is called until Commit; "" if it is written in place
	path string
}

// openOutput opens path for results; "" and "-" are standard output. A regular
// file is written beside itself and renamed, so that a reader never sees half of
// it and a failed run leaves the old one. Devices and pipes are written directly.
func openOutput(path string, stdout io.Writer) (*output, error) {
	if path == "" || path == stdinName {
		return &output{Writer: stdout}, nil
	}
	o, err := createOutput(path)
	if err != nil {
		return nil, writeError(path, err)
	}
	return o, nil
}

func createOutput(path string) (*output, error) {
	mode := fs.FileMode(0o666) // less the umask, as the shell's > does
	target := path
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("is a directory")
	case !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &output{Writer: f, file: f, path: path}, nil
	default:
		mode = info.Mode().Perm()
		// The new file takes the place of what a link points to, not of the link.
		if target, err = filepath.EvalSymlinks(path); err != nil {
			return nil, err
		}
	}
	temp := fmt.Sprintf("%s.%d.tmp", target, os.Getpid())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return nil, err
	}
	return &output{Writer: f, file: f, temp: temp, path: target}, nil
}

// Commit closes the file and gives it its name.
func (o *output) Commit() error {
	if o.file == nil {
		return nil
	}
	if err := o.file.Close(); err != nil {
		o.remove()
		return writeError(o.path, err)
	}
	if o.temp == "" {
		return nil
	}
	if err := os.Rename(o.temp, o.path); err != nil {
		o.remove()
		return writeError(o.path, err)
	}
	o.temp = ""
	return nil
}

// Discard gives up what was written; after Commit it does nothing.
func (o *output) Discard() {
	if o.temp != "" {
		_ = o.file.Close() // it is thrown away
		o.remove()
	}
}

func (o *output) remove() {
	if o.temp != "" {
		_ = os.Remove(o.temp) // what cannot be removed is called .tmp and so says what it is
		o.temp = ""
	}
}

func writeError(path string, err error) error { return fmt.Errorf("write %s: %w", path, pathless(err)) }

// pathless drops operation and path of a file error: the message around it names them.
func pathless(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err
	}
	return err
}

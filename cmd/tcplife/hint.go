package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// nearest returns the name that was probably meant by typed, "" if none is near:
// at most one letter in three may differ, or typed is the beginning of just one name.
func nearest(typed string, names []string) string {
	best, bestDistance := "", max(len(typed)/3, 1)+1
	for _, name := range names {
		if d := distance(typed, name); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	if best != "" || typed == "" {
		return best
	}
	for _, name := range names {
		if strings.HasPrefix(name, typed) {
			if best != "" {
				return ""
			}
			best = name
		}
	}
	return best
}

// distance counts the letters to insert, delete, change or swap with their
// neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// flagHint rewrites what pflag says of a wrong flag into what to type instead.
func flagHint(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var noValue *pflag.ValueRequiredError
	var badValue *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return fmt.Errorf("unknown flag -%s; %s lists the flags", unknown.GetSpecifiedName(), helpOf(cmd))
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown.GetSpecifiedName())
	case errors.As(err, &noValue):
		flag := noValue.GetFlag()
		return fmt.Errorf("--%s needs a value: %s", flag.Name, firstLine(flag.Usage))
	case errors.As(err, &badValue):
		return fmt.Errorf("--%s %s: %w", badValue.GetFlag().Name, badValue.GetValue(), plainNumberError(badValue))
	default:
		return err
	}
}

func unknownFlag(cmd *cobra.Command, typed string) error {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if name := nearest(typed, names); name != "" {
		return fmt.Errorf("unknown flag --%s, did you mean --%s?", typed, name)
	}
	// The flag may be one of a neighbour: tcplife explain --worst.
	for _, other := range append(cmd.Root().Commands(), cmd.Root()) {
		if other != cmd && !other.Hidden && other.Flags().Lookup(typed) != nil {
			return fmt.Errorf("unknown flag --%s: it belongs to %s", typed, other.CommandPath())
		}
	}
	return fmt.Errorf("unknown flag --%s; %s lists the flags", typed, helpOf(cmd))
}

func helpOf(cmd *cobra.Command) string { return cmd.CommandPath() + " --help" }

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// plainNumberError says "not a number" where strconv says `strconv.ParseInt: parsing "x": invalid syntax`.
func plainNumberError(err *pflag.InvalidValueError) error {
	cause := errors.Unwrap(err)
	if cause == nil {
		return err
	}
	if strings.HasPrefix(cause.Error(), "strconv.") {
		return errors.New("not a number that fits here")
	}
	return cause
}

// commandHint tells a mistyped subcommand from a missing file: the first
// argument names neither a file nor a command, and looks like no path.
func commandHint(root *cobra.Command, args []string) error {
	if len(args) == 0 || strings.ContainsAny(args[0], `./\*?[`) || args[0] == stdinName {
		return nil
	}
	if _, err := os.Stat(args[0]); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if name := nearest(args[0], commandNames(root)); name != "" {
		return fmt.Errorf("%s: no such file, and no such command; did you mean tcplife %s?", args[0], name)
	}
	return fmt.Errorf("%s: no such file, and no such command; %s lists the commands", args[0], helpOf(root))
}

// commandNames are the subcommands a user can call, in alphabetical order.
func commandNames(root *cobra.Command) []string {
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return names
}

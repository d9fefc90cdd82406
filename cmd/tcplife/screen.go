package main

import (
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// screenFlags say how output to people looks.
type screenFlags struct {
	color   choice
	noColor bool
}

func (s *screenFlags) add(cmd *cobra.Command) {
	s.color = choice{value: "auto", names: []string{"auto", "always", "never"}, kind: "when"}
	addChoice(cmd, &s.color, "color", "use colour (auto: on a terminal, unless NO_COLOR is set)")
	cmd.Flags().BoolVar(&s.noColor, "no-color", false, "same as --color never")
}

// colored decides whether w gets colours. Asking for them beats NO_COLOR
// (no-color.org), which beats the terminal.
func (s *screenFlags) colored(w io.Writer) bool {
	switch {
	case s.noColor || s.color.value == "never":
		return false
	case s.color.value == "always":
		return true
	default:
		return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// pipeWidth is how wide output is that goes to no terminal: what most screens
// have, on which somebody will read it.
const pipeWidth = 120

// width is how many columns w has: the terminal's, or what COLUMNS says.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 {
		return columns
	}
	return pipeWidth
}

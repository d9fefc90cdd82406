package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// choice is a flag with a fixed set of values.
type choice struct {
	value string
	names []string
	kind  string // what the names are, for the help
}

// addChoice gives cmd a flag that takes one of c's names, with completion.
func addChoice(cmd *cobra.Command, c *choice, flag, usage string) {
	cmd.Flags().Var(c, flag, usage+": "+strings.Join(c.names, ", "))
	complete(cmd, flag, c.names)
}

// complete offers values for a flag to the shell.
func complete(cmd *cobra.Command, flag string, values []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag was not defined just before
	}
}

func (c *choice) String() string { return c.value }

// Type is the placeholder in the help.
func (c *choice) Type() string { return c.kind }

// Set takes a value if it is one of the names.
func (c *choice) Set(s string) error {
	if !slices.Contains(c.names, s) {
		return notOneOf(s, c.names)
	}
	c.value = s
	return nil
}

// notOneOf lists what could have been typed, the likely one first.
func notOneOf(typed string, names []string) error {
	if name := nearest(typed, names); name != "" {
		return fmt.Errorf("did you mean %s? known are %s", name, strings.Join(names, ", "))
	}
	return fmt.Errorf("known are %s", strings.Join(names, ", "))
}

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/anomaly"
)

func newExplain(std streams) *cobra.Command {
	var list bool
	cmd := &cobra.Command{
		Use:   "explain SLUG... | --list",
		Short: "Explain findings: what was seen, usual causes, what to look at next",
		Example: `  tcplife explain rst-late-data
  tcplife explain --list`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return slugs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if list == (len(args) > 0) {
				return errors.New("explain needs a finding's name, or --list for all of them")
			}
			if list {
				return report.ExplainList(std.out, width(std.out))
			}
			return explain(std, args)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "a line for each finding there is")
	return cmd
}

func explain(std streams, names []string) error {
	for i, name := range names {
		kind, ok := anomaly.Lookup(name)
		if !ok {
			if near := nearest(name, slugs()); near != "" {
				return fmt.Errorf("%s: no such finding; did you mean %s?", name, near)
			}
			return fmt.Errorf("%s: no such finding; tcplife explain --list names all", name)
		}
		if i > 0 {
			if _, err := fmt.Fprintln(std.out); err != nil {
				return err
			}
		}
		if err := report.Explain(std.out, kind, width(std.out)); err != nil {
			return err
		}
	}
	return nil
}

func slugs() []string {
	var names []string
	for _, kind := range anomaly.Catalogue() {
		names = append(names, kind.Slug)
	}
	return names
}

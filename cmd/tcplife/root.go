package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/anomaly"
)

// stdinName stands for standard input, or output, where a path is asked for.
const stdinName = "-"

// formats are the names of --format, the default first.
var formats = []string{"table", "json", "csv", "markdown"}

// failSeverities are the names of --fail-on, worst first.
var failSeverities = []anomaly.Severity{anomaly.Error, anomaly.Warn, anomaly.Note}

// analyzeFlags are what the main job can be asked.
type analyzeFlags struct {
	input  inputFlags
	screen screenFlags
	format choice
	output string
	all    bool
	limit  int
	sort   choice
	failOn choice
}

func newRoot(std streams) *cobra.Command {
	flags := analyzeFlags{
		format: choice{value: formats[0], names: formats, kind: "format"},
		sort:   choice{value: report.Sorts()[0], names: report.Sorts(), kind: "key"},
		failOn: choice{names: severityNames(), kind: "severity"},
	}
	cmd := &cobra.Command{
		Use:   "tcplife FILE...",
		Short: "How each TCP connection of a packet capture lived and died",
		Long: `tcplife reads packet captures, replays every TCP segment through the state machine
of RFC 9293 for both endpoints, and tells who connected to whom, how each
connection opened and closed, who closed it, why it was reset, who holds
TIME_WAIT, and what is wrong.

FILE is a pcap, pcapng or snoop file, also gzip, zstd, lz4 or bzip2 compressed;
a directory of them; or - for standard input. Several are merged in time order.`,
		Example: `  tcplife incident.pcapng
  tcplife --format json ring/ | jq 'select(.close == "aborted")'
  tcpdump -w - 'tcp port 443' | tcplife -
  tcplife show incident.pcapng --worst 3
  tcplife explain rst-late-data`,
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true, // run prints them
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("which capture? tcplife FILE, or - for standard input; %s tells more", helpOf(cmd))
			}
			if err := commandHint(cmd, args); err != nil {
				return err
			}
			if !cmd.Flags().Changed("format") {
				flags.format.value = formatOf(flags.output)
			}
			return analyze(cmd.Context(), std, args, &flags)
		},
	}
	cmd.SetIn(std.in)
	cmd.SetOut(std.out)
	cmd.SetErr(std.err)
	cmd.SetFlagErrorFunc(flagHint)

	f := cmd.Flags()
	f.SortFlags = false
	addChoice(cmd, &flags.format, "format", "how to print, if the name of --output does not tell")
	f.StringVarP(&flags.output, "output", "o", "", "write the results to this `file`, whole or not at all")
	f.BoolVar(&flags.all, "all", false, "all connections in the table, not only the first")
	f.IntVar(&flags.limit, "limit", report.DefaultLimit, "how many connections (`n`) the table has")
	addChoice(cmd, &flags.sort, "sort", "order of the table")
	addChoice(cmd, &flags.failOn, "fail-on", "exit with 1 if anything is found of this severity or worse")
	flags.screen.add(cmd)
	flags.input.add(cmd)

	cmd.AddCommand(newShow(std), newExplain(std), newBench(std), newVersion(std), newMan())
	cmd.SetHelpCommand(newHelp())
	return cmd
}

// formatOf is the format that the name of a file for the results promises: who
// writes x.json does not want a table in it.
func formatOf(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json", ".jsonl", ".ndjson":
		return "json"
	case ".csv":
		return "csv"
	case ".md", ".markdown":
		return "markdown"
	default:
		return formats[0]
	}
}

func severityNames() []string {
	var names []string
	for _, s := range failSeverities {
		names = append(names, s.String())
	}
	return names
}

// noArgs refuses arguments with a hint.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no argument, but got %s", cmd.CommandPath(), strings.Join(args, " "))
	}
	return nil
}

// exactArg wants one argument and says what it is.
func exactArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s needs %s", cmd.CommandPath(), what)
		}
		return nil
	}
}

// failing reports whether findings are at or above the severity asked for.
func (a *analyzeFlags) failing(findings []anomaly.Finding) bool {
	i := slices.Index(a.failOn.names, a.failOn.value)
	return i >= 0 && slices.ContainsFunc(findings, func(f anomaly.Finding) bool { return f.Severity <= failSeverities[i] })
}

// check refuses flags that contradict each other.
func (a *analyzeFlags) check() error {
	if a.limit < 1 {
		return errors.New("--limit: a number from 1 on; --all shows every connection")
	}
	return nil
}

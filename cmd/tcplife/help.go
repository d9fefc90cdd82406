package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newHelp is cobra's help command, but an unknown topic is an error with a hint.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Print the help of a command",
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return commandNames(cmd.Root()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				typed := strings.Join(args, " ")
				if name := nearest(args[0], commandNames(cmd.Root())); name != "" {
					return fmt.Errorf("help: no command %s; did you mean tcplife help %s?", typed, name)
				}
				return fmt.Errorf("help: no command %s; %s lists them", typed, helpOf(cmd.Root()))
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}

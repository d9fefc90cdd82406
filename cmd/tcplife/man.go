package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   "Write the man pages into a directory",
		Example: "  tcplife man ~/.local/share/man/man1",
		Args:    exactArg("a directory to write to"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o777); err != nil {
				return writeError(args[0], err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // no date: the same version gives the same pages
			header := &doc.GenManHeader{Title: "TCPLIFE", Section: "1", Source: "tcplife " + versionName(), Manual: "tcplife"}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("write %s: %w", args[0], pathless(err))
			}
			return nil
		},
	}
}

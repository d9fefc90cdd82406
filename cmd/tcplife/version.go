package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/tcplife/tcplife/capture"
)

// version is set by the Makefile; a binary built by go install has its module's.
var version string

func newVersion(std streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and what this binary was built with",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(std.out, "tcplife %s\n%s %s/%s\n%s\n", versionName(), runtime.Version(), runtime.GOOS, runtime.GOARCH, captureName())
			return err
		},
	}
}

func versionName() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

func captureName() string {
	if capture.HaveLibpcap {
		return "with libpcap: capture files and filters"
	}
	return "static, without libpcap: capture files, but no --filter"
}

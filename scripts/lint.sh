#!/bin/sh
# Runs the linters. golangci-lint is built once per version, outside the clone,
# so that a fresh clone lints at once; the first build takes some minutes.
set -eu

version=v2.15.0
bin=$(go env GOPATH)/tools/golangci-lint-$version/golangci-lint

if [ ! -x "$bin" ]; then
	printf 'lint: building golangci-lint %s (once, takes some minutes)\n' "$version" >&2
	GOBIN=$(dirname "$bin") GOFLAGS='' go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$version"
fi
"$bin" run "$@" ./...

if command -v shellcheck >/dev/null 2>&1; then
	shellcheck scripts/*.sh bench/*.sh .ci/run
else
	printf 'lint: shellcheck is not installed, the shell scripts were not checked\n' >&2
fi

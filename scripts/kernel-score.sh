#!/bin/sh
# Scores ./tcplife against captures of real connections and their kernels' own states:
# the folder KERNEL_TRUTH holds `score`, which unpacks them and prints the shares.
set -eu

truth=${KERNEL_TRUTH:-../shared/kernel}
work=${KERNEL_WORK:-${TMPDIR:-/tmp}/tcplife-kernel-score}

if [ ! -x "$truth/score" ]; then
	printf 'kernel-score: skipped: there is no %s/score; set KERNEL_TRUTH to the folder that has it\n' "$truth" >&2
	exit 0
fi
mkdir -p "$work"
"$truth/score" "$work" "$PWD/tcplife --quiet --format json" "$@"

# What that score does not count: wrong transitions by grade, and each host's own path in its own capture.
echo "== grades, and hosts in their own captures"
TCPLIFE_KERNEL_TRUTH=$work/truth "${GO:-go}" test -count=1 -v -run '^TestReference$' ./internal/kernellab | grep -v '^=== '

#!/bin/sh
# Runs every fuzz target of the tree, one after the other, each for FUZZTIME
# seconds (60); with FUZZBUDGET, all of them together in about that many.
set -eu

targets=$(
	for pkg in $(go list ./...); do
		go test -list '^Fuzz' "$pkg" | sed -n "s|^\(Fuzz.*\)|$pkg \1|p"
	done
)
count=$(printf '%s\n' "$targets" | grep -c . || true)
if [ "$count" -eq 0 ]; then
	printf 'fuzz: no targets\n' >&2
	exit 1
fi
seconds=${FUZZTIME:-60}
if [ -n "${FUZZBUDGET:-}" ] && [ $((seconds * count)) -gt "$FUZZBUDGET" ]; then
	seconds=$((FUZZBUDGET / count))
fi
printf 'fuzz: %d targets, %d s each\n' "$count" "$seconds" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
printf '%s\n' "$targets" | while read -r pkg target; do
	printf 'fuzz: %s %s\n' "$pkg" "$target" >&2
	if go test -run '^$' -fuzz "^$target\$" -fuzztime "${seconds}s" "$pkg" </dev/null >"$log" 2>&1; then
		tail -n 2 "$log"
	elif grep -q 'context deadline exceeded' "$log" && ! grep -q -e 'Failing input' -e 'panic:' "$log"; then
		# go test stopped a worker at the end of its time and counts that as a failure; no input failed.
		printf 'fuzz: %s: time over, no input failed\n' "$target"
	else
		cat "$log"
		exit 1
	fi
done

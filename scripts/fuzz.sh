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
printf '%s\n' "$targets" | while read -r pkg target; do
	printf 'fuzz: %s %s\n' "$pkg" "$target" >&2
	go test -run '^$' -fuzz "^$target\$" -fuzztime "${seconds}s" "$pkg" </dev/null
done

#!/bin/sh
# Counts the instructions that tcplife executes per packet, and compares them
# with bench/instructions.txt: more than TOLERANCE percent (10) above is a
# failure. A busy machine does not change them, so this can be tested where
# seconds cannot. Each capture is counted in two lengths; the difference leaves
# the start of the program out, which has a row of its own.
#   instructions.sh            compare
#   instructions.sh --update   write the file anew
set -eu
cd "$(dirname "$0")/.."

go=${GO:-go}
file=bench/instructions.txt
tolerance=${TOLERANCE:-10}
short=20000
long=60000

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

by_perf() {
	perf stat -x, -e instructions:u -o "$work/count" -- "$@" >/dev/null 2>&1 || return
	sed -n 's/^\([0-9][0-9]*\),.*instructions.*/\1/p' "$work/count"
}

# cachegrind without its cache counts as lackey does, four times as fast; callgrind loses its way among goroutines.
by_valgrind() {
	valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null "$@" >/dev/null 2>"$work/count" || return
	sed -n 's/.*I *refs: *//p' "$work/count" | tr -d ,
}

# Virtual machines and containers often have no hardware counters.
if command -v perf >/dev/null 2>&1 && [ -n "$(by_perf true)" ]; then
	count=by_perf
elif command -v valgrind >/dev/null 2>&1 && [ -n "$(by_valgrind true)" ]; then
	count=by_valgrind
else
	printf 'instructions: skipped: neither perf with hardware counters nor valgrind is here\n' >&2
	exit 0
fi

platform="$("$go" env GOVERSION) $("$go" env GOARCH)"
if [ "${1:-}" != --update ] && [ -f "$file" ] && ! grep -q "^# go.* ${platform#* }\$" "$file"; then
	printf 'instructions: skipped: %s is of another processor than %s\n' "$file" "${platform#* }" >&2
	exit 0
fi

if [ "${1:-}" != --update ] && [ ! -f "$file" ]; then
	printf 'instructions: there is no %s; --update writes it\n' "$file" >&2
	exit 1
fi

"$go" build -o "$work/gen" ./bench/gen
"$go" build -o "$work/tcplife" ./cmd/tcplife

# One thread and no collections: what would come at times of its own choice.
instructions() {
	n=$(GOMAXPROCS=1 GOGC=off $count "$work/tcplife" "$@")
	[ -n "$n" ] || { printf 'instructions: tcplife %s was not counted:\n' "$*" >&2; cat "$work/count" >&2; exit 1; }
	printf '%s\n' "$n"
}

# per_packet NAME PRESET [FLAG...]
per_packet() {
	name=$1 preset=$2
	shift 2
	for packets in $short $long; do
		"$work/gen" "$@" -packets "$packets" -o "$work/$packets.pcap" "$preset" 2>/dev/null
	done
	few=$(instructions --quiet --format json -o /dev/null "$work/$short.pcap")
	many=$(instructions --quiet --format json -o /dev/null "$work/$long.pcap")
	printf '%s %s\n' "$name" $(((many - few) / (long - short)))
}

{
	printf '# Instructions per packet, and of the start alone; written by scripts/instructions.sh --update.\n'
	printf '# %s\n' "$platform"
	printf 'start %s\n' "$(instructions version)"
	# As many connections at a time in both lengths: the shorter one is then the beginning of the longer.
	per_packet mix mix -connections 200
	per_packet headers headers -connections 200
	per_packet manyflows manyflows
	per_packet flood flood -connections 200
	per_packet elephant elephant
} >"$work/new"

if [ "${1:-}" = --update ]; then
	cp "$work/new" "$file"
	cat "$file"
	exit 0
fi

awk -v tolerance="$tolerance" '
	/^#/ { next }
	NR == FNR { was[$1] = $2; next }
	!printed++ { printf "%-10s %12s %12s %8s\n", "", "checked in", "now", "" }
	{
		verdict = ""
		if (!($1 in was)) { printf "%-10s %12s %12d\n", $1, "-", $2; next }
		change = 100 * ($2 - was[$1]) / was[$1]
		if (change > tolerance) { verdict = "  too many"; bad = 1 }
		if (change < -tolerance) verdict = "  fewer: --update keeps it so"
		printf "%-10s %12d %12d %+7.1f%%%s\n", $1, was[$1], $2, change, verdict
	}
	END { exit bad }
' "$file" "$work/new" || {
	printf 'instructions: more than %s %% above %s; if that is the price of something worth it: scripts/instructions.sh --update\n' "$tolerance" "$file" >&2
	exit 1
}

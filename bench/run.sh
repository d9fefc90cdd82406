#!/bin/sh
# Makes the captures, builds tcplife and compares it with what else is installed.
# BENCH_DIR: where the captures are kept and found again (else a temporary folder)
# BENCH_PACKETS: how many packets each has (2000000), or "full" for the presets' own sizes, 5 GB together
# BENCH_PRESETS: which ones (all)
# The arguments are for bench/compare; --runs 3 --limit 60 without any.
set -eu
cd "$(dirname "$0")/.."

go=${GO:-go}
packets=${BENCH_PACKETS:-2000000}
[ $# -gt 0 ] || set -- --runs 3 --limit 60

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
captures=${BENCH_DIR:-$work}
mkdir -p "$captures"

"$go" build -o "$work/gen" ./bench/gen
"$go" build -o "$work/tcplife" ./cmd/tcplife

size=
[ "$packets" = full ] || size="-packets $packets"
presets=${BENCH_PRESETS:-$("$work/gen" -list | cut -d' ' -f1)}
for preset in $presets; do
	file=$captures/$preset-$packets.pcap
	if [ ! -f "$file" ]; then
		# shellcheck disable=SC2086 # a flag and its value
		"$work/gen" $size -o "$file.tmp" "$preset"
		mv "$file.tmp" "$file"
	fi
	set -- "$@" "$file"
done

cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)
[ -n "$cpu" ] || cpu=$(sysctl -n machdep.cpu.brand_string 2>/dev/null || uname -m)
cores=$(getconf _NPROCESSORS_ONLN)
printf 'Measured on %s: %s, %s cores, %s %s, %s; tcplife %s.\n' \
	"$(date -u +%Y-%m-%d)" "$cpu" "$cores" "$(uname -s)" "$(uname -r)" "$("$go" env GOVERSION)" \
	"$(git describe --tags --always --dirty 2>/dev/null || echo unknown)"

PATH=$work:$PATH python3 bench/compare "$@"

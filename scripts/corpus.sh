#!/bin/sh
# corpus.sh DIR [CASES] runs the program over a folder of captures with an
# INDEX.tsv and prints how far its records agree with what tshark says of them
# (DIR/verdicts/tshark). Into the file CASES goes each case where they do not.
set -eu

if [ $# -lt 1 ] || [ ! -f "$1/INDEX.tsv" ]; then
	printf 'usage: corpus.sh DIR [CASES]; DIR holds captures and their INDEX.tsv\n' >&2
	exit 1
fi
TCPLIFE_CORPUS=$(cd "$1" && pwd)
export TCPLIFE_CORPUS
if [ $# -gt 1 ]; then
	TCPLIFE_CORPUS_CASES=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
	export TCPLIFE_CORPUS_CASES
fi
cd "$(dirname "$0")/.."
go test -count 1 -v -timeout 30m -run '^TestProgramOverCorpus$' ./cmd/tcplife

#!/bin/sh
# corpus.sh [-t TABLE] [-c CASES] DIR runs the program over a folder of captures
# with an INDEX.tsv, whose column path names them, and holds its records against
# what tshark says of them: DIR/verdicts/tshark/PATH.jsonl has a line for each
# stream. How far the two agree is printed; TABLE gets it as a page with each class
# of disagreement explained (docs/CORPUS.md is such a page), CASES each case.
set -eu

usage() {
	printf 'usage: corpus.sh [-t TABLE] [-c CASES] DIR; DIR holds captures and their INDEX.tsv\n' >&2
	exit 1
}

# A path that holds from everywhere.
whole() {
	printf '%s/%s' "$(cd "$(dirname "$1")" && pwd)" "$(basename "$1")"
}

while getopts t:c: option; do
	case $option in
	t) TCPLIFE_CORPUS_TABLE=$(whole "$OPTARG") && export TCPLIFE_CORPUS_TABLE ;;
	c) TCPLIFE_CORPUS_CASES=$(whole "$OPTARG") && export TCPLIFE_CORPUS_CASES ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
if [ $# -ne 1 ] || [ ! -f "$1/INDEX.tsv" ]; then
	usage
fi
TCPLIFE_CORPUS=$(cd "$1" && pwd)
export TCPLIFE_CORPUS
cd "$(dirname "$0")/.."
go test -count 1 -v -timeout 30m -run '^(TestProgramOverCorpus|TestCorpusTable)$' ./cmd/tcplife

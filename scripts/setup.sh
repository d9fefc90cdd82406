#!/bin/sh
# Makes sure that cgo can build against libpcap: a C compiler, libpcap and its
# headers. Installs what is missing with the system's package manager and says
# so; does nothing where all is there. CGO_ENABLED=0 asks for the static build,
# which needs none of it.
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }

have_go() { command -v go >/dev/null 2>&1; }

# Does a program that uses libpcap compile and link, with the compiler and the flags cgo will use?
can_build() {
	cc=$(go env CC) || return 1
	# CC and the flags may be several words each.
	# shellcheck disable=SC2086,SC2046
	printf '#include <pcap.h>\nint main(void) { return pcap_lib_version() == 0; }\n' |
		$cc $(go env CGO_CFLAGS) -x c - -o /dev/null $(go env CGO_LDFLAGS) -lpcap >/dev/null 2>&1
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		say "not root and no sudo here; run this as root and try again: $*"
		say "or build without libpcap: CGO_ENABLED=0 make demo"
		exit 1
	fi
}

install_missing() {
	if command -v apt-get >/dev/null 2>&1; then
		say "installing gcc and libpcap's headers with apt-get"
		as_root apt-get update -qq >&2
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev libpcap-dev >&2
	elif command -v dnf >/dev/null 2>&1; then
		say "installing gcc and libpcap's headers with dnf"
		as_root dnf install -y -q gcc libpcap-devel >&2
	elif command -v apk >/dev/null 2>&1; then
		say "installing gcc and libpcap's headers with apk"
		as_root apk add --quiet gcc musl-dev libpcap-dev >&2
	elif command -v pacman >/dev/null 2>&1; then
		say "installing gcc and libpcap with pacman"
		as_root pacman -Sy --noconfirm --needed gcc libpcap >&2
	elif command -v brew >/dev/null 2>&1; then
		say "installing libpcap with brew"
		brew install --quiet libpcap >&2
	else
		say "no apt-get, dnf, apk, pacman or brew here: install a C compiler and libpcap's headers by hand"
		say "or build without libpcap: CGO_ENABLED=0 make demo"
		exit 1
	fi
}

if ! have_go; then
	say "go is not in PATH; get it from https://go.dev/dl/"
	exit 1
fi
if [ "${CGO_ENABLED:-}" = 0 ] || can_build; then
	exit 0
fi
install_missing
if ! can_build; then
	say "libpcap is installed, but a program that uses it does not build"
	if command -v brew >/dev/null 2>&1; then
		prefix=$(brew --prefix libpcap)
		say "brew keeps it apart; try: export CGO_CFLAGS=-I$prefix/include CGO_LDFLAGS=-L$prefix/lib"
	else
		say "what the compiler says: printf '#include <pcap.h>\nint main(void){return 0;}' | $(go env CC) -x c - -o /dev/null -lpcap"
	fi
	exit 1
fi
say "done"

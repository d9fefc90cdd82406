#!/bin/sh
# Makes sure that cgo can build against libpcap: a C compiler, libpcap and its
# headers. Installs what is missing with the system's package manager and says
# so; does nothing where all is there. CGO_ENABLED=0 asks for the static build,
# which needs none of it. "setup.sh test" also wants the programs that tests run.
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }

# Does a program that uses libpcap compile and link, with the compiler and the flags cgo will use?
can_build() {
	[ "${CGO_ENABLED:-}" = 0 ] && return
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

# install WHAT: by the package manager there is. The case says how each calls it.
install() {
	for manager in apt-get dnf apk pacman brew; do
		command -v $manager >/dev/null 2>&1 && break
		manager=
	done
	case "$1 $manager" in
	"libpcap apt-get") packages="gcc libc6-dev libpcap-dev" ;;
	"libpcap dnf") packages="gcc libpcap-devel" ;;
	"libpcap apk") packages="gcc musl-dev libpcap-dev" ;;
	"libpcap pacman") packages="gcc libpcap" ;;
	"libpcap brew") packages="libpcap" ;;
	*" ")
		say "no apt-get, dnf, apk, pacman or brew here: install $1 by hand (for libpcap: a C compiler and the headers too)"
		say "or build without libpcap: CGO_ENABLED=0 make demo"
		exit 1
		;;
	*) packages=$1 ;;
	esac
	say "installing $packages with $manager"
	# shellcheck disable=SC2086 # several packages
	case $manager in
	apt-get)
		as_root apt-get update -qq >&2
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >&2
		;;
	dnf) as_root dnf install -y -q $packages >&2 ;;
	apk) as_root apk add --quiet $packages >&2 ;;
	pacman) as_root pacman -Sy --noconfirm --needed $packages >&2 ;;
	brew) brew install --quiet $packages >&2 ;;
	esac
}

if ! command -v go >/dev/null 2>&1; then
	say "go is not in PATH; get it from https://go.dev/dl/"
	exit 1
fi
if [ "${1:-}" = test ] && ! command -v bzip2 >/dev/null 2>&1; then
	install bzip2
fi
if can_build; then
	exit 0
fi
install libpcap
if ! can_build; then
	say "libpcap is installed, but a program that uses it does not build"
	if command -v brew >/dev/null 2>&1; then
		prefix=$(brew --prefix libpcap)
		say "brew keeps it apart; try: export CGO_CFLAGS=-I$prefix/include CGO_LDFLAGS=-L$prefix/lib"
	else
		say "what the compiler says: echo '#include <pcap.h>' | $(go env CC) -x c -c - -o /dev/null"
	fi
	exit 1
fi

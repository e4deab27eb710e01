# steps.sh - what contrib/check and contrib/quickstart share. Sourced; wants $top (source folder).

# What the build needs, by Debian package.
build_packages='autoconf automake make gcc libc6-dev pkg-config python3
	libevent-dev libcurl4-openssl-dev libjansson-dev liblmdb-dev libssl-dev libyaml-dev
	libxxhash-dev zlib1g-dev libisal-dev libdeflate-dev libpcre2-dev libidn2-dev libexpat1-dev
	libroaring-dev libargon2-dev libzstd-dev libbrotli-dev libgpgme-dev gnupg libseccomp-dev
	libyara-dev'

# What tests of formats talk to, by Debian package. Some of them start as services when they are installed, so
# contrib/check installs them only where CI is set; elsewhere the tests of what is not there are skipped.
test_packages='unbound knot bind9 bind9-utils pdns-recursor dnsmasq-base nftables ipset squid haproxy nginx clamav yara
	sqlite3 iproute2'

say() { printf '== %s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root for: $*"
	fi
}

# need_packages PACKAGE...: install what is missing (Debian and its kin).
need_packages() {
	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		say "no apt here: taking it that the libraries are there (see HACKING.md)"
		return
	fi
	missing=
	for p in "$@"; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' ||
			missing="$missing $p"
	done
	[ -n "$missing" ] || { say "packages: all there"; return; }
	say "packages: installing$missing"
	as_root apt-get update -qq
	# shellcheck disable=SC2086
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		$missing >/dev/null
}

# prepare: make configure when it is missing or older than what it is made of.
prepare() {
	if [ ! -x "$top/configure" ] || [ -n "$(find "$top/configure.ac" "$top/Makefile.am" \
		"$top/contrib/m4" "$top"/node "$top"/feeds "$top"/tests "$top"/taxonomies \
		"$top"/contrib/room.am \( -name '*.am' -o -name '*.ac' -o -name '*.m4' \) \
		-newer "$top/configure" 2>/dev/null | head -n 1)" ]; then
		say "autoreconf"
		(cd "$top" && autoreconf -fi) >"$log" 2>&1 || { cat "$log"; die "autoreconf failed"; }
	fi
}

# configure_in FOLDER ARGUMENT...: configure there, unless it was with the same arguments.
configure_in() {
	conf_dir=$1
	shift
	mkdir -p "$conf_dir"
	if [ ! -f "$conf_dir/config.status" ] || [ "$(cat "$conf_dir/.configured" 2>/dev/null)" != "$*" ] ||
		[ "$top/configure" -nt "$conf_dir/config.status" ]; then
		say "configure $*"
		(cd "$conf_dir" && "$top/configure" "$@") >"$log" 2>&1 ||
			{ tail -n 40 "$log"; die "configure failed (see $conf_dir/config.log)"; }
		sed -n '/^  tocsin /,$p' "$log"
		echo "$*" >"$conf_dir/.configured"
	fi
}

cores() {
	getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1
}

# build_in FOLDER TARGET...: make, quiet while it goes well.
build_in() {
	make_dir=$1
	shift
	say "make ${*:-all}"
	make -C "$make_dir" -s -j"${JOBS:-$(cores)}" "$@" >"$log" 2>&1 ||
		{ grep -E '(error|Error|\*\*\*)' "$log" | head -n 40; tail -n 20 "$log"; die "make failed"; }
}

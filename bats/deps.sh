#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What hull needs from the machine and does not carry itself; called by the Makefile.
#
#   deps.sh profiles            the default seccomp profiles of podman and Docker, for a test
#   deps.sh criu                make build/deps/criu/criu, one that works on this kernel, for the tests of checkpoint
#   deps.sh vm                  make build/deps/vm: Debian with systemd on a disk, and its kernel, for bats/vm.sh
#   deps.sh guest NAME          make build/deps/vm-NAME: kernel and root of another machine (386 arm64 arm64-16k armv7 riscv64 old)
#   deps.sh packages GROUP...   install the missing packages of the groups (build test san fuzz bench clients vm)
#   deps.sh linux-headers       make build/deps/include-linux, the kernel's headers for musl-gcc
#   deps.sh musl                make build/ARCH/deps/musl, the C library for another architecture, with a compiler for it
#   deps.sh LIBRARY             fetch and build build/deps/lib/LIBRARY.a (libseccomp libcap libcjson libdbus-1)
#
# With ARCH=arm64, armv7, riscv64, 386 or amd64 headers, musl and libraries are of that architecture, below build/ARCH/deps.
#
# The libraries come as Debian source packages through the machine's own apt entries, with deb-src put before them in
# a private folder: no host name is written here and nothing of the machine's apt state changes. apt checks the
# archive's signature and every file's hash against it.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${V:=0}" "${ARCH:=}"
DEPS=$PWD/build/${ARCH:+$ARCH/}deps
APT=$PWD/build/deps/apt # for all architectures

# The same shape of code as hull's own: small, sectioned for --gc-sections, not PIE, no tables for unwinding.
CC=musl-gcc
AR=ar RANLIB=ranlib TRIPLE=
if [ -n "$ARCH" ]; then
	case $ARCH in
	amd64) TRIPLE=x86_64-linux-gnu ;;
	arm64) TRIPLE=aarch64-linux-gnu ;;
	armv7) TRIPLE=arm-linux-gnueabihf ;;
	riscv64) TRIPLE=riscv64-linux-gnu ;;
	386) TRIPLE=i686-linux-gnu ;;
	*) echo "deps.sh: ARCH=$ARCH is not amd64, arm64, armv7, riscv64 or 386" >&2 && exit 1 ;;
	esac
	CC=$DEPS/musl/bin/musl-gcc AR=$TRIPLE-ar RANLIB=$TRIPLE-ranlib
	export LDFLAGS="-static -no-pie" # what configure links to see whether it can: musl is not PIC
fi
export AR RANLIB
CPPFLAGS="-idirafter $DEPS/include-linux"
CFLAGS="${DEP_CFLAGS:--O2} -w -fno-pie -ffunction-sections -fdata-sections -fstack-protector-strong
	-fno-asynchronous-unwind-tables -fno-unwind-tables"
CFLAGS=$(tr -s '\n\t' '  ' <<<"$CFLAGS")

GROUPS_NEEDED=(build)
[ -z "$ARCH" ] || GROUPS_NEEDED=(cross "cross-$ARCH")
HOST=${TRIPLE:-$(gcc -dumpmachine 2>/dev/null || true)}

say() { printf '  %-8s%s\n' "$1" "$2"; }

die() {
	printf 'deps.sh: %s\n' "$*" >&2
	exit 1
}

# Runs a command with its output kept in a file, which is shown when the command fails (and always with V=1).
quietly() {
	local log=$DEPS/log/$1.log
	shift
	mkdir -p "$DEPS/log"
	if [ "$V" = 1 ]; then
		"$@" 2>&1 | tee -a "$log"
	elif ! "$@" >>"$log" 2>&1; then
		tail -n 60 "$log" >&2
		die "\"$*\" failed; all of its output is in $log"
	fi
}

# --- packages --------------------------------------------------------------------------------------------------------

packages_of() {
	case $1 in
	build) echo gcc make musl-tools libc6-dev linux-libc-dev dpkg-dev gperf binutils xz-utils ;;
	test)
		echo bats jq gojq busybox-static shellcheck clang-format cppcheck mandoc strace perl-base \
			procps iproute2 util-linux psmisc uidmap dbus-daemon patchelf python3 nodejs e2fsprogs squashfs-tools
		;;
	cross) echo gcc make libc6-dev dpkg-dev gperf binutils xz-utils ;; # what runs here; and for each:
	cross-amd64) echo linux-libc-dev ;;
	cross-arm64) echo gcc-aarch64-linux-gnu linux-libc-dev-arm64-cross ;;
	cross-armv7) echo gcc-arm-linux-gnueabihf linux-libc-dev-armhf-cross ;;
	cross-riscv64) echo gcc-riscv64-linux-gnu linux-libc-dev-riscv64-cross ;;
	cross-386) echo gcc-i686-linux-gnu linux-libc-dev-i386-cross ;;
	boards) echo qemu-user-static util-linux ;;
	san) echo gcc libc6-dev libseccomp-dev libcap-dev libcjson-dev libdbus-1-dev ;;
	fuzz) echo clang libc6-dev libseccomp-dev libcap-dev libcjson-dev libdbus-1-dev ;;
	clients)
		echo containerd containernetworking-plugins podman conmon catatonit uidmap slirp4netns \
			fuse-overlayfs docker.io iptables iproute2 jq gojq busybox-static bats crun runc python3-grpcio
		;;
	vm) echo qemu-system-x86 debootstrap debian-archive-keyring e2fsprogs busybox-static jq xz-utils musl-tools checkpolicy ;;
	bench) echo crun runc jq busybox-static gnuplot-nox strace ;;
	guest) # of the disk that "deps.sh vm" makes
		echo systemd systemd-sysv dbus dbus-user-session libpam-systemd uidmap apparmor kmod bats bash-static jq gojq \
			busybox-static strace perl-base procps psmisc iproute2 util-linux criu python3
		;;
	guests) echo qemu-system-x86 qemu-system-arm qemu-system-misc ;;
	board) # of the root that "deps.sh guest" makes
		echo bats bash-static jq gojq busybox-static strace perl-base procps psmisc iproute2 util-linux mount uidmap
		;;
	dist) echo jq xz-utils ;;
	*) die "no package group is called \"$1\"" ;;
	esac
}

# find_missing GROUP...: what is not installed, in $missing; false when there is nothing.
find_missing() {
	local p group
	missing=()
	for group; do
		for p in $(packages_of "$group"); do
			[[ $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) == installed ]] ||
				missing+=("$p")
		done
	done
	[ ${#missing[@]} -gt 0 ]
}

packages() {
	local missing options=()
	command -v dpkg-query >/dev/null || return 0 # not a Debian: the user installs what the README lists
	find_missing "$@" || return 0
	# The Makefile asks for several groups side by side, and apt-get update does not wait.
	mkdir -p "${APT%/*}"
	exec 7>"${APT%/*}/packages.lock"
	flock 7
	find_missing "$@" || return 0
	[ "$(id -u)" = 0 ] || die "install these first, as root: apt-get install ${missing[*]}"

	say APT "${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	quietly apt apt-get -o DPkg::Lock::Timeout=300 update
	if [[ " $* " == *" clients "* ]]; then
		no_services
		options=(--no-remove) # never in the place of another vendor's Docker or containerd
	fi
	quietly apt apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${options[@]}" "${missing[@]}"
}

# The packages of the engines start them where something starts services; the tests want programs alone. (systemd starts
# docker.service and podman.socket at the next boot none the less: "systemctl disable" them there.)
no_services() {
	[ ! -e /usr/sbin/policy-rc.d ] || return 0
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod 755 /usr/sbin/policy-rc.d
}

# --- kernel headers --------------------------------------------------------------------------------------------------

# musl-gcc sees musl's headers alone. /usr/include as a whole would mix in glibc's, so link the kernel's three folders.
linux_headers() {
	local arch from=/usr/include dir=$DEPS/include-linux
	packages "${GROUPS_NEEDED[@]}"
	[ -z "$ARCH" ] || [ "$ARCH" = amd64 ] || from=/usr/$TRIPLE/include
	arch=$from/$(gcc -print-multiarch)/asm
	[ -d "$arch" ] || arch=$from/asm
	if [ ! -d "$arch" ] || [ ! -d "$from/linux" ]; then
		die "no kernel headers in $from (package linux-libc-dev)"
	fi
	mkdir -p "$dir"
	ln -sfn "$from/linux" "$dir/linux"
	ln -sfn "$from/asm-generic" "$dir/asm-generic"
	ln -sfn "$arch" "$dir/asm"
}

# --- source packages -------------------------------------------------------------------------------------------------

apt_options=(
	-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$APT/parts"
	-o "Dir::State::lists=$APT/lists" -o "Dir::Cache=$APT/cache"
	-o APT::Sandbox::User= -o Acquire::Retries=3
)

# Copies the machine's entries, in both of apt's formats, as deb-src entries, and reads their indexes.
source_lists() {
	local f dir n=0
	if [ -n "$(find "$APT/ready" -mmin -60 2>/dev/null)" ]; then
		return 0 # read less than an hour ago
	fi
	rm -rf "$APT"
	mkdir -p "$APT/parts" "$APT/lists/partial" "$APT/cache/archives/partial"
	eval "$(apt-config shell list Dir::Etc::sourcelist/f dir Dir::Etc::sourceparts/d)"
	for f in "${list:-}" "$dir"/*.list "$dir"/*.sources; do
		[ -f "$f" ] || continue
		n=$((n + 1))
		case $f in
		*.sources) sed -E 's/^types:.*/Types: deb-src/I' "$f" >"$APT/parts/$n.sources" ;;
		*) sed -nE 's/^[[:space:]]*deb(-src)?[[:space:]]+/deb-src /p' "$f" | grep -v cdrom: | sort -u \
			>"$APT/parts/$n.list" || true ;;
		esac
	done
	# An entry without sources (a vendor's) fails here and does no harm: what is needed is looked for afterwards.
	apt-get "${apt_options[@]}" update >"$APT/update.log" 2>&1 || true
	touch "$APT/ready"
}

# Unpacks a source of a package into build/deps/src/PACKAGE: an archive in $DEPS_DIR, or the newest version that can be
# had of all suites that apt knows. Some list versions whose files are gone (404), so go from the newest down; and where
# only Debian's description of one is gone, its upstream archive will do.
fetch() {
	local package=$1 version versions log=$DEPS/log/$1.fetch.log dir=$DEPS/src/$1
	mkdir -p "$DEPS/log" "$DEPS/src" "${APT%/*}"
	exec 8>"${APT%/*}/lock"
	flock 8 # the Makefile builds libraries side by side
	packages "${GROUPS_NEEDED[@]}"
	if [ -n "${DEPS_DIR:-}" ]; then
		exec 8>&-
		from_folder "$package"
		return
	fi
	source_lists
	exec 8>&-
	versions=$(apt-cache "${apt_options[@]}" showsrc --only-source "$package" 2>/dev/null |
		sed -n 's/^Version: *//p' | sort -ruV)
	[ -n "$versions" ] || give_up "$package" "apt knows no source of it: $(tail -n 3 "$APT/update.log")"
	: >"$log"
	for version in $versions; do
		rm -rf "$dir"
		mkdir -p "$dir"
		say FETCH "$package $version"
		if (cd "$dir" && apt-get "${apt_options[@]}" source --download-only --only-source \
			"$package=$version") >>"$log" 2>&1 &&
			dpkg-source -x "$dir"/*.dsc "$dir/tree" >>"$log" 2>&1; then
			fetched "$package" "$version" "$dir"/*.dsc "$dir"/*.tar.*
			return 0
		fi
	done
	for version in $versions; do
		! fetch_upstream "$package" "$version" >>"$log" 2>&1 || return 0
	done
	tail -n 40 "$log" >&2
	give_up "$package" "no version of it could be fetched (see $log)"
}

give_up() {
	die "no source of $1: $2. Either take the machine's own libraries (make DEPS=system), or put the archive ($1_VERSION.orig.tar.*, or its project's) into a folder and name that: make DEPS_DIR=/path"
}

# fetched PACKAGE VERSION FILE...: what bats/dist.sh says of it
fetched() {
	local dir=$DEPS/src/$1 file
	echo "$1 $2" >"$dir/version"
	for file in "${@:3}"; do
		printf '%s %s\n' "$(sha256sum <"$file" | cut -d ' ' -f 1)" "${file##*/}"
	done >"$dir/sources"
}

# unpack ARCHIVE PACKAGE VERSION
unpack() {
	local dir=$DEPS/src/$2
	rm -rf "$dir/tree" && mkdir -p "$dir/tree"
	tar -C "$dir/tree" --strip-components=1 -xf "$1" && fetched "$2" "$3" "$1"
}

# The upstream archive alone, from any of apt's archives that has it, checked against the hash in the index of sources,
# which apt has checked.
fetch_upstream() {
	local package=$1 version=$2 dir=$DEPS/src/$1 folder sum file uri
	read -r folder sum file < <(apt-cache "${apt_options[@]}" showsrc --only-source "$package" |
		awk -v version="$version" '
			/^Package:/ { ours = 0; dir = "" }
			$1 == "Version:" { ours = $2 == version }
			$1 == "Directory:" { dir = $2 }
			/^[A-Z]/ { sums = $1 == "Checksums-Sha256:" }
			sums && $3 ~ /\.orig\.tar\.[a-z0-9]*$/ { sum = $1; file = $3 }
			/^$/ && ours && file { print dir, sum, file; exit }
			END { if (ours && file) print dir, sum, file }') || return 1
	for uri in $(apt-get "${apt_options[@]}" indextargets --format '$(REPO_URI)' 'Created-By: Sources' | sort -u); do
		rm -rf "$dir" && mkdir -p "$dir"
		echo "$uri$folder/$file"
		/usr/lib/apt/apt-helper "${apt_options[@]}" download-file "${uri%/}/$folder/$file" "$dir/$file" "SHA256:$sum" &&
			unpack "$dir/$file" "$package" "$version" && return 0
	done
	return 1
}

# The archive of a package in $DEPS_DIR, under Debian's name or its project's. Whoever put it there answers for it.
from_folder() {
	local package=$1 name archive
	case $package in
	libcap2) name=libcap ;;
	cjson) name=cJSON ;;
	*) name=$package ;;
	esac
	archive=$(find "$DEPS_DIR/" -maxdepth 1 \( -name "${package}_*.orig.tar.*" -o -iname "$name-*.tar.*" \) \
		! -name '*.asc' | sort -V | tail -n 1)
	[ -n "$archive" ] || give_up "$package" "there is none in $DEPS_DIR"
	say UNPACK "$archive"
	unpack "$archive" "$package" "$(basename "$archive")" || give_up "$package" "$archive cannot be unpacked"
}

# The library is put in place last and by rename: make takes its presence to mean that all is there.
put_library() {
	mkdir -p "$DEPS/lib"
	cp "$1" "$DEPS/lib/$2.tmp"
	mv "$DEPS/lib/$2.tmp" "$DEPS/lib/$2"
}

put_header() { install -D -m 644 "$1" "$DEPS/include/$2"; }

put_license() { install -D -m 644 "$1" "$DEPS/licenses/$2"; }

# For another architecture: musl's own script makes its cross compiler one for it.
build_musl() {
	local tree=$DEPS/src/musl/tree
	fetch musl
	say BUILD "musl for $ARCH"
	cd "$tree"
	quietly musl ./configure --prefix="$DEPS/musl" --target="$TRIPLE" CROSS_COMPILE="$TRIPLE-" CC="$TRIPLE-gcc" \
		CFLAGS="$CFLAGS" --disable-shared --enable-wrapper=gcc
	quietly musl make -j"$(nproc)"
	quietly musl make install
	put_license COPYRIGHT musl
}

build_libseccomp() {
	local tree=$DEPS/src/libseccomp/tree
	fetch libseccomp
	say BUILD libseccomp
	cd "$tree"
	# Debian's patches change times: equal ones keep automake out of it. The hash of the system call names is made
	# anew (gperf), for a patch adds the calls of newer kernels to the table it comes from.
	find . -exec touch -d 2000-01-01 {} +
	rm -f src/syscalls.perf src/syscalls.perf.c
	quietly libseccomp ./configure CC="$CC" CPPFLAGS="$CPPFLAGS" CFLAGS="$CFLAGS" \
		--host="$HOST" --disable-shared --enable-static --disable-python
	quietly libseccomp make -C include
	quietly libseccomp make -j"$(nproc)" -C src libseccomp.la
	put_header include/seccomp.h seccomp.h
	put_header include/seccomp-syscalls.h seccomp-syscalls.h
	put_license LICENSE libseccomp
	put_library src/.libs/libseccomp.a libseccomp.a
}

build_libcap() {
	local tree=$DEPS/src/libcap2/tree
	fetch libcap2
	say BUILD libcap
	cd "$tree"
	# Its constructor asks the kernel six times for the last capability, in every hull: init/creds.c calls it instead.
	quietly libcap make -C libcap libcap.a CC="$CC" AR="$AR" RANLIB="$RANLIB" BUILD_CC=gcc DEBUG= WARNINGS=-Wno-attributes \
		COPTS="$CPPFLAGS $CFLAGS -Dconstructor=called_by_init" \
		BUILD_COPTS=-O1
	put_header libcap/include/sys/capability.h sys/capability.h
	put_license License libcap
	put_library libcap/libcap.a libcap.a
}

# One file; its own build wants cmake. The header is found as <cJSON.h>.
build_libcjson() {
	local tree=$DEPS/src/cjson/tree
	fetch cjson
	say BUILD cJSON
	cd "$tree"
	# shellcheck disable=SC2086 # lists of options
	quietly cjson $CC $CPPFLAGS $CFLAGS -c -o cJSON.o cJSON.c
	quietly cjson "$AR" rcs libcjson.a cJSON.o
	put_header cJSON.h cJSON.h
	put_license LICENSE cJSON
	put_library libcjson.a libcjson.a
}

# The messages of D-Bus, for the systemd cgroup driver. Of the library hull uses them alone, and --gc-sections drops
# what makes connections (state/systemd/bus.c says why). Its configure asks for expat, which only the daemon needs.
build_libdbus-1() {
	local tree=$DEPS/src/dbus/tree
	fetch dbus
	say BUILD libdbus
	cd "$tree"
	find . -exec touch -d 2000-01-01 {} +
	quietly dbus ./configure CC="$CC" CPPFLAGS="$CPPFLAGS" CFLAGS="$CFLAGS" --host="$HOST" \
		--disable-shared --enable-static --disable-asserts --disable-checks --disable-verbose-mode --disable-tests \
		--disable-inotify --disable-epoll --disable-selinux --disable-apparmor --disable-libaudit --disable-systemd \
		--disable-launchd --disable-x11-autolaunch --disable-xml-docs --disable-doxygen-docs --disable-ducktype-docs \
		--without-x EXPAT_CFLAGS=' ' EXPAT_LIBS=' '
	quietly dbus make -j"$(nproc)" -C dbus libdbus-1.la
	local h
	for h in dbus.h $(sed -n 's,#include <dbus/\(.*\)>,\1,p' dbus/dbus.h) dbus-memory.h; do
		put_header "dbus/$h" "dbus/$h"
	done
	put_license COPYING libdbus
	put_library dbus/.libs/libdbus-1.a libdbus-1.a
}

# --- seccomp profiles --------------------------------------------------------------------------------------------------

# The default profiles of podman and Docker, out of packages that need not be installed, as they are for a container on
# x86_64 with the usual capabilities. Where they cannot be had, the test that wants them is skipped.
profiles() {
	local dir=$DEPS/profiles
	if [ -f "$dir/ready" ] || ! command -v apt-get >/dev/null || ! command -v jq >/dev/null; then
		return 0
	fi
	rm -rf "$dir"
	mkdir -p "$dir/work"
	say FETCH "seccomp profiles of podman and Docker"
	profile podman golang-github-containers-common usr/share/containers/seccomp.json
	profile docker golang-github-docker-docker-dev usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json
	rm -rf "$dir/work"
	touch "$dir/ready"
}

# profile NAME PACKAGE FILE
profile() {
	local dir=$DEPS/profiles deb
	(cd "$dir/work" && apt-get -o APT::Sandbox::User= download "$2") >>"$dir/log" 2>&1 || return 0
	deb=$(find "$dir/work" -name "$2_*.deb" | head -n 1)
	dpkg-deb --fsys-tarfile "$deb" | tar -xO "./$3" | jq '
		["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP",
			"SETUID", "SYS_CHROOT"] as $caps
		| def has(c): (c // []) | map(ltrimstr("CAP_")) | any(. as $c | $caps | index($c));
		{
			defaultAction, defaultErrnoRet,
			architectures: ([.archMap[] | select(.architecture == "SCMP_ARCH_X86_64") | .architecture, .subArchitectures[]]),
			syscalls: [.syscalls[]
				| select((.includes.caps // [] | length) == 0 or has(.includes.caps))
				| select((.includes.arches // [] | length) == 0 or (.includes.arches | any(. == "amd64" or . == "x32" or . == "x86")))
				| select(has(.excludes.caps) | not)
				| select((.excludes.arches // []) | index("amd64") | not)
				| {names, action, errnoRet, args: [(.args // [])[] | {index, value, valueTwo, op}]}]
		} | del(.. | nulls)' >"$dir/work/$1.json" 2>>"$dir/log" || return 0
	mv "$dir/work/$1.json" "$dir/$1.json"
}

# --- criu ------------------------------------------------------------------------------------------------------------

CRIU=$DEPS/criu
# Debian 12's criu is older than the kernels it meets here and does not know their vdso: the next release's, with the
# libraries that it wants beside it. Nothing of it is installed.
criu_release=trixie

# other_debian DIR ARCH RELEASE...: sets apt_options to an apt of its own in DIR, which knows Debian's main of these releases
# alone, and of whose machine nothing is installed.
other_debian() {
	local dir=$1 arch=$2 release
	shift 2
	mkdir -p "$dir/parts" "$dir/lists/partial" "$dir/cache/archives/partial"
	for release; do
		printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$(debian_archive)" "$release" \
			/usr/share/keyrings/debian-archive-keyring.gpg >"$dir/parts/$release.sources"
	done
	: >"$dir/status"
	apt_options=(
		-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$dir/parts" -o "Dir::State::lists=$dir/lists"
		-o "Dir::State::status=$dir/status" -o "Dir::Cache=$dir/cache" -o APT::Sandbox::User= -o Acquire::Retries=3
		-o "APT::Architecture=$arch" -o "APT::Architectures=$arch"
	)
}

# Where it cannot be had, the tests that want it are skipped.
criu() {
	local apt=$CRIU/apt deb lib
	if [ -f "$CRIU/ready" ] || ! command -v apt-get >/dev/null || ! command -v patchelf >/dev/null; then
		return 0
	fi
	rm -rf "$CRIU"
	mkdir -p "$CRIU"
	if command criu check >"$CRIU/log" 2>&1; then
		ln -s "$(command -v criu)" "$CRIU/criu"
		touch "$CRIU/ready"
		return 0
	fi
	say FETCH "criu of Debian $criu_release"
	other_debian "$apt" "$(dpkg --print-architecture)" "$criu_release"
	if ! apt-get "${apt_options[@]}" update >>"$CRIU/log" 2>&1 ||
		! apt-get "${apt_options[@]}" install -y --no-install-recommends --download-only criu >>"$CRIU/log" 2>&1; then
		return 0
	fi
	for deb in "$apt"/cache/archives/*.deb; do
		dpkg-deb -x "$deb" "$CRIU/root"
	done
	lib=$CRIU/root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
	cp "$CRIU/root/usr/sbin/criu" "$CRIU/criu.new"
	quietly criu patchelf --set-interpreter "$(echo "$lib"/ld-linux*.so.*)" --force-rpath --set-rpath "$lib" "$CRIU/criu.new"
	rm -rf "$apt"
	if "$CRIU/criu.new" check >>"$CRIU/log" 2>&1; then
		mv "$CRIU/criu.new" "$CRIU/criu"
	fi
	touch "$CRIU/ready"
}

# --- virtual machine -------------------------------------------------------------------------------------------------

# debian_archive [RELEASE]: where the machine's apt has Debian itself from, or this release of it.
debian_archive() {
	apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
		sed -n "s/^Debian ${1:-[a-z]*} //p" | head -n 1
}

VM=$DEPS/vm
# What PID 1 of the initramfs loads, in this order; a kernel that has one of them built in needs no file for it.
vm_modules=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk virtio_console)

# The machine's own release and archive, with Debian's cloud kernel: the usual configuration without the drivers of real
# hardware. No mount and no device is made outside a namespace; the disk is filled without being mounted.
vm() {
	local key release archive
	packages vm
	# shellcheck disable=SC1091
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	archive=$(debian_archive "$release")
	[ -n "$archive" ] || die "apt has no entry for the archive of Debian ${release:-(/etc/os-release names no release)}"
	key=$(printf '%s\n' "$release" "$(declare -f vm vm_disk vm_kernel)" "$(packages_of guest)" | sha256sum)
	[ "$(cat "$VM/ready" 2>/dev/null)" != "$key" ] || return 0
	rm -rf "$VM"
	mkdir -p "$VM/modules" "$VM/work"
	say FETCH "Debian $release for the virtual machine"
	quietly vm unshare -m --propagation private debootstrap --variant=minbase \
		--include="$(packages_of guest | tr ' ' ,)" "$release" "$VM/work/root" "$archive"
	vm_kernel
	vm_disk
	rm -rf "$VM/work"
	echo "$key" >"$VM/ready"
}

# pick_modules FROM TO NAME...: kernel modules, and TO/order with their names in the order in which to load them. A kernel
# that has one of them built in has no file for it.
pick_modules() {
	local from=$1 to=$2 m f
	shift 2
	mkdir -p "$to"
	for m; do
		f=$(find "$from" -name "$m.ko*")
		[ -n "$f" ] || continue
		cp "$f" "$to/"
		f=$to/$(basename "$f")
		[[ $f != *.xz ]] || xz -d "$f"
		echo "$m.ko" >>"$to/order"
	done
}

# The kernel, without its package's scripts.
vm_kernel() {
	local kernel modules
	kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: *\(linux-image-.*\)/\1/p')
	[ -n "$kernel" ] || die "apt knows no linux-image-cloud-amd64"
	(cd "$VM/work" && quietly vm apt-get -o APT::Sandbox::User= download "$kernel")
	dpkg-deb -x "$VM/work/$kernel"_*.deb "$VM/work/kernel"
	cp "$VM/work/kernel/boot"/vmlinuz-* "$VM/vmlinuz"
	modules=$(find "$VM/work/kernel" -path '*/lib/modules/*' -prune)
	pick_modules "$modules" "$VM/modules" "${vm_modules[@]}"
	mkdir -p "$VM/work/root/usr/lib/modules"
	cp -r "$modules" "$VM/work/root/usr/lib/modules/"
	quietly vm chroot "$VM/work/root" depmod "$(basename "$modules")"
}

vm_disk() {
	local root=$VM/work/root
	cat >"$root/etc/systemd/system/guest.service" <<-'END'
		[Unit]
		Description=The tests on the second disk
		After=multi-user.target
		[Service]
		ExecStart=/bin/sh -c 'mkdir -p /hull && tar -xf /dev/vdb -C /hull && exec bash /hull/bats/vm/guest.sh'
		ExecStopPost=/bin/busybox poweroff -f
		[Install]
		WantedBy=multi-user.target
	END
	# An ordinary user whose systemd starts at boot, and who may have all controllers.
	mkdir -p "$root/etc/systemd/system/user@.service.d" "$root/var/lib/systemd/linger"
	printf '[Service]\nDelegate=yes\n' >"$root/etc/systemd/system/user@.service.d/delegate.conf"
	: >"$root/var/lib/systemd/linger/hull"
	quietly vm chroot "$root" sh -c 'useradd -m -s /bin/bash hull && systemctl enable guest.service &&
		systemctl mask getty.target'
	cp "$root/usr/bin/bash-static" "$root/usr/bin/bash" # it begins in a third of the time
	rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,locale,man}
	quietly vm mke2fs -q -t ext4 -d "$root" "$VM/root.ext4" 1G
}

# --- guests of other machines ------------------------------------------------------------------------------------------

# Debian's programs for another processor, or for an older kernel, as an archive that is the guest's whole root: unpacked
# only, for none of their scripts could run here.
guest() {
	local name=$1 dir=$DEPS/vm-$1 arch release kernel_release package key
	release=bookworm kernel_release=bookworm
	case $name in
	arm64) arch=arm64 package=linux-image-arm64 ;;
	armv7) arch=armhf package=linux-image-armmp ;;
	riscv64) arch=riscv64 package=linux-image-riscv64 release=trixie kernel_release=trixie ;;
	arm64-16k) arch=arm64 package=linux-image-arm64-16k release=trixie kernel_release=trixie ;;
	386) arch=i386 package=linux-image-686 ;;
	old) arch=amd64 package=linux-image-cloud-amd64 kernel_release=bullseye ;;
	*) die "no guest is called \"$name\"" ;;
	esac
	packages vm guests
	key=$(printf '%s\n' "$(declare -f guest guest_root guest_kernel pick_modules)" "$(packages_of board)" | sha256sum)
	[ "$(cat "$dir/ready" 2>/dev/null)" != "$key" ] || return 0
	rm -rf "$dir"
	say FETCH "Debian $release for $arch, with the kernel of $kernel_release"
	other_debian "$dir/apt" "$arch" "$release" "$kernel_release"
	quietly "vm-$name" apt-get "${apt_options[@]}" update
	guest_root
	guest_kernel
	(cd "$dir/root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$dir/root.cpio"
	rm -rf "$dir/apt" "$dir/root" "$dir/kernel"
	echo "$key" >"$dir/ready"
}

# The following two are parts of guest, and see its variables.
guest_root() {
	local deb root=$dir/root
	# shellcheck disable=SC2046 # words
	quietly "vm-$name" apt-get "${apt_options[@]}" install -y --no-install-recommends --download-only -t "$release" \
		'?essential' $(packages_of board)
	for deb in "$dir"/apt/cache/archives/*.deb; do
		dpkg-deb -x "$deb" "$root"
	done
	rm -rf "$root"/usr/share/{doc,locale,man,info,zoneinfo,i18n} "$root"/usr/lib/*/{gconv,perl} "$root"/usr/share/perl
	cp "$root"/usr/share/base-passwd/passwd.master "$root/etc/passwd"
	cp "$root"/usr/share/base-passwd/group.master "$root/etc/group"
	ln -sf mawk "$root/usr/bin/awk"
	cp "$(find "$root/bin/" "$root/usr/bin" -name bash-static -print -quit)" "$root/bin/bash" # it begins in a third of the time
	cp "$(find "$root/bin/" "$root/usr/bin" -name busybox -print -quit)" "$root/busybox"
}

guest_kernel() {
	local image
	image=$(apt-cache "${apt_options[@]}" depends -t "$kernel_release" "$package" | sed -n 's/^ *Depends: *\(linux-image-.*\)/\1/p')
	[ -n "$image" ] || die "Debian $kernel_release has no $package for $arch"
	mkdir "$dir/kernel"
	(cd "$dir/kernel" && quietly "vm-$name" apt-get "${apt_options[@]}" download "$image")
	dpkg-deb -x "$dir/kernel/$image"_*.deb "$dir/kernel"
	cp "$dir/kernel/boot"/vmlinu[xz]-* "$dir/vmlinuz"
	pick_modules "$dir/kernel" "$dir/root/modules" "${vm_modules[@]}" virtio_mmio overlay veth dummy
}

unset MAKEFLAGS MFLAGS MAKELEVEL
case ${1:-} in
vm) vm ;;
guest) guest "${2:-}" ;;
criu) criu ;;
profiles) profiles ;;
packages) shift && packages "$@" ;;
linux-headers) linux_headers ;;
musl | libseccomp | libcap | libcjson | libdbus-1) "build_$1" ;;
*) die "usage: deps.sh packages GROUP... | criu | guest NAME | profiles | linux-headers | LIBRARY" ;;
esac

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host
#
# What make dist makes. One processor's binary is built again somewhere else, from the start.

load helpers

setup_file() {
	export BATS_TEST_TIMEOUT=280 DIST_ARCH NO_DIST=
	cd "$BATS_TEST_DIRNAME/.." || return 1
	for DIST_ARCH in arm64 armv7 riscv64 386 none; do
		[ ! -x "build/$DIST_ARCH/hull" ] || [ ! -e "build/$DIST_ARCH/deps/src/musl/sources" ] || break
	done
	if [ "$DIST_ARCH" = none ]; then
		NO_DIST="no other processor's hull is built (make check-boards)"
		return
	fi
	DIST_DIR=$BATS_FILE_TMPDIR/here bats/dist.sh 9.9.9 0123 "$DIST_ARCH" 3>&-
}

setup() {
	[ -z "${NO_DIST:-}" ] || skip "$NO_DIST"
	cd "$BATS_FILE_TMPDIR/here/hull-9.9.9" || return 1
}

@test "make dist made elsewhere is the same, bit for bit" {
	local top=$BATS_TEST_DIRNAME/.. copy=$BATS_TEST_TMPDIR/else/where library
	mkdir -p "$copy/build/deps" "$copy/build/$DIST_ARCH/deps"
	(cd "$top" && git ls-files -z | tar --null -T - --ignore-failed-read -cf -) | tar -xf - -C "$copy"
	cp -r "$top/.git" "$copy/.git" # the commit, and its time
	cp "$top/build/hull.8" "$top/build/hull.bash" "$copy/build/"
	cp -r "$top/build/deps/apt" "$copy/build/deps/apt" # what apt knows; sources are fetched and built anew
	# All of the libraries on one day of five, and one of them on each other.
	library=$(printf '%s\n' libseccomp libcap libcjson libdbus-1 | sed -n "$(($(day) % 5 + 1))p")
	if [ -n "$library" ]; then
		cp -r "$top/build/$DIST_ARCH/deps" "$copy/build/$DIST_ARCH/"
		rm "$copy/build/$DIST_ARCH/deps/lib/$library.a"
		sed -i "s|$(realpath "$top")|$copy|g" "$copy/build/$DIST_ARCH"/deps/musl/{bin/musl-gcc,lib/musl-gcc.specs}
	fi
	(cd "$copy" && env -u DEPS_DIR make -s ARCH="$DIST_ARCH" WERROR=1 && DIST_DIR=$BATS_TEST_TMPDIR/there bats/dist.sh 9.9.9 0123 "$DIST_ARCH") >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- ||
		{ tail -n 30 "$BATS_TEST_TMPDIR/log" && return 1; }
	diff -r "$BATS_TEST_TMPDIR/there" "$BATS_FILE_TMPDIR/here"
}

@test "make dist leaves all that a user needs, and nothing of where it was built" {
	sha256sum --quiet -c SHA256SUMS
	[ "$(find . -type f | wc -l)" = "$(($(wc -l <SHA256SUMS) + 1))" ]
	for file in "hull-$DIST_ARCH" hull.8 hull.bash README.md LICENSE licenses/{musl,libseccomp,libcap,cJSON,libdbus} hull.spdx.json; do
		[ -s "$file" ]
	done
	! grep -raF "$(realpath "$BATS_TEST_DIRNAME/..")" . || return 1
	tar -tf ../hull-9.9.9.tar.xz | grep -x "hull-9.9.9/hull-$DIST_ARCH"
}

@test "the SPDX list has each library with its licence and the hash of its source, and each binary with its own" {
	local sum
	jq -e '.spdxVersion == "SPDX-2.3" and (.creationInfo.created | fromdate > 0)' hull.spdx.json
	for name in musl libseccomp libcap cJSON libdbus; do
		jq -e --arg n "$name" '.packages[] | select(.name == $n) | (.versionInfo | test("^[0-9:.]+")) and (.licenseDeclared | length > 0)
			and (.checksums | length == 1) and (.checksums[0].checksumValue | test("^[0-9a-f]{64}$"))' hull.spdx.json
		jq -e --arg n "SPDXRef-$name" '[.relationships[] | select(.relationshipType == "STATIC_LINK" and .relatedSpdxElement == $n)] | length == 1' hull.spdx.json
	done
	sum=$(sha256sum "hull-$DIST_ARCH" | cut -d ' ' -f 1)
	jq -e --arg s "$sum" '.files[0].checksums[0].checksumValue == $s' hull.spdx.json
	# Every element that is spoken of is there.
	jq -e '([.packages[], .files[]] | map(.SPDXID) + ["SPDXRef-DOCUMENT"]) as $ids
		| all(.relationships[]; ([.spdxElementId, .relatedSpdxElement] - $ids) == [])' hull.spdx.json
	jq -e '.files | length == 1' hull.spdx.json
}

@test "make install takes ARCH" {
	cd "$BATS_TEST_DIRNAME/.."
	env -u MAKEFLAGS make -s ARCH="$DIST_ARCH" DESTDIR="$BATS_TEST_TMPDIR" PREFIX=/usr install 3>&-
	cmp "$BATS_TEST_TMPDIR/usr/bin/hull" "build/$DIST_ARCH/hull"
	[ "$(readlink "$BATS_TEST_TMPDIR/usr/bin/containerd-shim-hull-v2")" = hull ]
	[ -s "$BATS_TEST_TMPDIR/usr/share/man/man8/hull.8" ]
	[ -s "$BATS_TEST_TMPDIR/usr/share/bash-completion/completions/hull" ]
	# The compiler is ARCH's alone: the texts are made by a program for this machine.
	[ "$(env -u MAKEFLAGS CC=musl-gcc make -s -f <(printf 'include Makefile\nshow:\n\t@echo "$${CC:-none}"\n') ARCH="$DIST_ARCH" show)" = none ]
}

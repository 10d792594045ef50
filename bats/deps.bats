#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host
#
# Where deps.sh has the sources of libraries from, in a tree of its own with cJSON, the smallest. apt is played by
# scripts: an archive without Debian's own files.

setup() {
	TOP=$BATS_TEST_DIRNAME/..
	command -v musl-gcc >/dev/null || skip "no musl-gcc"
	[ -x /usr/lib/apt/apt-helper ] || skip "no apt"
	orig=$(find "$TOP/build/deps/src/cjson" -maxdepth 1 -name "*.orig.tar.*" ! -name "*.asc" 2>/dev/null | head -n 1)
	[ -n "$orig" ] || skip "the libraries are the machine's own"
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir -p tree/bats tree/build/deps archive/pool bin
	cp "$TOP/bats/deps.sh" tree/bats/
	ln -s "$(realpath "$TOP/build/deps/include-linux")" tree/build/deps/include-linux
	cp "$orig" archive/pool/cjson_9.0.orig.tar.gz
	sum=$(sha256sum archive/pool/cjson_9.0.orig.tar.gz | cut -d" " -f1)
	cat >bin/apt-get <<-END
		#!/bin/sh
		case " \$* " in
		*" indextargets "*) echo file://$PWD/gone/ && echo file://$PWD/archive/ ;;
		*" source "*) echo "404  Not Found" >&2 && exit 100 ;;
		esac
	END
	printf '#!/bin/sh\ncat %s\n' "$PWD/index" >bin/apt-cache
	chmod +x bin/*
	index "$sum"
	PATH=$PWD/bin:$PATH
	cd tree/build || return 1
}

index() {
	cat >"$BATS_TEST_TMPDIR/index" <<-END
		Package: cjson
		Binary: libcjson1
		Version: 8.0-1
		Directory: pool/old
		Checksums-Sha256:
		 0000 5 cjson_8.0.orig.tar.gz

		Package: cjson
		Version: 9.0-1
		Checksums-Sha256:
		 1111 5 cjson_9.0-1.dsc
		 $1 5 cjson_9.0.orig.tar.gz
		Directory: pool

	END
}

deps() { run env -u DEPS_DIR -u MAKEFLAGS "$@" ../bats/deps.sh libcjson 3>&-; }

@test "a library whose Debian files are gone is built of its upstream archive, with the hash of the index" {
	deps
	echo "$output"
	[ "$status" = 0 ]
	[ -s deps/lib/libcjson.a ]
	[ "$(cat deps/src/cjson/version)" = "cjson 9.0-1" ]
}

@test "an archive that is not what the index says is refused, with what to do" {
	index 2222222222222222222222222222222222222222222222222222222222222222
	deps
	[ "$status" = 1 ]
	[ ! -e deps/lib/libcjson.a ]
	[[ ${lines[-1]} == "deps.sh: no source of cjson: no version of it could be fetched"*"make DEPS=system"*"make DEPS_DIR=/path" ]]
}

@test "a library is built of an archive in DEPS_DIR, and apt is not asked" {
	printf '#!/bin/sh\nexit 1\n' | tee ../../bin/apt-get >../../bin/apt-cache
	deps DEPS_DIR="$BATS_TEST_TMPDIR/archive/pool"
	echo "$output"
	[ "$status" = 0 ]
	[ -s deps/lib/libcjson.a ]
	rm -r deps/lib
	# The name that the project itself gives it.
	mkdir ../../mine
	mv ../../archive/pool/cjson_9.0.orig.tar.gz ../../mine/cJSON-9.0.tar.gz
	deps DEPS_DIR="$BATS_TEST_TMPDIR/mine"
	[ "$status" = 0 ]
	[ -s deps/lib/libcjson.a ]
	deps DEPS_DIR="$BATS_TEST_TMPDIR/archive"
	[ "$status" = 1 ]
	[[ ${lines[-1]} == "deps.sh: no source of cjson: there is none in $BATS_TEST_TMPDIR/archive. "*"DEPS=system"* ]]
}

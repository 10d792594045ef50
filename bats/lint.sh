#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The rules of the house that a program can check, as TAP; run by "make lint" and "make check". Each test is a command
# that prints what is wrong, and passes when it prints nothing.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
: "${HULL:=$PWD/build/hull}" "${CC:=musl-gcc}" "${DEPS:=build}"
unset MAKEFLAGS MFLAGS MAKELEVEL
SIZE_LIMIT=$((880 * 1024))

shopt -s nullglob
sources=({state,nsexec,init,cmd}/{,*/}*.c)
headers=({state,nsexec,init,cmd}/{,*/}*.h)
n=0

# check TITLE COMMAND...
check() {
	local title=$1 output
	shift
	n=$((n + 1))
	output=$("$@" 2>&1)
	if [ -z "$output" ]; then
		echo "ok $n - $title"
	else
		echo "not ok $n - $title"
		printf '%s\n' "$output" | sed 's/^/# /'
	fi
}

# Prints the output of a command that is no good news in itself only where the command fails.
only_failures() {
	local output
	output=$("$@" 2>&1) || printf '%s\n' "${output:-$1 failed}"
}

findings=$(perl bats/lint/source.pl "${sources[@]}" "${headers[@]}" 2>&1) || findings+=$'\nsource.pl failed'
found() { printf '%s\n' "$findings" | sed -n "s/^$1\t//p"; }
# What source.pl says without a check's name is an error of its own.
not_found() { printf '%s\n' "$findings" | grep -v -e $'^[a-z]*\t' -e '^$'; }

binary() {
	local size
	[ -x "$HULL" ] || { echo "there is no $HULL" && return; }
	readelf -lW "$HULL" | grep -e INTERP -e DYNAMIC
	readelf -lW "$HULL" | grep 'GNU_STACK.*E'
	readelf -SW "$HULL" | grep -e ' \.symtab' -e ' \.debug'
	size=$(stat -c %s "$HULL")
	[ "$size" -le "$SIZE_LIMIT" ] || echo "$size bytes, more than $SIZE_LIMIT"
}

# Static variables and calls that change the whole process, beside their table.
process_wide() {
	local calls='chdir|fchdir|umask|sigprocmask|setenv|unsetenv|putenv|_exit|exit|abort|alarm|setitimer|signal|sigaction|chroot'
	local o f
	{
		for o in build/obj/{state,nsexec,init,cmd}/{,*/}*.o; do
			f=${o#build/obj/} f=${f%.o}.c
			[[ ! -f $f || $f = *_test.c || $f = *_fuzz.c || $f = */docs_gen.c ]] || nm "$o" |
				awk -v f="$f" '$2 ~ /^[bBdD]$/ && $3 !~ /^(\.|__)/ { sub(/\..*/, "", $3); print f, $3 }'
		done
		grep -oE "^[^/*]*\b($calls)\(" "${sources[@]}" /dev/null | grep -vE '_(test|fuzz)\.c:|docs_gen' | sed -E "s/^([^:]+):.*\b($calls)\(\$/\1 \2/"
	} | sort -u | awk -F '|' '
		FNR == NR {
			if (/^#/) next
			split($1, file, " "); n = split($2, w, " ")
			for (i = 1; i <= n; i++) { known[file[1] " " w[i]] = 1 }
			next
		}
		{
			folder = $0; sub(/[^\/]* /, "* ", folder)
			if ($0 in known) seen[$0]; else if (folder in known) seen[folder]
			else print $0 ": of the whole process, and bats/lint/process_wide does not say why"
		}
		END { for (k in known) if (!(k in seen)) print "bats/lint/process_wide: " k " is not there any more" }
	' bats/lint/process_wide - | grep -v '^cmd/\(check\|doctor\|explain\)/.*: of the whole'
}

# A file is what goes under one name, with its header and tests. The commands in cmd/ are one file each.
crowded() {
	printf '%s\n' "${sources[@]}" "${headers[@]}" | grep -vE '^cmd/[^/]*$|_(test|fuzz)\.c$' |
		sed 's,\.[ch]$,,' | sort -u | sed 's,/[^/]*$,,' | uniq -c |
		awk '$1 > 15 { print $2 ": " $1 " files, more than 15" }'
}

scripts() {
	local f
	for f in bats/*.sh bats/*/*.sh bats/*.bash bats/*.bats bats/*/*.bats bats/*/*.bash cmd/*.bash build/hull.bash .ci/run; do
		[ ! -f "$f" ] || echo "$f"
	done
}

shell() {
	local list
	mapfile -t list < <(scripts)
	shellcheck "${list[@]}"
}

formatted() {
	local f
	for f in "${sources[@]}" "${headers[@]}"; do
		clang-format "$f" | diff -q "$f" - >/dev/null || echo "$f: make format"
	done
}

# System headers are not read: cppcheck knows the functions from its libraries. It does not know that the cleanup
# attribute closes and frees, so leaks are left to gcc's analyzer, which does.
static_check() {
	mkdir -p build/lint/cppcheck
	cppcheck -q -j "$(nproc)" --enable=warning,portability --std=c11 --error-exitcode=1 --inline-suppr \
		--cppcheck-build-dir=build/lint/cppcheck --library=posix,gnu -D_GNU_SOURCE -D__linux__ -D__x86_64__ \
		-DHULL_VERSION='""' -DHULL_COMMIT='""' -I. --suppress=missingIncludeSystem \
		--suppress=resourceLeak --suppress=memleak --suppress=memleakOnRealloc \
		--suppressions-list=bats/lint/cppcheck "${sources[@]}"
}

layout() {
	local f
	for f in $(git ls-files 2>/dev/null | cut -d/ -f1 | sort -u); do
		case $f in
		cmd | nsexec | init | state | bats | Makefile | README.md | HACKING.md | LICENSE | .*) ;;
		*) echo "$f does not belong at the top" ;;
		esac
	done
}

commits() { git log --format=%s 2>/dev/null | awk 'length > 72 { print length ": " $0 }'; }

# On 32-bit processors these take 16 bits of an ID, and others of that name 32: sys_setresuid and its kind know which.
short_ids() {
	grep -nE '\bSYS_([gs]et(re|res|fs)?[ug]id|gete[ug]id|[gs]etgroups|[fl]?chown)\b' "${sources[@]}" "${headers[@]}"
}

check "source.pl reads every file" not_found
check "includes go cmd -> init -> nsexec -> state, with the folder" found layers
check "no folder has more than 15 files" crowded
check "fork and clone only in nsexec/" found fork
check "printing and exiting only in cmd/" found print
check "no banned functions" found banned
check "every descriptor is close-on-exec at birth" found cloexec
check "no system call by number that takes IDs of 16 bits" short_ids
check "no // comments" found comments
check "an SPDX tag in the first line" found spdx
check "conditional compilation only in state/base/sys.h" found ifdef
check "nothing else at the top of the tree" layout
check "commit subjects of at most 72 columns" commits
check "the binary is static, stripped and at most 880 KB" binary
check "shellcheck" shell
if [ ${#sources[@]} -gt 0 ]; then
	check "clang-format" formatted
	check "what belongs to a whole process is listed with its reason" process_wide
	check "cppcheck" only_failures static_check
	check "gcc -fanalyzer" only_failures make -s -k -j"$(nproc)" CC="$CC" DEPS="$DEPS" analyze
fi
echo "1..$n"

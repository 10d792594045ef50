#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the tests and counts them; called by the Makefile (make check, unit, lint). Everything speaks TAP. The lanes:
#
#   unit   the programs made from *_test.c          host      bats on the machine's own cgroups
#   lint   bats/lint.sh                             v1        bats on a view without the unified hierarchy
#   fuzz   the programs made from *_fuzz.c          v2        bats on a view with nothing but cgroup2
#                                                   clients   bats/clients: engines in rooms of their own (room.sh)
#                                                   clients-v2   the same on cgroup2 alone, as far as time allows
#
#   vm             bats in a virtual machine: Debian with systemd and nothing but cgroup v2
#   vm-user        there, as an ordinary user with a systemd of his own
#   vm-systemd     there, every hull with --systemd-cgroup
#   vm-hybrid      in one whose systemd has v1, and cgroup2 for itself
#   vm-initramfs   in one without systemd, whose / is an initramfs
#   vm-arm64, vm-armv7, vm-riscv64, vm-old   other processors, and Linux 5.10     vm-small   next to nothing (vm/small.sh)
#   vm-arm64-16k, vm-386   likewise, by hand only     host-386   the binary for 386 on this kernel
#   vm-selinux     in another such one, where SELinux enforces bats/vm/selinux.conf
#
# v1 and v2 are private mount namespaces; the machine's mounts stay as they are. The virtual machines (bats/vm.sh), lint and
# fuzz run beside the other lanes; in a guest this same program runs, with GUEST=1, and prints TAP. A bats file with
# "# lanes: host" (or "host v2") among its first lines runs only there, and one with "# lanes: -v1" everywhere else: what
# knows nothing of cgroups runs once here, and under cgroup v2 in the guests. One with "# by turns: host v2" is in CI in
# one of these a day.
# A guest is slow: unless TESTS says which, it runs the tests that have its lane's name as a tag (bats(7)), vm-board for
# those of other processors; clients-v2 always does so. By default the engines' lanes run where one is installed, and in
# CI, which has the virtual machines, too. Environment:
#
#   HULL     the binary                   LANES   which lanes           UNITS         the unit tests
#   TESTS    which bats files             V=1     show every test       FILE_TIMEOUT  seconds for a file (300)
#   FUZZERS   the fuzzers                FUZZ_TIME   seconds for each (6, and 30 for config.json)
#   DAY, OTHER   in CI: the day since 1970, and the other machine (arm64, armv7, riscv64 or old) whose day it is
#   CI=true or STRICT=1: a skip that bats/skips.txt does not list is a failure
#
# Logs stay in build/check/LANE/. The last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
TOP=$PWD
OUT=$TOP/build/check

# --- Inside a lane: change this mount namespace, then become the command -----------------------------------------------

CANNOT=77 # the exit code of a lane that this machine cannot have

cannot() {
	echo "$*" >&2
	exit "$CANNOT"
}

# Is there a mount of this type at or under /sys/fs/cgroup?
has_cgroup_mount() { awk -v t="$1" '$3 == t && $2 ~ "^/sys/fs/cgroup" { found = 1 } END { exit !found }' /proc/mounts; }

enter_v1() {
	has_cgroup_mount cgroup || cannot "no v1 hierarchy is mounted on this machine"
	while mountpoint -q /sys/fs/cgroup/unified; do
		umount -l /sys/fs/cgroup/unified || cannot "cannot unmount /sys/fs/cgroup/unified"
	done
	! has_cgroup_mount cgroup2 || cannot "cgroup2 is mounted outside /sys/fs/cgroup/unified"
	# crun writes a file cgroup.procs into the directory of that name, whatever it is: it goes with the view.
	[ ! -d /sys/fs/cgroup/unified ] || mount -t tmpfs none /sys/fs/cgroup/unified || cannot "cannot mount a tmpfs"
}

enter_v2() {
	if has_cgroup_mount cgroup; then
		while mountpoint -q /sys/fs/cgroup; do
			umount -R -l /sys/fs/cgroup || cannot "cannot unmount /sys/fs/cgroup"
		done
		mount -t cgroup2 none /sys/fs/cgroup || cannot "cannot mount cgroup2"
	fi
	has_cgroup_mount cgroup2 || cannot "no cgroup2 on this machine"
}

if [ "${1:-}" = --inside ]; then
	lane=$2
	shift 2
	"enter_$lane"
	exec "$@"
fi

# The words to put before a command that is to run in a lane; all of them exec, so that $! is the command.
lane_prefix() {
	case $1 in
	v1 | v2) prefix=(unshare -m --propagation private -- "$TOP/bats/run-tests.sh" --inside "$1") ;;
	clients) prefix=("$TOP/bats/clients/room.sh") ;;
	clients-v2) prefix=(env ROOM_VIEW=v2 "$TOP/bats/clients/room.sh") ;;
	*) prefix=() ;;
	esac
}

in_lane() {
	local prefix
	lane_prefix "$1"
	shift
	"${prefix[@]}" "$@"
}

# --- Settings ----------------------------------------------------------------------------------------------------------

: "${HULL:=$TOP/build/hull}" "${UNITS:=}" "${FUZZERS:=}" "${TESTS:=}" "${LANES:=}" "${V:=0}" "${SAN:=0}"
: "${FILE_TIMEOUT:=300}" "${BATS_TEST_TIMEOUT:=60}" "${GUEST:=0}"
export HULL BATS_TEST_TIMEOUT
GUEST_LANES="vm vm-user vm-systemd vm-hybrid vm-initramfs vm-selinux vm-small"
OTHER_LANES="vm-arm64 vm-armv7 vm-riscv64 vm-old vm-arm64-16k vm-386" # in CI one of the first four, OTHER
: "${DAY:=}" "${OTHER:=}"
day=
strict=0
if [ "${CI:-}" = true ] || [ "${STRICT:-}" = 1 ]; then
	strict=1
fi
if [ -z "$LANES" ]; then
	LANES="unit lint fuzz host v1 v2"
	[ "$SAN" != 1 ] || LANES="unit host v1 v2" # lint is about the other binary
	[ -z "$TESTS" ] || LANES="host v1 v2"
	if [ "$SAN" != 1 ] && { [ "${CI:-}" = true ] || command -v containerd podman dockerd >/dev/null; }; then
		LANES+=" clients clients-v2"
	fi
	if [ "$SAN" != 1 ] && [ "${CI:-}" = true ]; then
		# One of the other machines a day, and in the guests a third of what has run on the host.
		LANES+=" unit-386 host-386 $GUEST_LANES vm-$OTHER"
		[ "$OTHER" = old ] || LANES+=" unit-$OTHER"
		day=$DAY
	fi
fi
chosen=1
[ -n "$TESTS" ] || chosen=0 TESTS=$(printf '%s\n' bats/*.bats bats/clients/*.bats)
export LC_ALL=C.UTF-8 TZ=UTC
unset MAKEFLAGS MFLAGS MAKELEVEL

n_passed=0 n_failed=0 n_skipped=0
failures=() skips=()
job='' guests='' guests_status=0 aside=''

# Only the group that timeout(1) made for the running test: whatever else runs here is not ours.
trap 'kill -TERM $job $guests $aside 2>/dev/null; echo "interrupted" >&2; exit 130' INT TERM

if [ -t 1 ]; then
	red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
	red='' green='' plain=''
fi

# --- Counting ----------------------------------------------------------------------------------------------------------

# tap VERDICT TITLE [OUTPUT]
tap() {
	printf '%s %d - %s\n' "$1" $((n_passed + n_failed + n_skipped)) "$2"
	[ -z "${3:-}" ] || printf '%s\n' "$3" | sed 's/^/# /'
}

plan() { echo "1..$((n_passed + n_failed + n_skipped))"; }

# In a guest what is counted is printed as TAP, for the run-tests.sh outside to count again.
pass() {
	n_passed=$((n_passed + 1))
	[ "$GUEST" != 1 ] || tap ok "$2"
	[ "$V" != 1 ] || printf '  %sok%s    %s: %s\n' "$green" "$plain" "$1" "$2"
}

# fail LANE TITLE [OUTPUT]
fail() {
	n_failed=$((n_failed + 1))
	failures+=("$1: $2"$'\n'"$(head -n 15 <<<"${3:-}" | cut -c 1-300 | sed 's/^/        /')")
	if [ "$GUEST" = 1 ]; then
		tap "not ok" "$2" "${3:-}"
		return
	fi
	printf '  %sFAIL  %s: %s%s\n' "$red" "$1" "$2" "$plain"
	[ -z "${3:-}" ] || printf '%s\n' "$3" | sed 's/^/        /'
}

# skip LANE TITLE REASON
skip() {
	if [ "$GUEST" = 0 ] && [ "$strict" = 1 ] && ! skip_expected "$1" "$2"; then
		fail "$1" "$2" "skipped, and bats/skips.txt does not expect it: $3"
		return
	fi
	n_skipped=$((n_skipped + 1))
	[ "$GUEST" != 1 ] || tap ok "$2 # SKIP $3"
	skips+=("$1: $2 ($3)")
	[ "$V" != 1 ] || printf '  skip  %s: %s (%s)\n' "$1" "$2" "$3"
}

# A line of skips.txt: LANE glob | TITLE glob | the reason, for the reader
skip_expected() {
	local lane title reason
	while IFS='|' read -r lane title reason; do
		lane=${lane//[[:space:]]/}
		title=${title#"${title%%[![:space:]]*}"}
		title=${title%"${title##*[![:space:]]}"}
		# shellcheck disable=SC2053 # they are globs
		if [[ $lane && $lane != \#* && ${reason// /} && $1 == $lane && $2 == $title ]]; then
			return 0
		fi
	done <bats/skips.txt
	return 1
}

# Counts the TAP in a file. What follows a "not ok" up to the next result belongs to it.
count_tap() {
	local lane=$1 log=$2 line verdict='' title='' reason='' text='' planned='' n=0 rest
	finish() {
		case $verdict in
		ok) pass "$lane" "$title" ;;
		skip) skip "$lane" "$title" "$reason" ;;
		fail) fail "$lane" "$title" "$text" ;;
		esac
		verdict='' text=''
	}
	while IFS= read -r line || [ -n "$line" ]; do
		if [[ $line =~ ^(not )?ok\ [0-9]+\ *(-\ )?(.*)$ ]]; then
			finish
			n=$((n + 1))
			rest=${BASH_REMATCH[3]}
			verdict=${BASH_REMATCH[1]:+fail}
			verdict=${verdict:-ok}
			title=$rest
			if [[ $verdict = ok && $rest =~ ^(.*[^ ])\ *#\ *[sS][kK][iI][pP]\ *(.*)$ ]]; then
				verdict=skip title=${BASH_REMATCH[1]} reason=${BASH_REMATCH[2]:-no reason given}
			fi
		elif [[ $line =~ ^1\.\.([0-9]+) ]]; then
			planned=${BASH_REMATCH[1]}
		else
			text+=${text:+$'\n'}$line
		fi
	done <"$log"
	finish
	tap_results=$n tap_planned=$planned
}

# run_tap LANE NAME SECONDS COMMAND...: runs a TAP producer with its output in a file, so that nobody who inherits its
# stdout can make us wait, and counts what it said.
run_tap() {
	local lane=$1 name=$2 seconds=$3 rc before=$n_failed start=$EPOCHREALTIME
	local log=$OUT/$lane/${name//\//_}.tap passed=$n_passed skipped=$n_skipped ms prefix
	shift 3
	mkdir -p "$OUT/$lane"
	lane_prefix "$lane"
	"${prefix[@]}" timeout -k 10 "$seconds" "$@" >"$log" 2>&1 </dev/null 9>&- &
	job=$!
	wait "$job"
	rc=$?
	job=
	count_tap "$lane" "$log"
	if [ "$rc" = 124 ] || [ "$rc" = 137 ]; then
		fail "$lane" "$name" "no end after $seconds s, with $tap_results of ${tap_planned:-?} tests done: killed.
Does a process that a test left keep descriptor 1 or 3 open (bats waits for that)? The log is $log:
$(tail -n 5 "$log")"
	elif [ "$tap_results" != "${tap_planned:-$tap_results}" ]; then
		fail "$lane" "$name" "ended (status $rc) after $tap_results of $tap_planned tests:
$(tail -n 40 "$log")"
	elif [ "$tap_results" = 0 ] && [ "$tap_planned" != 0 ]; then
		fail "$lane" "$name" "no TAP (status $rc): $(tail -n 40 "$log")"
	elif [ "$rc" != 0 ] && [ "$n_failed" = "$before" ]; then
		fail "$lane" "$name" "exit status $rc, though no test failed:
$(tail -n 40 "$log")"
	fi
	ms=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
	echo "$ms $lane $name" >>"$OUT/times"
	[ "$GUEST" != 1 ] || printf '# '
	printf '%-12s %-28s %4d ok %3d failed %3d skipped %5d.%d s\n' "$lane" "$name" $((n_passed - passed)) \
		$((n_failed - before)) $((n_skipped - skipped)) $((ms / 1000)) $((ms % 1000 / 100))
}

# --- What tests leave behind ---------------------------------------------------------------------------------------------

# Prints what hull or a test may leave on the machine, a line for each thing, as the lane sees it. systemd keeps slices.
leftovers() {
	local lane=$1
	[[ $lane != clients* ]] || lane=host # where the rooms' own cgroups are
	in_lane "$lane" find /sys/fs/cgroup -mindepth 1 -type d \( -name 'hull*' -o -name 'test*' -o -name 'bats*' \) ! -name '*.slice' \
		-printf 'cgroup %p\n' 2>/dev/null
	find /run/hull -mindepth 1 -maxdepth 1 -printf 'state %p\n' 2>/dev/null
	awk '$2 ~ "/rootfs|/hull|/bats-run" { print "mount " $2 }' /proc/mounts
	local id p
	id=$(stat -c %d:%i "$HULL" 2>/dev/null) || return 0
	for p in /proc/[0-9]*; do
		if [ "$(stat -L -c %d:%i "$p/exe" 2>/dev/null)" = "$id" ]; then
			printf 'process %s %s\n' "${p#/proc/}" "$(tr '\0' ' ' <"$p/cmdline" 2>/dev/null)"
		fi
	done
}

check_leftovers() {
	local lane=$1 before=$2 new
	for _ in 1 2 3 4; do # the last processes may still be on their way out
		new=$(comm -13 <(sort -u <<<"$before") <(leftovers "$lane" | sort -u))
		[ -n "$new" ] || break
		sleep 0.5
	done
	if [ -z "$new" ]; then
		pass "$lane" "the tests leave nothing behind"
	else
		fail "$lane" "the tests leave nothing behind" "$new"
	fi
}

# --- The lanes -----------------------------------------------------------------------------------------------------------

# The files of $TESTS that are a lane's own.
files_of_lane() {
	local file lanes turns
	for file in $TESTS; do
		case $1:$file in
		clients*:*bats/clients/*) ;;
		clients*:* | *:*bats/clients/*) continue ;;
		esac
		lanes=$(sed -n '1,10s/^# lanes: *//p' "$file" 2>/dev/null)
		turns=()
		[ -z "$day" ] || read -ra turns < <(sed -n '1,10s/^# by turns: *//p' "$file")
		if [[ " ${turns[*]} " = *" $1 "* && ${turns[day % ${#turns[@]}]} != "$1" ]]; then
			continue
		fi
		case " $lanes " in
		"  " | *" $1 "*) echo "$file" ;;
		*" -$1 "*) ;;
		*" -"*) echo "$file" ;;
		esac
	done
}

run_bats_lane() {
	local lane=$1 file files before reason tags=() tag=$1 together=() bats=(bats --tap --print-output-on-failure)
	case $lane in vm-arm64* | vm-armv7 | vm-riscv64 | *-386) tag=vm-board ;; esac
	mapfile -t files < <(files_of_lane "$lane")
	[ ${#files[@]} -gt 0 ] || return
	if ! reason=$(in_lane "$lane" true 2>&1); then
		skip "$lane" "the whole lane" "${reason:-cannot enter it}"
		return
	fi
	export HULL_LANE=$lane
	before=$(leftovers "$lane")
	[ -z "$before" ] || printf 'here before the tests of lane %s:\n%s\n' "$lane" "$before"
	for file in "${files[@]}"; do
		if [ ! -f "$file" ]; then
			fail "$lane" "$file" "no such file"
			continue
		fi
		if [ "$chosen" = 0 ] && [[ $GUEST = 1 || $lane = clients-v2 || $lane = host-386 ]]; then
			grep -qE "^# bats (file|test)_tags=.*\b$tag(,|\$)" "$file" || continue
			tags=(--filter-tags "$tag")
		fi
		if [ "$GUEST" = 1 ]; then
			together+=("$file")
		else
			run_tap "$lane" "$(basename "$file")" "$FILE_TIMEOUT" "${bats[@]}" "${tags[@]}" "$file"
		fi
	done
	# An emulated bats takes three seconds to begin: one for all files.
	[ ${#together[@]} = 0 ] ||
		run_tap "$lane" bats $((FILE_TIMEOUT * ${#together[@]})) "${bats[@]}" "${tags[@]}" "${together[@]}"
	check_leftovers "$lane" "$before"
}

# The seeds in bats/fuzz are only read; new inputs go to build/fuzz/corpus, what is found to build/fuzz/found.
run_fuzzer() {
	local name seconds log seeds=() start=$SECONDS
	name=$(basename "$1" _fuzz)
	seconds=${FUZZ_TIME:-6} log=$OUT/fuzz/$name.log
	if [ "$name" = spec ]; then
		seconds=${FUZZ_TIME:-30}
		seeds=(bats/bad)
	fi
	[ ! -d "bats/fuzz/$name" ] || seeds+=("bats/fuzz/$name")
	mkdir -p "$OUT/fuzz" "build/fuzz/corpus/$name" build/fuzz/found
	if ASAN_OPTIONS=detect_leaks=1 timeout $((seconds * 2 + 60)) "$1" -max_total_time="$seconds" -timeout=5 \
		-rss_limit_mb=1024 -artifact_prefix="build/fuzz/found/$name-" "build/fuzz/corpus/$name" "${seeds[@]}" \
		>"$log" 2>&1; then
		pass fuzz "$name"
		[ "$GUEST" != 1 ] || printf '# '
		printf '%-5s %-30s %s, %s of %s edges\n' fuzz "$name" "$(grep -a '^Done' "$log")" \
			"$(grep -ao 'cov: [0-9]*' "$log" | tail -n 1)" "$(sed -n 's/.*PC tables (\([0-9]*\) PCs).*/\1/p' "$log")"
	else
		fail fuzz "$name" "$(tail -n 60 "$log")"
	fi
	echo "$(((SECONDS - start) * 1000)) fuzz $name" >>"$OUT/times"
}

# --- Virtual machines ----------------------------------------------------------------------------------------------------

# Which of the lanes that run in a guest are asked for.
guests_of() {
	local lane
	for lane in $1; do
		[[ " $GUEST_LANES $OTHER_LANES " != *" $lane "* ]] || echo "$lane"
	done
}

start_guests() {
	local lanes
	mapfile -t lanes < <(guests_of "$LANES")
	[ ${#lanes[@]} -gt 0 ] || return 0
	mkdir -p "$OUT/vm"
	local chosen_tests=
	[ "$chosen" = 0 ] || chosen_tests=$TESTS
	DAY=$day TESTS=$chosen_tests BATS_TEST_TIMEOUT=$((BATS_TEST_TIMEOUT * 3)) bats/vm.sh "$OUT/vm" "${lanes[@]}" >"$OUT/vm/log" 2>&1 </dev/null 9>&- &
	guests=$!
}

# What a guest said about a lane, once all guests have ended.
collect_guest() {
	local lane=$1 log=$OUT/$1/guest.tap
	if [ -n "$guests" ]; then
		echo "waiting for the virtual machines"
		wait "$guests"
		guests_status=$?
		guests=
	fi
	if [ "$guests_status" = "$CANNOT" ]; then
		skip "$lane" "the whole lane" "$(tail -n 1 "$OUT/vm/log")"
		return
	fi
	mkdir -p "$OUT/$lane"
	find "$OUT/vm" -name '*.results' -exec awk -v lane="$lane" 'FNR == 1 { on = 0 }
		$0 == "# lane " lane " begins" { on = 1 }
		on
		$0 == "# lane " lane " ends" { on = 0 }' {} + >"$log"
	count_tap "$lane" "$log"
	sed -n "s/^# \($lane .* s\)\$/\1/p" "$log" | tee >(awk '{ print $(NF - 1) * 1000, $1, $2 }' >>"$OUT/times")
	if ! grep -q "^# lane $lane ends" "$log"; then
		fail "$lane" "the whole lane" "the guest ended after $tap_results tests:
$(tail -n 20 "$log" "$OUT/vm/log" "$OUT"/vm/*.console)"
	else
		all_there "$lane" "$log"
	fi
}

# all_there LANE LOG: what was just counted is all that was planned.
all_there() {
	if [ "$tap_results" != "$tap_planned" ] || [ "$tap_results" = 0 ]; then
		fail "$1" "the whole lane" "$tap_results results of ${tap_planned:-?}: $(tail -n 20 "$2")"
	fi
}

# lint and fuzz need nothing of the machine but its second processor: with lanes that do, they run beside them, as guests
# do, and are counted when they have ended.
start_aside() {
	local lane lanes=() others=()
	for lane in $LANES; do
		case $lane in
		lint | fuzz) lanes+=("$lane") ;;
		*) others+=("$lane") ;;
		esac
	done
	if [ ${#lanes[@]} = 0 ] || [ ${#others[@]} = 0 ] || [ "$(nproc)" = 1 ]; then
		return
	fi
	LANES="${others[*]} ${lanes[*]}"
	run_aside "${lanes[@]}" </dev/null 9>&- &
	aside=$!
}

# In a process of its own, which says TAP as a guest does.
run_aside() {
	local lane
	trap 'kill -TERM $job 2>/dev/null; exit 143' TERM
	renice -n 5 "$BASHPID" >/dev/null
	GUEST=1
	for lane; do
		n_passed=0 n_failed=0 n_skipped=0
		{ run_lane "$lane"; plan; } >"$OUT/$lane.tap"
	done
}

collect_aside() {
	local log=$OUT/$1.tap
	wait "$aside"
	count_tap "$1" "$log"
	sed -n "s/^# \($1 .*\)\$/\1/p" "$log"
	all_there "$1" "$log"
}

# Unit tests of another architecture by qemu-user, which has neither seccomp(2) nor clone3(2): two are left to guests. In
# a PID namespace of their own, for an emulated call may fail where a test does not expect it. A kernel for x86_64 runs
# what is 386's by itself.
run_board() {
	local qemu u
	case $1 in
	arm64) qemu="qemu-aarch64-static" ;;
	armv7) qemu="qemu-arm-static" ;;
	386) qemu="env" ;;
	*) qemu="qemu-$1-static" ;;
	esac
	if ! command -v "$qemu" >/dev/null || [ ! -d "build/$1/test" ]; then
		fail "unit-$1" "the whole lane" "no $qemu, or no build/$1 (make check-boards)"
		return
	fi
	for u in $UNITS; do
		u=${u#*/test/}
		[[ $qemu != env && ($u == init/seccomp/seccomp_test || $u == state/cgroup/cgroup_test) ]] ||
			run_tap "unit-$1" "$u" 120 unshare -pfm --mount-proc --kill-child "$qemu" "build/$1/test/$u"
	done
}

run_lint() { run_tap lint lint 900 bats/lint.sh; }

run_fuzz() {
	local fuzzer
	for fuzzer in $FUZZERS; do run_fuzzer "$fuzzer"; done
}

run_lane() {
	local u
	case $1 in
	unit) for u in $UNITS; do run_tap unit "${u#*/test/}" 120 "$u"; done ;;
	unit-*) run_board "${1#unit-}" ;;
	lint | fuzz) if [ -n "$aside" ]; then collect_aside "$1"; else "run_$1"; fi ;;
	host | v1 | v2 | clients | clients-v2) run_bats_lane "$1" ;;
	host-386) HULL=$TOP/build/386/hull run_bats_lane "$1" ;;
	vm*) if [ "$GUEST" = 1 ]; then run_bats_lane "$1"; else collect_guest "$1"; fi ;;
	*) fail "$1" "the whole lane" "no such lane: unit lint fuzz host v1 v2 host-386 clients clients-v2 $GUEST_LANES $OTHER_LANES" ;;
	esac
}

# Where the time went: lanes, and the slowest files. Guests and boards run beside the others.
report_times() {
	[ -s "$OUT/times" ] || return
	awk '{ t[$2] += $1 } END { for (l in t) printf "%d %s\n", t[l] / 1000, l }' "$OUT/times" | sort -rn |
		awk '{ printf "%s%s %d s", (NR > 1 ? ", " : "lanes: "), $2, $1 } END { print "" }'
	sort -rn "$OUT/times" | awk 'NR <= 10 { printf "%s%s %s %d s", (NR > 1 ? ", " : "slowest: "), $2, $3, $1 / 1000 } END { print "" }'
	echo "in all: $((SECONDS / 60)) min $((SECONDS % 60)) s"
}

# One check at a time on a machine: two would find each other's containers. Those in guests are out of reach.
mkdir -p "$OUT"
lock=/run/hull-check.lock
if [ ! -w /run ] || [[ " $LANES" != *" "[!v]* && " $LANES" != *" v"[!m]* ]]; then
	lock=$TOP/build/check.lock
fi
exec 9>"$lock"
if ! flock -n 9; then
	echo "waiting for another check on this machine"
	flock 9
fi
# Of these lanes alone: virtual machines may be at work beside us, with a lock of their own.
rm -f "$OUT/summary" "$OUT/times"
for lane in $LANES $([ -z "$(guests_of "$LANES")" ] || echo vm); do
	rm -rf "${OUT:?}/$lane"
done

if [ "$GUEST" != 1 ]; then
	start_guests
	start_aside
fi
for lane in $LANES; do
	run_lane "$lane"
done
if [ "$GUEST" = 1 ]; then
	plan
	exit 0
fi

report_times
if [ ${#skips[@]} -gt 0 ]; then
	echo "skipped:"
	printf '  %s\n' "${skips[@]}"
fi
if [ ${#failures[@]} -gt 0 ]; then
	# Once more, with how each began: of a long log often only the end is at hand.
	echo "failed:"
	printf '  %s\n' "${failures[@]}"
fi
status=0
if [ "$n_failed" -gt 0 ]; then
	status=1
elif [ "$n_passed" = 0 ]; then
	echo "no test ran"
	status=1
fi
echo "$n_passed passed, $n_failed failed, $n_skipped skipped" | tee "$OUT/summary"
exit "$status"

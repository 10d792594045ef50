#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# hull against crun, runc and a floor program (floor.c), in the host's cgroups and in v1 and v2 views of them; run by
# "make bench" as root. Prints tables, which stay in build/bench.md with charts in build/bench.svg and build/scale.svg,
# and checks the targets. Only ratios within one session mean something: the runtimes take turns (time.c), the machine's noise hits all.
#
#   HULL            the binary                             BENCH_N       back-to-back runs of each command (40);
#   CRUN            another crun than that in PATH                       half as many of those with pauses
#   BENCH_VIEWS     which of "host v1 v2"
#   BENCH_STRICT=0  a missed target is only a warning      BENCH_OTHERS  how many containers "among others" is (1000)
set -euo pipefail
cd "$(dirname "$0")/../.."
TOP=$PWD
OUT=$TOP/build/bench
: "${HULL:=$TOP/build/hull}" "${BENCH_N:=40}" "${BENCH_VIEWS:=host v1 v2}" "${BENCH_STRICT:=1}" "${BENCH_OTHERS:=1000}" "${CRUN:=crun}"
export HULL CRUN LC_ALL=C.UTF-8
RUNTIMES="floor hull crun runc"
BURST=4 PAUSE=200 SHORT_PAUSE=50

die() {
	printf 'bench: %s\n' "$*" >&2
	exit 2
}

# --- Inside a view: a mount namespace of its own ------------------------------------------------------------------------

# The command of a runtime, into the array "rt".
runtime() {
	local program=$1
	[ "$1" != hull ] || program=$HULL
	[ "$1" != crun ] || program=$CRUN
	rt=("$program" --root "$BENCH_WORK/state/$1")
}

record() {
	local IFS=$'\t'
	printf '%s\n' "$*" >>"$BENCH_WORK/results"
}

# Into v2_dir ("-": none) and v1_dirs, where hull would put a container of this name.
floor_dirs() {
	local name=$1 line controllers own dir
	v2_dir=- v1_dirs=()
	while IFS= read -r line; do
		controllers=${line#*:} own=${line#*:*:}
		controllers=${controllers%%:*} own=${own%/}
		dir=/sys/fs/cgroup/${controllers#name=}
		if [ -n "$controllers" ]; then
			[ "$view" = v2 ] || [ ! -d "$dir$own" ] || v1_dirs+=("$dir$own/$name")
		elif [ "$view" = v2 ]; then
			v2_dir=/sys/fs/cgroup${own%/*}/$name
		elif [ -e /sys/fs/cgroup/unified/cgroup.procs ]; then
			v2_dir=/sys/fs/cgroup/unified$own/$name
		fi
	done </proc/self/cgroup
}

# configure BUNDLE ARGS...: the default bundle with other args. It has a cgroup namespace on v2 only, as with "runc spec";
# Debian's crun knows the versions 1.0 of the specification only.
configure() {
	local bundle=$1 spec
	shift
	mkdir -p "$bundle"
	rm -f "$bundle/config.json"
	"$HULL" spec --bundle "$bundle" 2>/dev/null || runc spec --bundle "$bundle"
	spec=$(jq --arg root "$BENCH_WORK/rootfs" --arg view "$view" '.ociVersion = "1.0.2" | .process.terminal = false
		| .process.args = $ARGS.positional | .root.path = $root
		| .linux.namespaces |= map(select(.type != "cgroup"))
			+ if $view == "v2" then [{type: "cgroup"}] else [] end' \
		"$bundle/config.json" --args "$@")
	printf '%s\n' "$spec" >"$bundle/config.json"
}

# Runs what the arrays "commands" hold, back to back and paced, and records the times as those of $1.
measure() {
	local what=$1 pace=$2 settings line
	settings=("$(((BENCH_N + BURST - 1) / BURST))" "$BURST" 0)
	[ "$pace" = 0 ] || settings=("$(((BENCH_N + 1) / 2))" 0 "$pace")
	[ ${#commands[@]} -gt 0 ] || return 0
	printf '  %-8s%s: %s, %s\n' BENCH "$view" "$what" "$(pace_name "$pace")" >&2
	"$OUT/time" run "${settings[@]}" "${commands[@]}" >"$BENCH_WORK/times"
	while IFS= read -r line; do
		record time "$view" "$what" "$pace" "$line"
	done <"$BENCH_WORK/times"
}

# peak RUNTIME WHAT COMMAND...: the program that needed most
peak() {
	local name=$1 what=$2
	shift 2
	"$OUT/time" peak "$BENCH_WORK/rootfs/bin/busybox" -- "$@" >"$BENCH_WORK/peaks" 2>"$BENCH_WORK/error" ||
		die "$name $what fails under ptrace: $(cat "$BENCH_WORK/error")"
	record peak "$view" "$what" "$name" "$(sort -n "$BENCH_WORK/peaks" | tail -n 1)"
}

# What is charged to a cgroup that the runtime, its children and the container are in: the median of 7 runs. The kernel
# charges 64 pages at a time and processor, so that this is no finer.
measure_charge() {
	local dir=/sys/fs/cgroup/memory/$ID-charge file=memory.max_usage_in_bytes command
	[ "$view" != v2 ] || { dir=/sys/fs/cgroup/$ID-charge file=memory.peak; }
	configure "$BENCH_WORK/charge" /bin/true
	jq --arg path "/$ID-charge/c" '.linux.cgroupsPath = $path' "$BENCH_WORK/charge/config.json" >"$BENCH_WORK/charge.json"
	mv "$BENCH_WORK/charge.json" "$BENCH_WORK/charge/config.json"
	runtime "$1"
	command=("${rt[@]}" run --bundle "$BENCH_WORK/charge" "$ID-$1-charge")
	# Its memory cgroup is to be below ours, too.
	[ "$1" != floor ] || command=("${floor_run[@]/#\/sys\/fs\/cgroup\/memory\/*/$dir/floor}")
	for _ in {1..7}; do
		mkdir -p "$dir"
		# shellcheck disable=SC2016 # they are of the inner shell
		if [ -e "$dir/$file" ] && sh -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' "$dir" "${command[@]}" >/dev/null; then
			echo "$(($(cat "$dir/$file") / 1024))"
		fi
		# What crun writes where there is no cgroup goes with the view.
		find /sys/fs/cgroup -depth -type d -path "*/$ID-charge*" -exec rmdir {} + 2>/dev/null || true
	done | sort -n | sed -n 4p >"$BENCH_WORK/charge.kb"
	[ ! -s "$BENCH_WORK/charge.kb" ] || record charge "$view" run "$1" "$(cat "$BENCH_WORK/charge.kb")"
}

# The processes of a cgroup, which may be gone by now.
kill_all() { { cat "$1/cgroup.procs" 2>/dev/null || true; } | xargs -r kill -KILL 2>/dev/null || true; }

clean_view() {
	local r d name
	trap - EXIT
	runtime hull
	"${rt[@]}" list -q | grep -F "$ID-other-" | xargs -r -P 4 -n 1 "${rt[@]}" delete --force || true
	for r in $RUNTIMES; do
		runtime "$r"
		for name in "$ID-$r" "$ID-$r-exec"; do
			[ "$r" = floor ] || "${rt[@]}" delete --force "$name" >/dev/null 2>&1 || true
		done
	done
	# What is left is in cgroups that have this session's name.
	while IFS= read -r d; do
		kill_all "$d"
		timeout 5 sh -c 'until rmdir "$1" 2>/dev/null || [ ! -d "$1" ]; do sleep 0.05; done' sh "$d" || true
	done < <(find /sys/fs/cgroup -depth -type d -name "$ID-*" 2>/dev/null)
	umount -l "$BENCH_WORK/state"
}

# Starts the container that exec goes into. What a runtime says when it cannot is in $BENCH_WORK/error.
start_sleeper() {
	local pid=
	if [ "$1" != floor ]; then
		"${rt[@]}" run --detach --bundle "$BENCH_WORK/sleep" "$ID-$1-exec" \
			</dev/null >/dev/null 2>"$BENCH_WORK/error"
		return
	fi
	floor_dirs "$ID-floor-exec"
	"$OUT/floor" run "$BENCH_WORK/rootfs" 3600 "$v2_dir" "${v1_dirs[@]}" </dev/null >/dev/null 2>&1 &
	local dirs=("${v1_dirs[@]}" "$v2_dir")
	for _ in {1..100}; do
		sleep 0.05
		pid=$(cat "${dirs[0]}/cgroup.procs" 2>/dev/null || true)
		[ -z "$pid" ] || [ "$(cat "/proc/$pid/comm")" != sleep ] || break
	done
	[ -n "$pid" ] || die "the floor did not start its container"
	floor_exec=("$OUT/floor" exec "$pid" "$v2_dir" "${v1_dirs[@]}")
}

# measure_crowd WHERE: what is measured without and with many other containers
measure_crowd() {
	commands=("${creates[@]}")
	measure "create$1" "$SHORT_PAUSE"
	commands=("${execs[@]}")
	[ -z "$1" ] || measure "exec$1" "$PAUSE"
	commands=("${deletes[@]}")
	measure "delete$1" "$SHORT_PAUSE"
}

inside() {
	view=$1
	local r reason runs=() execs=() lives=() creates=() deletes=() usable=() commands
	mkdir -p "$BENCH_WORK/state"
	mount -t tmpfs bench "$BENCH_WORK/state" # as /run is
	ID=hull-bench-$$
	trap clean_view EXIT
	trap 'exit 130' INT TERM
	configure "$BENCH_WORK/true" /bin/true
	configure "$BENCH_WORK/sleep" /bin/sleep 3600

	floor_dirs "$ID-floor"
	local floor_run=("$OUT/floor" run "$BENCH_WORK/rootfs" 0 "$v2_dir" "${v1_dirs[@]}") floor_exec
	local floor_create=("$OUT/floor" create "$BENCH_WORK/rootfs" 3600 "$v2_dir" "${v1_dirs[@]}")
	local floor_delete=("$OUT/floor" delete "$v2_dir" "${v1_dirs[@]}")
	for r in $RUNTIMES; do
		runtime "$r"
		if ! start_sleeper "$r"; then
			reason=$(tail -n 1 "$BENCH_WORK/error")
			[ "$r" != hull ] || die "hull cannot run a container in the $view view: $reason"
			record skip "$view" "$r" "${reason:-it failed without a word}"
			continue
		fi
		usable+=("$r")
		if [ "$r" = floor ]; then
			runs+=(-- least "$OUT/floor" least "${floor_run[@]:1}" -- floor "${floor_run[@]}")
			execs+=(-- least "$OUT/floor" least "${floor_exec[@]:1}" -- floor "${floor_exec[@]}")
			creates+=(-- floor "${floor_create[@]}" +- "${floor_delete[@]}")
			deletes+=(-- floor "${floor_create[@]}" -+ "${floor_delete[@]}")
			continue
		fi
		runs+=(-- "$r" "${rt[@]}" run --bundle "$BENCH_WORK/true" "$ID-$r")
		execs+=(-- "$r" "${rt[@]}" exec "$ID-$r-exec" /bin/true)
		lives+=(-- "$r" "${rt[@]}" create --bundle "$BENCH_WORK/true" "$ID-$r" + "${rt[@]}" start "$ID-$r"
			++ "${rt[@]}" delete "$ID-$r")
		creates+=(-- "$r" "${rt[@]}" create --bundle "$BENCH_WORK/true" "$ID-$r" +- "${rt[@]}" delete --force "$ID-$r")
		deletes+=(-- "$r" "${rt[@]}" create --bundle "$BENCH_WORK/true" "$ID-$r" -+ "${rt[@]}" delete --force "$ID-$r")
	done

	commands=("${runs[@]}")
	measure run 0
	measure run "$PAUSE"
	commands=("${execs[@]}")
	measure exec 0
	measure exec "$PAUSE"
	commands=("${lives[@]}")
	measure create+start+delete 0
	measure_crowd ""
	for r in "${usable[@]}"; do
		runtime "$r"
		if [ "$r" = floor ]; then
			peak floor run "${floor_run[@]}"
			peak floor exec "${floor_exec[@]}"
		else
			peak "$r" run "${rt[@]}" run --bundle "$BENCH_WORK/true" "$ID-$r"
			peak "$r" exec "${rt[@]}" exec "$ID-$r-exec" /bin/true
		fi
	done
	for r in "${usable[@]}"; do
		measure_charge "$r"
	done
	if [ "$view" = v2 ]; then
		runtime hull
		strace -f -c -o "$OUT/syscalls" "${rt[@]}" run --bundle "$BENCH_WORK/true" "$ID-hull"
		record calls "$view" run hull "$(awk '$NF == "total" { print $4 }' "$OUT/syscalls")"
	fi

	runtime hull
	# shellcheck disable=SC2016 # they are of the inner shell
	seq "$BENCH_OTHERS" | xargs -P 4 -I {} sh -c '"$@" </dev/null >/dev/null 2>>"$0" || { c=$?; echo "code $c: $*" >>"$0"; exit 1; }' "$BENCH_WORK/others" \
		"${rt[@]}" create --bundle "$BENCH_WORK/true" "$ID-other-{}" ||
		die "hull cannot create $BENCH_OTHERS containers: $(tail -n 1 "$BENCH_WORK/others")"
	measure_crowd " among $BENCH_OTHERS"
}

pace_name() { if [ "$1" = 0 ]; then echo "back to back"; else echo "$1 ms apart"; fi; }

if [ "${1:-}" = --inside ]; then
	inside "$2"
	exit
fi

# --- Outside ------------------------------------------------------------------------------------------------------------

build() {
	local flags
	# With hull's own flags, asked of the Makefile.
	# shellcheck disable=SC2016 # they are make's
	flags=$(make -s --no-print-directory --eval='flags: ; @echo $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)' flags 2>/dev/null)
	mkdir -p "$OUT"
	for program in floor time; do
		# shellcheck disable=SC2086 # many words
		$flags -o "$OUT/$program" "bats/bench/$program.c"
	done
}

make_rootfs() {
	local applet
	mkdir -p "$BENCH_WORK/rootfs"/{bin,dev,etc,proc,sys,tmp,root}
	cp /bin/busybox "$BENCH_WORK/rootfs/bin/"
	for applet in true sleep sh; do
		ln -s busybox "$BENCH_WORK/rootfs/bin/$applet"
	done
}

measure_views() {
	local view enter status
	for view in $BENCH_VIEWS; do
		enter=()
		[ "$view" = host ] || enter=("$TOP/bats/run-tests.sh" --inside "$view")
		status=0
		unshare -m --propagation private -- "${enter[@]}" "$TOP/bats/bench/run.sh" --inside "$view" || status=$?
		case $status in
		0) ;;
		77) printf 'skip\t%s\tall\tthis machine cannot have the view\n' "$view" >>"$BENCH_WORK/results" ;;
		*) exit "$status" ;;
		esac
	done
}

version_of() { "$1" --version | awk 'NR == 1 { print $NF }'; }

# results has lines of tab-separated fields:
#   time VIEW WHAT PACE RUNTIME MEDIAN P10 P90 CPU RUNS     peak VIEW WHAT RUNTIME KB PROGRAM     charge VIEW WHAT RUNTIME KB
#   skip VIEW RUNTIME REASON                                calls VIEW WHAT RUNTIME NUMBER
report() {
	printf 'Linux %s, %s processors, hull %s, crun %s, runc %s; %s runs of each back to back, %s of those %s ms apart.\n' \
		"$(uname -r)" "$(nproc)" "$(version_of "$HULL")" "$(version_of "$CRUN")" "$(version_of runc)" \
		"$(((BENCH_N + BURST - 1) / BURST * BURST))" "$(((BENCH_N + 1) / 2))" "$PAUSE"
	awk -F '\t' '
	function time(row, r) { return (row, r) in ms ? sprintf("%.2f", ms[row, r]) : "–" }
	function spread(row, r) {
		return (row, r) in ms ? sprintf("%.1f, %.1f, %.1f", low[row, r], high[row, r], cpu[row, r]) : "–"
	}
	function peak(what, r) { return (what, r) in kb ? kb[what, r] : "–" }
	function ratio(row, other) {
		if (!((row, other) in ms) || !((row, "hull") in ms))
			return "–"
		return sprintf("%.2f", ms[row, "hull"] / ms[row, other])
	}
	$1 == "time" {
		row = $2 "|" $3 "|" ($4 ? $4 " ms apart" : "back to back")
		if (!(row in seen)) { seen[row]; rows[++n] = row }
		ms[row, $5] = $6; low[row, $5] = $7; high[row, $5] = $8; cpu[row, $5] = $9
	}
	$1 == "peak" && $5 > kb[$3, $4] { kb[$3, $4] = $5; program[$3, $4] = $6 }
	$1 == "charge" { charge[$2, $4] = $5; charged[$2] }
	$1 == "skip" { skips[++n_skips] = "In the " $2 " view, " $3 " is left out: " $4 "." }
	$1 == "calls" { calls = $5 }
	END {
		split("floor hull crun runc", rt, " ")
		print "\n| cgroups | command | runs | least | floor | **hull** | crun | runc | hull : least | of floor | of crun | of runc |"
		print "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
		for (i = 1; i <= n; i++) {
			split(rows[i], f, "|")
			printf "| %s | %s | %s | %s ", f[1], f[2], f[3], time(rows[i], "least")
			for (r = 1; r <= 4; r++)
				printf("| %s ", rt[r] == "hull" ? "**" time(rows[i], rt[r]) "**" : time(rows[i], rt[r]))
			printf "| %s | %s | %s | %s |\n", ratio(rows[i], "least"), ratio(rows[i], "floor"), ratio(rows[i], "crun"), ratio(rows[i], "runc")
		}
		print "\nMedians of the wall time, in ms. Below: the 10th and the 90th percentile of the wall time, and the"
		print "median of the processor time (user and system, of all processes):"
		print "\n| cgroups | command | runs | floor | hull | crun | runc |\n|---|---|---|--:|--:|--:|--:|"
		for (i = 1; i <= n; i++) {
			split(rows[i], f, "|")
			printf "| %s | %s | %s ", f[1], f[2], f[3]
			for (r = 1; r <= 4; r++)
				printf "| %s ", spread(rows[i], rt[r])
			print "|"
		}
		print "\nPeak memory (VmHWM) of the largest process, in kB:\n\n| command | floor | hull | crun | runc |"
		print "|---|--:|--:|--:|--:|"
		split("run exec", whats, " ")
		for (w = 1; w <= 2; w++) {
			printf "| %s ", whats[w]
			for (r = 1; r <= 4; r++)
				printf "| %s ", peak(whats[w], rt[r])
			print "|"
		}
		for (v in charged) {
			printf "\nCharged to a cgroup that the runtime and the container are in, run, %s view, in kB: floor %s, hull %s, crun %s, runc %s.\n",
				v, charge[v, "floor"], charge[v, "hull"], (v, "crun") in charge ? charge[v, "crun"] : "–", (v, "runc") in charge ? charge[v, "runc"] : "–"
		}
		if (calls)
			printf "\n`strace -f -c hull run` in the v2 view, the program itself included: %d system calls.\n", calls
		for (i = 1; i <= n_skips; i++)
			print "\n" skips[i]
	}' "$BENCH_WORK/results"
}

# build/bench/scale as a table: what one more of each costs, from the least to the most of them.
report_scale() {
	awk -F '\t' '
	{
		if (!($1 in seen)) { seen[$1]; curves[++n] = $1; first[$1] = $2 }
		last[$1] = $2; ms[$1, $2, $3] = $4
	}
	function cost(c, r) {
		return (c, last[c], r) in ms ? sprintf("%.1f", 1000 * (ms[c, last[c], r] - ms[c, first[c], r]) / (last[c] - first[c])) : "–"
	}
	END {
		print "\n| how the time grows (v2) | from, to | floor | hull | crun |\n|---|---|--:|--:|--:|"
		for (i = 1; i <= n; i++) {
			c = curves[i]
			printf "| %s | %d, %d | %s | **%s** | %s |\n", c, first[c], last[c], cost(c, "floor"), cost(c, "hull"), cost(c, "crun")
		}
		print "\nWhat one more of them adds, in µs."
	}' "$OUT/scale"
}

# One line for each curve that is too steep: beside the floor, beside crun, or beside its own first half.
missed_scale() {
	awk -F '\t' '
	function slope(c, r, a, b) { return 1000 * (ms[c, b, r] - ms[c, a, r]) / (b - a) }
	function limit(c, other, times) {
		# Half a microsecond is nothing.
		if (!((c, last, other) in ms) || slope(c, "hull", low[c], last) <= times * slope(c, other, low[c], last) + 0.5)
			return
		printf("%s: one more costs hull %.1f µs, and %s %.1f; the limit is %.2f of it\n", c, slope(c, "hull", low[c], last), other,
			slope(c, other, low[c], last), times)
	}
	{
		if (!($1 in seen)) { seen[$1]; curves[++n] = $1; low[$1] = $2 }
		ms[$1, $2, $3] = $4; points[$1] = points[$1] " " $2
	}
	END {
		for (i = 1; i <= n; i++) {
			c = curves[i]
			k = split(substr(points[c], 2), p, " "); last = p[k]; mid = 0
			for (j = 1; j <= k; j++)
				if (p[j] > low[c] && p[j] <= (low[c] + last) / 2) mid = p[j]
			limit(c, "floor", c == "execs at once" ? 1.7 : 1.3)
			limit(c, "crun", c == "execs at once" || c == "mounts" ? 0.75 : 1.1)
			if (mid && slope(c, "hull", mid, last) > 2 * slope(c, "hull", low[c], mid) + 1)
				printf "%s: one more costs %.1f µs up to %d, and %.1f from there on\n", c, slope(c, "hull", low[c], mid), mid,
					slope(c, "hull", mid, last)
		}
	}' "$OUT/scale"
}

# Prints one line for each target that is missed.
missed() {
	awk -v newest="$([ "$CRUN" = crun ] || echo 1)" -F '\t' '
	function limit(other, times) {
		if (!((row, other) in ms) || ms[row, "hull"] <= times * ms[row, other])
			return
		split(row, f, "|")
		printf("%s, %s view, %s: hull needs %.2f ms, %.2f of the %.2f ms of %s; the limit is %.1f\n", f[2], f[1],
			f[3] == "0" ? "back to back" : f[3] " ms apart", ms[row, "hull"],
			ms[row, "hull"] / ms[row, other], ms[row, other], other, times)
	}
	$1 == "time" {
		row = $2 "|" $3 "|" $4
		if ($3 ~ /^(run|exec)$/ && !(row in seen)) { seen[row]; rows[++n] = row }
		ms[row, $5] = $6
		if (sub(/ among [0-9]+$/, "", $3) && !(row in seen)) { seen[row]; crowds[++n_crowds] = row; alone[row] = $2 "|" $3 "|" $4 }
	}
	$1 == "peak" && $4 == "hull" && $5 > 1024 {
		printf "%s, %s view: %s needs %d kB; the limit is 1024\n", $3, $2, $6, $5
	}
	$1 == "calls" && $5 > 430 { printf "run, %s view: %d system calls; the limit is 430\n", $2, $5 }
	END {
		for (i = 1; i <= n; i++) {
			row = rows[i]
			limit("floor", 1.75)
			limit("crun", newest ? (row ~ /exec/ ? 0.6 : 0.72) : row ~ /^(host|v1)/ && row !~ /\|0$/ ? 0.3 : 0.6)
		}
		# Others may cost a fifth, beyond what they cost the kernel.
		for (i = 1; i <= n_crowds; i++) {
			row = crowds[i]
			kernel = ms[row, "floor"] - ms[alone[row], "floor"]
			most = 1.2 * ms[alone[row], "hull"] + (kernel > 0 ? kernel : 0)
			split(row, f, "|")
			if (ms[row, "hull"] > most)
				printf "%s, %s view: hull needs %.2f ms; the limit is %.2f\n", f[2], f[1], ms[row, "hull"], most
		}
	}' "$BENCH_WORK/results"
}

# Rows "command view" floor hull crun runc, for the chart; 0 is a runtime that cannot.
chart_data() {
	awk -F '\t' -v pace="$1" '
	$1 == "time" && $4 == pace && $3 ~ /^(run|exec)$/ {
		if (!($2 in seen)) { seen[$2]; views[++n] = $2 }
		ms[$3, $2, $5] = $6
	}
	END {
		split("run exec", whats, " ")
		split("floor hull crun runc", rt, " ")
		print "command\tfloor\thull\tcrun\trunc"
		for (w = 1; w <= 2; w++) {
			for (v = 1; v <= n; v++) {
				printf "\"%s\\n%s\"", whats[w], views[v]
				for (r = 1; r <= 4; r++)
					printf "\t%s", ms[whats[w], views[v], rt[r]] + 0
				print ""
			}
		}
	}' "$BENCH_WORK/results"
}

chart() {
	chart_data 0 >"$BENCH_WORK/chart-0"
	chart_data "$PAUSE" >"$BENCH_WORK/chart-$PAUSE"
	gnuplot <<-END
		set terminal svg size 960,680 dynamic background "white" font "sans-serif,13"
		set output "$TOP/build/bench.svg"
		set multiplot layout 2,1 margins 0.07,0.98,0.08,0.93 spacing 0,0.16
		set style data histogram
		set style histogram clustered gap 1
		set style fill solid border rgb "white"
		set boxwidth 1
		set border 1
		set tics nomirror scale 0
		set grid ytics lt 1 lc rgb "#dddddd"
		set xrange [-0.6:$(wc -l <"$BENCH_WORK/chart-0") - 1.4]
		set offsets 0, 0, graph 0.1, 0
		set yrange [0:*]
		set ylabel "ms (median)"
		array color[4] = ["#b0b0b0", "#1f6fb4", "#e08a2e", "#8c6bb1"]
		do for [pace in "0 $PAUSE"] {
			file = "$BENCH_WORK/chart-" . pace
			set title (pace eq "0" ? "back to back" : pace . " ms apart")
			if (pace eq "0") {
				set key at screen 0.98, screen 0.99 right top horizontal reverse Left samplen 1
			} else {
				unset key
			}
			plot for [i=1:4] file using i+1:xtic(1) title columnheader(i+1) lc rgb color[i], \
				for [i=1:4] file every ::1 using (column(0) + (i - 2.5) / 5):(column(i+1)): \
				(column(i+1) > 0 ? sprintf("%.1f", column(i+1)) : i == 1 ? "" : "–") \
				with labels notitle font ",10" offset 0,0.5
		}
	END
}

# The curves, each with its own axes.
chart_scale() {
	local curve
	while IFS= read -r curve; do
		awk -F '\t' -v curve="$curve" '
		$1 == curve { if (!($2 in seen)) { seen[$2]; ns[++n] = $2 } ms[$2, $3] = $4 }
		END {
			print "n\tfloor\thull\tcrun"
			for (i = 1; i <= n; i++) {
				printf "%s", ns[i]
				split("floor hull crun", rt, " ")
				for (r = 1; r <= 3; r++) printf "\t%s", (ns[i], rt[r]) in ms ? ms[ns[i], rt[r]] : "?"
				print ""
			}
		}' "$OUT/scale" >"$BENCH_WORK/${curve// /-}"
	done < <(cut -f 1 "$OUT/scale" | sort -u)
	gnuplot <<-END
		set terminal svg size 960,640 dynamic background "white" font "sans-serif,13"
		set output "$TOP/build/scale.svg"
		set multiplot layout 2,2 margins 0.07,0.98,0.08,0.93 spacing 0.08,0.16
		set border 3
		set tics nomirror
		set grid ytics lt 1 lc rgb "#dddddd"
		set yrange [0:*]
		set key bottom right
		set datafile missing "?"
		set ylabel "ms (median)"
		array color[3] = ["#b0b0b0", "#1f6fb4", "#e08a2e"]
		array name[4] = ["run-among", "execs-at-once", "mounts", "hooks"]
		array what[4] = ["run among so many containers", "so many execs at once", "run with so many bind mounts", "run with so many hooks"]
		do for [p=1:4] {
			file = "$BENCH_WORK/" . name[p]
			set title what[p]
			plot for [i=1:(p == 1 ? 2 : 3)] file using 1:i+1 title columnheader(i+1) with linespoints pt 7 ps 0.5 lw 2 lc rgb color[i]
		}
	END
}

[ "$(id -u)" = 0 ] || die "the benchmark runs as root"
[ -x "$HULL" ] || die "there is no $HULL"
build
BENCH_WORK=$(mktemp -d /var/tmp/hull-bench.XXXXXX) # the root file system shall be on a disk
export BENCH_WORK BENCH_N
trap 'rm -rf --one-file-system "$BENCH_WORK"' EXIT
trap 'exit 130' INT TERM
: >"$BENCH_WORK/results"
make_rootfs
measure_views
cp "$BENCH_WORK/results" "$OUT/results"
report | tee build/bench.md
chart
verdict=$(missed)
if [[ $BENCH_VIEWS == *v2* ]]; then
	unshare -m --propagation private -- bats/run-tests.sh --inside v2 bats/bench/scale.sh
	report_scale | tee -a build/bench.md
	chart_scale
	steep=$(missed_scale)
	verdict+="${verdict:+${steep:+$'\n'}}$steep"
fi
if [ -z "$verdict" ]; then
	printf '\nAll targets are met.\n'
	exit 0
fi
printf '\nMissed targets:\n%s\n' "$verdict" >&2
[ "$BENCH_STRICT" = 0 ]

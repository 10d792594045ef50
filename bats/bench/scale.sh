#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# How the time of a command grows: with the containers that are there, with the execs that run at once, with the mounts
# and the hooks of a bundle. Called by run.sh in the v2 view. hull, crun (CRUN, if it runs there) and the floor take
# turns (time.c); the floor is what the kernel needs: floor.c's run or exec among as many containers, mount(2) in a new
# mount namespace, one process after the other. Writes the lines (with tabs)
#   CURVE N RUNTIME MEDIAN P10 P90
# to build/bench/scale; times in ms. What growth is too much is in run.sh.
set -euo pipefail
TOP=$(realpath "$(dirname "$0")/../..") OUT=$TOP/build/bench
: "${HULL:=$TOP/build/hull}" "${CRUN:=crun}" "${BENCH_N:=40}"
HULL=$(realpath "$HULL") LC_ALL=C.UTF-8
ROUNDS=$(((BENCH_N + 3) / 4)) ID=hull-scale-$$
: "${SCALE_CONTAINERS:=0 500 1000 1500 2000}" "${SCALE_EXECS:=1 8 16 32 64}" "${SCALE_MOUNTS:=0 100 300 600 1000}" "${SCALE_HOOKS:=0 10 30 60 100}"

work=$(mktemp -d /dev/shm/hull-scale.XXXXXX)
hull=("$HULL" --root "$work/hull") crun=("$CRUN" --root "$work/crun")

delete_all() {
	"${hull[@]}" list -q | xargs -r -P 4 -n 1 "${hull[@]}" delete --force
	"${crun[@]}" delete --force "$ID-crun" >/dev/null 2>&1 || true
}
clean() {
	trap - EXIT
	[ -z "${sleeper:-}" ] || kill -KILL "$sleeper" 2>/dev/null || true
	delete_all
	find /sys/fs/cgroup -depth -type d -name "$ID-*" -exec rmdir {} + 2>/dev/null || true
	rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

for program in time floor; do
	[ -x "$OUT/$program" ] || { echo "scale: run.sh builds $OUT/$program" >&2 && exit 2; }
done
printf '#include <stdlib.h>\n#include <unistd.h>\nint main(int c, char **v) { if (c > 1) sleep(atoi(v[1])); return 0; }\n' >"$work/true.c"
cc -O2 -static -o "$work/true" "$work/true.c"
mkdir -p "$work"/{src,rootfs/{bin,dev,proc,sys,tmp,many}}
cp "$work/true" "$work/rootfs/bin/true"
ln -s true "$work/rootfs/bin/sleep"
for ((i = 0; i < 1000; i++)); do
	touch "$work/src/$i" "$work/rootfs/many/$i"
done

# bundle NAME JQ: the default bundle, changed.
bundle() {
	mkdir -p "$work/$1"
	[ -e "$work/$1/config.json" ] || "$HULL" spec --bundle "$work/$1"
	jq --arg root "$work/rootfs" --arg src "$work/src" --arg true "$work/true" '.ociVersion = "1.0.2"
		| .process.terminal = false | .process.args = ["/bin/true"] | .root.path = $root
		| .linux.namespaces |= map(select(.type != "cgroup")) + [{type: "cgroup"}]
		| '"$2" "$work/$1/config.json" >"$work/config"
	mv "$work/config" "$work/$1/config.json"
}

# measure CURVE N COMMANDS...
measure() {
	local curve=$1 n=$2 label ms low high
	shift 2
	printf '  %-8s%s: %s\n' SCALE "$curve" "$n" >&2
	"$OUT/time" run "$ROUNDS" 4 0 "$@" >"$work/times"
	while IFS=$'\t' read -r label ms low high _; do
		printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$curve" "$n" "$label" "$ms" "$low" "$high"
	done <"$work/times" >>"$work/results"
}

bundle plain .
bundle sleep '.process.args = ["/bin/sleep", "3600"]'
has_crun=1
"${crun[@]}" run --bundle "$work/plain" "$ID-crun" </dev/null >/dev/null 2>&1 || has_crun=
with_crun() {
	[ -z "$has_crun" ] || crun_command=(-- crun "${crun[@]}" "$@")
}
crun_command=()
floor_cgroup=$(sed -n 's/^0:://p' /proc/self/cgroup)
floor_cgroup=/sys/fs/cgroup${floor_cgroup%/*}/$ID-floor

# How many mounts and hooks there are.
for n in $SCALE_MOUNTS; do
	bundle "mounts-$n" ".mounts += [range($n) | {destination: \"/many/\\(.)\", source: \"\\(\$src)/\\(.)\", options: [\"bind\"]}]"
	with_crun run --bundle "$work/mounts-$n" "$ID-crun"
	measure mounts "$n" -- floor "$OUT/floor" mounts "$work/src" "$work/rootfs/many" "$n" \
		-- hull "${hull[@]}" run --bundle "$work/mounts-$n" "$ID-hull" "${crun_command[@]}"
done
for n in $SCALE_HOOKS; do
	bundle "hooks-$n" ".hooks.createRuntime = [range($n) | {path: \$true}]"
	with_crun run --bundle "$work/hooks-$n" "$ID-crun"
	measure hooks "$n" -- floor "$OUT/time" in-turn "$n" "$work/true" \
		-- hull "${hull[@]}" run --bundle "$work/hooks-$n" "$ID-hull" "${crun_command[@]}"
done

# Execs at once, into one container.
start_sleepers() {
	"${hull[@]}" run --detach --bundle "$work/sleep" "$ID-hull" </dev/null >/dev/null 2>&1
	[ -z "$has_crun" ] || "${crun[@]}" run --detach --bundle "$work/sleep" "$ID-crun" </dev/null >/dev/null 2>&1
	"$OUT/floor" create "$work/rootfs" 3600 "$floor_cgroup" </dev/null >/dev/null 2>&1
	sleeper=$(cat "$floor_cgroup/cgroup.procs")
}
start_sleepers
for n in $SCALE_EXECS; do
	with_crun exec "$ID-crun" /bin/true
	[ -z "$has_crun" ] || crun_command=(-- crun "$OUT/time" at-once "$n" "${crun_command[@]:2}")
	measure "execs at once" "$n" -- floor "$OUT/time" at-once "$n" "$OUT/floor" exec "$sleeper" "$floor_cgroup" \
		-- hull "$OUT/time" at-once "$n" "${hull[@]}" exec "$ID-hull" /bin/true "${crun_command[@]}"
done
"$OUT/floor" delete "$floor_cgroup"
sleeper=
delete_all

# Among containers that wait for start.
there=0
for n in $SCALE_CONTAINERS; do
	# shellcheck disable=SC2016 # it is of the inner shell
	seq $((there + 1)) "$n" | xargs -r -P 2 -I {} sh -c '"$@" </dev/null >/dev/null 2>>"$0"' "$work/others" \
		"${hull[@]}" create --bundle "$work/plain" "$ID-other-{}" ||
		{ tail -n 1 "$work/others" >&2 && exit 1; }
	there=$n
	measure "run among" "$n" -- floor "$OUT/floor" run "$work/rootfs" 0 "$floor_cgroup" \
		-- hull "${hull[@]}" run --bundle "$work/plain" "$ID-hull"
	measure "list of" "$n" -- hull "${hull[@]}" list -q
	[ "$n" = 0 ] || measure "state among" "$n" -- hull "${hull[@]}" state "$ID-other-1"
done
cp "$work/results" "$OUT/scale"

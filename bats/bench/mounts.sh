#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 100 bind mounts: what they add to a run of hull, beside what they add to a process that makes them by 100 calls of
# mount(2) (mounts.c). hull's state is on a tmpfs, as /run is. The target is a ratio of 1.2, which is missed (1.6), so
# "make bench" does not run this; BENCH_STRICT=0 as in run.sh. What it costs more, on Linux 6.18: open_tree(2) and
# move_mount(2) instead of one mount(2) (a third), a target that is resolved inside the root by openat2(2) (a third),
# and a longer config.json.
set -euo pipefail
: "${HULL:=$(dirname "$0")/../../build/hull}" "${BENCH_N:=40}" "${BENCH_STRICT:=1}"
HULL=$(realpath "$HULL") here=$(dirname "$(realpath "$0")")
work=$(mktemp -d /dev/shm/hull-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
cc -O2 -o mounts "$here/mounts.c"
printf 'int main(void) { return 0; }\n' >true.c
cc -O2 -static -o true true.c
for bundle in none many; do
	mkdir -p $bundle/rootfs/{bin,dev,proc,sys,many} $bundle/src
	cp true $bundle/rootfs/bin
	for i in {0..99}; do touch $bundle/src/"$i" $bundle/rootfs/many/"$i"; done
	"$HULL" spec --bundle $bundle
	n=100
	[ $bundle = many ] || n=0
	jq --arg s "$work/$bundle/src" --argjson n $n '.process.terminal = false | .process.args = ["/bin/true"]
		| .mounts += [range($n) | {destination: "/many/\(.)", source: "\($s)/\(.)", options: ["bind"]}]' \
		$bundle/config.json >config && mv config $bundle/config.json
done
run=("$HULL" --root "$work/state" run --bundle)
read -r bare hull < <(taskset -c 0 ./mounts $((BENCH_N * 3)) "$work/many/src" "$work/many/rootfs/many" 100 \
	-- "${run[@]}" none bench -- "${run[@]}" many bench)
ratio=$(awk -v a="$hull" -v b="$bare" 'BEGIN { printf "%.2f", a / b }')
printf '100 bind mounts: mount(2) %s us, hull %s us, ratio %s (target 1.2)\n' "$bare" "$hull" "$ratio"
awk -v r="$ratio" 'BEGIN { exit r > 1.2 }' || [ "$BENCH_STRICT" = 0 ]

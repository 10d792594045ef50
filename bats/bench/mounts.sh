#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 100 bind mounts: what they add to a run of hull, of crun and of runc, beside what they add to a process that makes them
# by 100 calls of mount(2) (mounts.c); called by run.sh in the v1 view, where crun runs. All take turns, with their state
# on a tmpfs, as /run is. Prints one line; fails when hull's part is more than 0.6 of crun's. mount(2) itself cannot be
# reached: each target is resolved inside the root by openat2(2) and each mount is made by open_tree(2) and move_mount(2),
# which alone cost 1.4 of it on Linux 6.18.
set -euo pipefail
: "${HULL:=$(dirname "$0")/../../build/hull}" "${BENCH_N:=40}"
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
	# Debian's crun knows the versions 1.0 of the specification only.
	jq --arg s "$work/$bundle/src" --argjson n $n '.ociVersion = "1.0.0" | .process.terminal = false | .process.args = ["/bin/true"]
		| .mounts += [range($n) | {destination: "/many/\(.)", source: "\($s)/\(.)", options: ["bind"]}]' \
		$bundle/config.json >config && mv config $bundle/config.json
done
declare -A added
for name in hull crun runc; do
	program=$HULL
	[ $name = hull ] || program=$(command -v $name)
	run=("$program" --root "$work/state.$name" run --bundle)
	read -r bare us < <(taskset -c 0 ./mounts "$BENCH_N" "$work/many/src" "$work/many/rootfs/many" 100 \
		-- "${run[@]}" none bench -- "${run[@]}" many bench)
	added[$name]=$us
done
printf '100 bind mounts add %d µs to 100 calls of mount(2), %d to hull, %d to crun, %d to runc.\n' \
	"$bare" "${added[hull]}" "${added[crun]}" "${added[runc]}"
[ $((added[hull] * 10)) -le $((added[crun] * 6)) ]

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A container's life, explained line by line; run by "make demo" as root. It makes a busybox bundle in a temporary
# folder, runs one container in the foreground, leads another through create, start, exec, kill and delete, and takes
# everything away again.
set -euo pipefail
: "${HULL:=$(cd "$(dirname "$0")/.." && pwd)/build/hull}"
[ "$(id -u)" = 0 ] || { echo "the demo runs as root" >&2 && exit 1; }

work=$(mktemp -d /tmp/hull-demo.XXXXXX)
id=hull-demo-$$
if [ -t 1 ]; then
	bold=$'\e[1m' plain=$'\e[0m'
else
	bold='' plain=''
fi

clean_up() {
	local status=$?
	"$HULL" --root "$work/state" delete --force "$id" >/dev/null 2>&1 || true
	"$HULL" --root "$work/state" delete --force "$id-run" >/dev/null 2>&1 || true
	rm -rf --one-file-system "$work"
	[ "$status" = 0 ] || echo "the demo failed with status $status" >&2
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Explains, then shows a command and runs it.
step() { printf '\n%s* %s%s\n' "$bold" "$1" "$plain"; }

show() {
	printf '  $ %s\n' "$*"
	"$@" 2>&1 | sed 's/^/    /'
}

hull() {
	printf '  $ hull %s\n' "$*"
	"$HULL" --root "$work/state" "$@" 2>&1 </dev/null | sed 's/^/    /'
}

# hull create gives its stdout and stderr to the container: a pipe would stay open as long as that lives.
hull_to_file() {
	printf '  $ hull %s\n' "$*"
	"$HULL" --root "$work/state" "$@" >"$work/output" 2>&1 </dev/null || {
		cat "$work/output"
		return 1
	}
}

status() { "$HULL" --root "$work/state" state "$1" | jq -r .status; }

make_bundle() {
	local applet
	mkdir -p "$work/bundle/rootfs"/{bin,dev,etc,proc,sys,tmp,root}
	cp /bin/busybox "$work/bundle/rootfs/bin/"
	for applet in $(/bin/busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$work/bundle/rootfs/bin/$applet"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$work/bundle/rootfs/etc/passwd"
	cat >"$work/bundle/rootfs/bin/look-around" <<-'END'
		#!/bin/sh
		echo "I am $(id), on a host called $(hostname)."
		echo "My processes:"
		ps -o pid,user,args
		echo "My mounts:"
		awk '{ printf "  %-22s %s\n", $2, $3 }' /proc/mounts
		echo "My capabilities: $(awk '/^CapEff/ { print $2 }' /proc/self/status), no new privileges:" \
			"$(awk '/^NoNewPrivs/ { print $2 }' /proc/self/status)"
		touch /try 2>/dev/null || echo "My root is read-only."
	END
	chmod +x "$work/bundle/rootfs/bin/look-around"
}

# configure JQ-PROGRAM [JQ-OPTIONS...]
configure() {
	local program=$1
	shift
	jq "$@" "$program" "$work/bundle/config.json" >"$work/new"
	mv "$work/new" "$work/bundle/config.json"
}

step "One static binary, nothing beside it"
show ls -l "$HULL"
hull --version

step "A bundle is a folder with a root file system (here busybox) and a config.json, which \"hull spec\" writes"
make_bundle
hull spec --bundle "$work/bundle"
echo "  $(find "$work/bundle/rootfs" -type l | wc -l) busybox applets; config.json has" \
	"$(wc -l <"$work/bundle/config.json") lines; its namespaces:" \
	"$(jq -r '[.linux.namespaces[].type] | join(" ")' "$work/bundle/config.json")"

step "Change two properties: no terminal, and a script that looks around"
configure '.process.terminal = false | .process.args = ["/bin/look-around"] | .hostname = "demo"'
show jq -c '{hostname, args: .process.args, terminal: .process.terminal}' "$work/bundle/config.json"

step "\"run\" creates the container, starts it, waits for it and deletes it"
hull run --bundle "$work/bundle" "$id-run"

step "The exit code of the program is the exit code of hull"
configure '.process.args = ["sh", "-c", "exit 42"]'
code=0
"$HULL" --root "$work/state" run --bundle "$work/bundle" "$id-run" </dev/null || code=$?
echo "  exit code $code"
[ "$code" = 42 ]

step "The same in single steps: \"create\" makes the namespaces, cgroup and mounts; the program does not run yet"
configure '.process.args = ["sh", "-c", "trap \"exit 0\" TERM; while :; do sleep 1; done"]'
hull_to_file create --bundle "$work/bundle" --pid-file "$work/pid" "$id"
hull state "$id"
[ "$(status "$id")" = created ]

step "Its first process, seen from the host, is in namespaces of its own"
pid=$(cat "$work/pid")
for ns in mnt pid net ipc uts; do
	printf '    %-4s host %-20s container %s\n' "$ns" "$(readlink "/proc/self/ns/$ns")" \
		"$(readlink "/proc/$pid/ns/$ns")"
done

step "\"start\" lets the program go"
hull start "$id"
echo "  status: $(status "$id")"
[ "$(status "$id")" = running ]

step "\"exec\" runs one more process inside"
hull exec "$id" /bin/sh -c 'echo "hello from $(hostname), I am process $$"'

step "What runs in it, and what runs on this machine"
hull ps "$id"
hull list

step "A mistake is one sentence with the place in config.json"
cp "$work/bundle/config.json" "$work/good"
configure '.process.cwd = "tmp"'
hull run --bundle "$work/bundle" "$id-run" || true
cp "$work/good" "$work/bundle/config.json"

step "\"kill\" sends a signal; the program ends"
hull kill "$id" TERM
for _ in $(seq 100); do
	[ "$(status "$id")" = running ] || break
	sleep 0.05
done
echo "  status: $(status "$id")"
[ "$(status "$id")" = stopped ]

step "\"delete\" removes what is left: its cgroup and its record"
hull delete "$id"
hull list
[ -z "$("$HULL" --root "$work/state" list -q)" ]

printf '\n%sThat was hull. Nothing of it is left on this machine but %s.%s\n' "$bold" "$HULL" "$plain"

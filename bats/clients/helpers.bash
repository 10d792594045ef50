# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # status, output, lines, pid and id are for the tests, fifo and CLI from them
#
# What the engines' tests share. They run inside a room (room.sh): each file has an empty /run of its own, and its end
# ends every process and mount. By hand:  HULL=$PWD/build/hull bats/clients/room.sh bats bats/clients/podman.bats
#
# An engine is started in setup_file and ended in teardown_file; its files are in $ENGINE, its container image in
# $IMAGE_TAR (a root) or in what oci_image makes of it.

load ../helpers

# Where an ordinary user reaches it, whatever directory the build is in.
BUILT=$HULL
export HULL=/run/room/bin/hull

ENGINE=/run/room/engine
IMAGE_TAR=$ENGINE/root.tar
# Debian's programs, not what else this machine may have, and a criu that works on this kernel.
PATH=$(realpath "$BATS_TEST_DIRNAME/../../build/deps/criu"):/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root TERM=xterm
unset XDG_RUNTIME_DIR DOCKER_HOST CONTAINER_HOST

# readme_config WORD: the configuration in README.md below the paragraph that begins with **WORD**, with our hull in it.
readme_config() {
	local top=$BATS_TEST_DIRNAME/../..
	awk -v start="**$1**" 'index($0, start) == 1 { on = 1; next }
		on && /^    / { print substr($0, 5); seen = 1; next }
		on && seen && !/^$/ { exit }' "$top/README.md" | sed "s|/usr/local/bin/hull|$HULL|" | grep .
}

# needs PROGRAM...: for setup_file
needs() {
	local program
	[ -d /run/room ] || skip "only inside a room (bats/clients/room.sh)"
	for program; do
		command -v "$program" >/dev/null || skip "no $program here (make check-clients installs it)"
	done
	mkdir -p "$ENGINE" "${HULL%/*}"
	if has_controller cpu memory pids; then
		cp "$BUILT" "$HULL"
	else
		# containerd and podman always ask for some limit: let those go that this view has no controllers for.
		cp "$BUILT" "$HULL.real"
		printf '#!/bin/bash\nexec -a "%s" "%s" --missing-controllers ignore "$@"\n' "$HULL" "$HULL.real" >"$HULL"
		chmod 755 "$HULL"
	fi
	# Whatever their configuration says, engines do some things with the runc in their PATH: ctr run --uidmap, BuildKit.
	for program in runc crun; do
		! program=$(command -v "$program") || mount --bind "$HULL" "$program"
	done
	tar -C "$(rootfs_template)" -cf "$IMAGE_TAR" .
}

# Two files are here twice: those called *_shim.bats run with hull's own shim, the others with Go's.
own_shim() { [[ ${BATS_TEST_FILENAME:-} == *_shim.bats ]]; }
if own_shim; then
	RUNTIME=(--runtime io.containerd.hull.v2)
	[ ! -e "$ENGINE/shim.toml" ] || RUNTIME+=(--runtime-config-path "$ENGINE/shim.toml")
	PATH=${HULL%/*}:$PATH
else
	RUNTIME=(--runc-binary "$HULL")
fi

# shim_link: containerd finds hull as its shim; its options, where it has any, are in $ENGINE/shim.toml.
shim_link() {
	own_shim || return 0
	ln -sf "$(wrapped_hull)" "${HULL%/*}/containerd-shim-hull-v2"
	if [ -e "$HULL.real" ]; then
		echo 'MissingControllers = "ignore" # containerd always asks for limits' >"$ENGINE/shim.toml"
	fi
}

# The binary itself, where $HULL is a script in front of it.
wrapped_hull() { [ ! -e "$HULL.real" ] && echo "$HULL" || echo "$HULL.real"; }

# alone COMMAND...: become it, with no descriptors but stdin, stdout and stderr. Go programs hand all others down to
# whatever they start, and bats waits for the last that has its own.
alone() {
	local fd
	for fd in /proc/"$BASHPID"/fd/*; do
		[ "${fd##*/}" -le 2 ] || eval "exec ${fd##*/}>&-"
	done
	exec "$@"
}

# daemon NAME COMMAND...: in the background, its PID in $ENGINE/NAME.pid, its output added to $ENGINE/NAME.log.
daemon() {
	local name=$1
	shift
	(alone "$@") >>"$ENGINE/$name.log" 2>&1 </dev/null &
	echo $! >"$ENGINE/$name.pid"
}

# end_daemon NAME [SIGNAL]: with its end awaited.
end_daemon() {
	local pid
	[ -f "$ENGINE/$1.pid" ] || return 0
	pid=$(<"$ENGINE/$1.pid")
	rm "$ENGINE/$1.pid"
	kill -"${2:-TERM}" "$pid" 2>/dev/null || return 0
	wait_for 20 gone "$pid"
}

# start_containerd: with $ENGINE/config.toml; config_toml writes it, with what is on stdin added.
start_containerd() {
	daemon containerd containerd --config "$ENGINE/config.toml"
	wait_for 20 ctr version >/dev/null
}

config_toml() {
	printf 'version = 2\nroot = "%s"\nstate = "%s"\n' "$ENGINE/lib" "$ENGINE/state"
	cat
	printf '[grpc]\n  address = "%s"\n' "$CONTAINERD_ADDRESS"
} >"$ENGINE/config.toml"

# cni_network DIR: a bridge
cni_network() {
	[ -x /usr/lib/cni/bridge ] || skip "no containernetworking-plugins"
	mkdir -p "$1"
	cat >"$1/10-test.conflist" <<-'END'
		{ "cniVersion": "0.4.0", "name": "test", "plugins": [
			{ "type": "bridge", "bridge": "test0", "isGateway": true,
				"ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.99.0.0/24" }]] } },
			{ "type": "loopback" } ] }
	END
}

# --- Running an engine's commands ----------------------------------------------------------------------------------------

# try COMMAND...: run it, and set status, output and lines as bats' run does. The output goes to a file, since what an
# engine leaves running may have it open.
try() {
	local file=$BATS_TEST_TMPDIR/output
	status=0
	(alone timeout -k 5 "${TRY_SECONDS:-30}" "$@") >"$file" 2>&1 </dev/null || status=$?
	output=$(tr -d '\0\r' <"$file")
	mapfile -t lines <<<"$output"
	printf '$ %s\n%s\n(status %d)\n' "$*" "$output" "$status"
}

# works COMMAND...: it must succeed.
works() {
	try "$@"
	[ "$status" -eq 0 ]
}

# says TEXT COMMAND...: it must succeed and say this alone.
says() {
	local text=$1
	shift
	works "$@"
	[ "$output" = "$text" ]
}

# fails STATUS TEXT COMMAND...: it must end with that status, and say the text among other things.
fails() {
	local expected=$1 text=$2
	shift 2
	try "$@"
	[ "$status" -eq "$expected" ]
	[[ $output == *"$text"* ]]
}

# with_tty VERB COMMAND...: the verb (try, works) with a command that has a terminal
with_tty() {
	local verb=$1
	shift
	"$verb" script -qefc "${*@Q}" /dev/null
}

# typing TEXT COMMAND...: with a terminal of 33 rows and 77 columns, at which somebody types the text.
typing() {
	local text=$1 keys=$BATS_TEST_TMPDIR/keys
	shift
	[ -p "$keys" ] || mkfifo "$keys"
	try bash -c 'exec 5<>"$1"; echo "$2" >&5; exec script -qefc "stty rows 33 cols 77; exec $3" /dev/null <"$1"' - \
		"$keys" "$text" "${*@Q}"
}
# What to type: it ends the shell with this status once the size of its terminal has arrived.
WHEN_RESIZED='until [ "$(stty size)" = "33 77" ]; do sleep 0.05; done; exit '

# A program that ends with status 7 when it is told to; it has made its traps when /ready is there.
SERVICE=(sh -c 'trap "exit 7" TERM; trap "echo usr1 >>/signals" USR1; touch /ready; while :; do sleep 0.05; done')

# A file sets CLI to the engine's command, and IMAGE.

# run_detached NAME [OPTION...] -- COMMAND...: its PID in $pid, its id in $id.
run_detached() {
	local name=$1 options=(--detach --name "$1") last=()
	[ "$CLI" != ctr ] || options=(--detach "${RUNTIME[@]}") last=("$1")
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	works "$CLI" run "${options[@]}" "$IMAGE" "${last[@]}" "$@"
	pid=$(pid_of "$name")
	id=$(id_of "$name")
}

# run_service NAME [OPTION...]: the one above, until it is ready.
run_service() {
	run_detached "$@" -- "${SERVICE[@]}"
	wait_for 5 test -e "/proc/$pid/root/ready"
}

# --- What podman and docker are asked in the same words ---

runs_and_leaves_nothing() {
	says hello "$CLI" run --rm "$IMAGE" echo hello
	fails 5 "" "$CLI" run --rm "$IMAGE" sh -c 'exit 5'
	with_tty works "$CLI" run --rm --tty "$IMAGE" tty
	[[ $output == */dev/pts/0* ]]
	run_service test-left --rm
	works "$CLI" stop test-left
	wait_gone "$id"
}

# is_signalled_and_restarted: the service test-life, which ends with 7 when it is stopped.
is_signalled_and_restarted() {
	works "$CLI" kill --signal USR1 test-life
	wait_for 5 grep -qs usr1 "/proc/$pid/root/signals"
	works "$CLI" stop test-life
	says "exited 7" "$CLI" inspect test-life --format '{{.State.Status}} {{.State.ExitCode}}'
	works "$CLI" start test-life
	works "$CLI" restart --time 0 test-life
	field_is test-life .State.Status running
}

# execs_in CODE: in the container test-exec; CODE is what the engine makes of a program that is not there.
execs_in() {
	says ex "$CLI" exec test-exec echo ex
	fails 9 "" "$CLI" exec test-exec sh -c 'exit 9'
	# shellcheck disable=SC2016 # as hull says it
	fails "$1" 'executable file not found in $PATH' "$CLI" exec test-exec nosuch
	# shellcheck disable=SC2016 # for the container's shell
	says "1000 1001 /tmp b" "$CLI" exec --user 1000:1001 --workdir /tmp --env A=b test-exec \
		sh -c 'echo $(id -u) $(id -g) $(pwd) $A'
	with_tty works "$CLI" exec --tty test-exec tty
	[[ $output == */dev/pts/* ]]
}

# inspect NAME FIELD
inspect() { "$CLI" inspect "$1" --format "{{$2}}" 3>&-; }
field_is() { [ "$(inspect "$1" "$2")" = "$3" ]; }

pid_of() { inspect "$1" .State.Pid; }
id_of() { inspect "$1" .Id; }

parent_of() { awk '/^PPid:/ { print $2 }' "/proc/$1/status"; }

# A hook that waits, in $fifo, goes on. (It may be in the middle of something: it is not killed with its hull.)
release_hook() { : 1<>"$fifo"; }

# --- What is left --------------------------------------------------------------------------------------------------------

# left_of TEXT: prints cgroups, mounts, processes and hull's state that have this in their name: an id, or a part of it.
left_of() {
	local p
	find /sys/fs/cgroup -type d -name "*$1*" -printf 'cgroup %p\n'
	awk -v id="$1" 'index($5, id) { print "mount " $5 }' /proc/self/mountinfo
	find /run -path "*/$1/record.json" -printf 'state %p\n' 2>/dev/null
	for p in /proc/[0-9]*; do
		if [ "$p" != "/proc/$$" ] && [ "$p" != "/proc/$BASHPID" ] && grep -qsF -- "$1" "$p/cmdline" "$p/cgroup"; then
			printf 'process %s %s\n' "${p#/proc/}" "$(tr '\0' ' ' <"$p/cmdline")"
		fi
	done
}

is_gone() {
	local left
	left=$(left_of "$1")
	[ -z "$left" ] || {
		echo "$left"
		return 1
	}
}

# An engine finishes some of its work after its answer.
wait_gone() {
	local id
	for id; do
		wait_for 15 is_gone "$id" >/dev/null || is_gone "$id"
	done
}

# has_controller NAME...: all of them
has_controller() {
	local name
	for name; do
		if is_v1; then
			[ -d "/sys/fs/cgroup/$name" ] || return 1
		else
			grep -qw "$name" /sys/fs/cgroup/cgroup.controllers || return 1
		fi
	done
}

# wants_v1: for a test whose options are about controllers and their files.
wants_v1() { is_v1 || skip "about the files of v1"; }

# cgroup_file PID CONTROLLER FILE: the path of a file in a process's cgroup, on v2 whatever the controller.
cgroup_file() {
	local path
	if is_v1; then
		path=$(awk -F: -v c="$2" '$2 == c { print $3 }' "/proc/$1/cgroup")
		echo "/sys/fs/cgroup/$2$path/$3"
	else
		echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")/$3"
	fi
}

is_frozen() {
	if is_v1; then
		[ "$(cat "$(cgroup_file "$1" freezer freezer.state)")" = FROZEN ]
	else
		grep -qx "frozen 1" "$(cgroup_file "$1" "" cgroup.events)"
	fi
}

# no_mkdir: a security option, a seccomp profile that answers mkdir with EOPNOTSUPP.
no_mkdir() {
	jq -n '{defaultAction: "SCMP_ACT_ALLOW",
		syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]}' >"$ENGINE/seccomp.json"
	echo "seccomp=$ENGINE/seccomp.json"
}

# --- Images --------------------------------------------------------------------------------------------------------------

# A program that counts in its root, and what it is at.
COUNT=(sh -c 'i=0; while :; do i=$((i+1)); echo $i >/count.new; mv /count.new /count; sleep 0.05; done')
count_of() { cat "/proc/$1/root/count" 2>/dev/null || echo 0; }
counts_on() { [ "$(count_of "$1")" -gt "$2" ]; }

# put FILE: into the blobs of an image layout; its digest into $digest, its size into $size.
put() {
	digest=$(sha256sum "$1" | cut -d ' ' -f 1)
	size=$(stat -c %s "$1")
	cp "$1" "$ENGINE/image/blobs/sha256/$digest"
}

# oci_image TAR: an image archive called busybox:test.
oci_image() {
	local digest size config manifest
	mkdir -p "$ENGINE/image/blobs/sha256"
	put "$IMAGE_TAR"
	jq -n --arg layer "sha256:$digest" '{architecture: "amd64", os: "linux",
		config: {Env: ["PATH=/bin"], Cmd: ["sleep", "1000"]}, rootfs: {type: "layers", diff_ids: [$layer]}}' >"$ENGINE/config"
	manifest=$(jq -n --arg d "sha256:$digest" --argjson s "$size" '{schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar", digest: $d, size: $s}]}')
	put "$ENGINE/config"
	jq --arg d "sha256:$digest" --argjson s "$size" '.config = {digest: $d, size: $s,
		mediaType: "application/vnd.oci.image.config.v1+json"}' <<<"$manifest" >"$ENGINE/manifest"
	put "$ENGINE/manifest"
	jq -n --arg d "sha256:$digest" --argjson s "$size" '{schemaVersion: 2, manifests: [{digest: $d, size: $s,
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		annotations: {"io.containerd.image.name": "docker.io/library/busybox:test"}}]}' >"$ENGINE/image/index.json"
	echo '{"imageLayoutVersion": "1.0.0"}' >"$ENGINE/image/oci-layout"
	tar -C "$ENGINE/image" -cf "$1" oci-layout index.json blobs
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2
#
# Handlers: programs of the host that run in place of the container's own.

load helpers

# hull sees a directory of handlers that nobody else sees.
setup() {
	setup_bundle /app.wasm one two
	handlers=$BATS_TEST_TMPDIR/handlers
	mkdir "$handlers"
	cp "$(compiled engine.c)" "$handlers/engine"
	chmod 755 "$handlers" "$handlers/engine"
	REAL=$HULL
	behind "$REAL"
}
teardown() { teardown_bundle; }

# behind HULL [BEFORE...]: hull is run by this path from now on.
behind() {
	local real=$1
	shift
	printf '#!/bin/sh\nexec unshare -m --propagation private sh -c %s "$0" "$@"\n' \
		"'mount -t tmpfs none /usr/libexec && mkdir -p /usr/libexec/hull/handlers && mount --bind \"$handlers\" /usr/libexec/hull/handlers && exec $* \"$real\" \"\$@\"'" \
		>"$BATS_TEST_TMPDIR/hull"
	chmod 755 "$BATS_TEST_TMPDIR/hull"
	HULL=$BATS_TEST_TMPDIR/hull
}

annotate() { update_config '.annotations[$k] = $v' --arg k "$1" --arg v "$2"; }

# runs TEXT...: the engine ran, and said each of these lines.
runs() {
	local text
	hull run "${options[@]}" test_box
	[ "$status" -eq 7 ]
	for text; do
		[[ $'\n'$output$'\n' == *$'\n'"$text"$'\n'* ]] || { echo "no line: $text" && return 1; }
	done
}
options=()

@test "run.oci.handler runs a program of the host with the container's arguments behind its name" {
	annotate run.oci.handler engine
	runs "engine [engine] [/app.wasm] [one] [two]"
	[[ $output != *descriptor* ]]
}

@test "--handler and the name hull-NAME ask for it, too" {
	options=(--handler engine)
	runs "engine [engine] [/app.wasm] [one] [two]"
	options=()
	for name in hull-engine crun-engine; do
		ln -sf "$REAL" "$BATS_TEST_TMPDIR/$name"
		behind "$BATS_TEST_TMPDIR/$name"
		runs "engine [engine] [/app.wasm] [one] [two]"
	done
	# One that is called so for another reason is just hull.
	ln -sf "$REAL" "$BATS_TEST_TMPDIR/hull-arm64"
	behind "$BATS_TEST_TMPDIR/hull-arm64"
	set_args echo own
	must run test_box
	[ "$output" = own ]
	set_args /app.wasm one two
	# What the option says comes first, then the annotation.
	annotate run.oci.handler none
	refused 'there is no handler \"none\"' run test_box
	options=(--handler engine)
	runs "engine [engine] [/app.wasm] [one] [two]"
}

@test "an image of WebAssembly has the handler wasm, a smart one only for a module" {
	mv "$handlers/engine" "$handlers/wasm"
	annotate module.wasm.image/variant compat
	runs "engine [wasm] [/app.wasm] [one] [two]"
	annotate module.wasm.image/variant compat-smart
	printf '\0asm\1\0\0\0' >rootfs/app.wasm && chmod 755 rootfs/app.wasm
	runs "engine [wasm] [/app.wasm] [one] [two]"
	set_args sh -c "echo own program"
	must run test_box
	[ "$output" = "own program" ]
	annotate module.wasm.image/variant other
	refused '\"other\" is not compat or compat-smart (/annotations/module.wasm.image~1variant)' run test_box
}

@test "a handler has all restrictions of the container" {
	annotate run.oci.handler engine
	update_config '.process.user = {uid: 1234, gid: 5678} | .process.noNewPrivileges = true
		| .process.capabilities = {bounding: ["CAP_KILL"]}
		| .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["getpgrp"], action: "SCMP_ACT_ERRNO"}]}'
	runs "uid 1234 gid 5678" $'CapEff:\t0000000000000000' $'NoNewPrivs:\t1' $'Seccomp:\t2'
}

@test "a handler cannot be written to out of the container, whoever is root there" {
	annotate run.oci.handler engine
	# An init that waits for its start has it open, and holds no other file.
	quietly create test_box
	pid=$(state_of test_box .pid)
	n=0
	for fd in /proc/"$pid"/fd/*; do
		[[ -f $fd && $fd != */fd/[012] ]] || continue
		n=$((n + 1))
		cmp "$fd" "$handlers/engine"
		out=$(sh -c ": >>'$fd'" 2>&1) && return 1
		[[ $out == *"Read-only file system"* ]]
	done
	[ "$n" -eq 1 ]
	quietly delete --force test_box
	# And who runs it: the kernel's answer is that it is being executed.
	set_args probe
	runs "/proc/self/exe: Text file busy"
}

@test "a handler has nothing written into the root, and no link there is followed (CVE-2025-24965)" {
	cp "$handlers/engine" "$handlers/krun"
	echo untouched >"$BATS_TEST_TMPDIR/of_the_host"
	for name in .krun_config.json .krun_vm.json; do
		ln -s "$BATS_TEST_TMPDIR/of_the_host" "rootfs/$name"
	done
	tree() { find rootfs -printf '%p %y %l %s %T@\n' | sort; }
	before=$(tree)
	for name in krun engine; do
		annotate run.oci.handler $name
		runs "engine [$name] [/app.wasm] [one] [two]"
	done
	[ "$(tree)" = "$before" ]
	[ "$(<"$BATS_TEST_TMPDIR/of_the_host")" = untouched ]
}

@test "create and start run it as well, and exec runs the container's own programs" {
	annotate run.oci.handler engine
	set_args wait
	quietly create test_box
	is_status test_box created
	must start test_box
	is_status test_box running
	must exec test_box echo inside
	[ "$output" = inside ]
}

@test "what is wrong with a handler is said before anything is made" {
	annotate run.oci.handler nope
	refused 'there is no handler \"nope\" in /etc/hull/handlers or /usr/libexec/hull/handlers (/annotations/run.oci.handler)' run test_box
	annotate run.oci.handler ../engine
	refused "is no handler's name" run test_box
	annotate run.oci.handler engine
	chmod 775 "$handlers/engine"
	refused "must be root's, and nobody else may write to it" run test_box
	chmod 755 "$handlers/engine" && chown 1000 "$handlers/engine"
	refused "(owner 1000, mode 755) must be root's" run test_box
	chown 0 "$handlers/engine" && chmod 644 "$handlers/engine"
	refused "is not executable (mode 644)" run test_box
	printf '#!/bin/sh\n' >"$handlers/script" && chmod 755 "$handlers/script"
	annotate run.oci.handler script
	refused "is a script: its interpreter would be looked for in the container" run test_box
	hull check
	[ "$status" -eq 1 ]
	[[ $output == *"error    /annotations/run.oci.handler: "*"is a script"* ]]
	[ ! -d "$ROOT/test_box" ]
}

@test "a dynamic handler says which loader the image lacks" {
	cp /bin/sleep "$handlers/sleep"
	annotate run.oci.handler sleep
	refused 'exec the handler sleep: no such file or directory: its dynamic loader' run test_box
}

@test "a handler krun gets /dev/kvm if the host has it" {
	[ -c /dev/kvm ] || skip "no /dev/kvm"
	cp "$handlers/engine" "$handlers/krun"
	annotate run.oci.handler krun
	runs kvm
	annotate run.oci.handler engine
	hull run test_box
	[[ $output != *kvm* ]]
}

@test "a real engine runs a module of WASI, as root and as an ordinary user" {
	command -v node >/dev/null || skip "no Node.js"
	ln -s "$(command -v node)" "$handlers/wasm"
	# (module
	#   (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
	#   (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
	#   (memory (export "memory") 1)
	#   (data (i32.const 8) "hello from a module\n")
	#   (func (export "_start")
	#     (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 20))
	#     (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))
	#     (call $exit (i32.const 5))))
	base64 -d >rootfs/app.wasm <<-'END'
		AGFzbQEAAAABEANgBH9/f38Bf2ABfwBgAAACRgIWd2FzaV9zbmFwc2hvdF9wcmV2aWV3MQhmZF93cml0ZQAAFndhc2lfc25hcHNob3RfcHJl
		dmlldzEJcHJvY19leGl0AAEDAgECBQMBAAEHEwIGbWVtb3J5AgAGX3N0YXJ0AAIKIgEgAEEAQQg2AgBBBEEUNgIAQQFBAEEBQeQAEAAaQQUQ
		AQsLGgEAQQgLFGhlbGxvIGZyb20gYSBtb2R1bGUK
	END
	cat >rootfs/run.cjs <<-'END'
		const { WASI } = require("wasi");
		const wasi = new WASI({ version: "preview1" });
		const module_ = new WebAssembly.Module(require("fs").readFileSync(process.argv[2]));
		process.exitCode = wasi.start(new WebAssembly.Instance(module_, { wasi_snapshot_preview1: wasi.wasiImport }));
	END
	annotate module.wasm.image/variant compat
	set_args --no-warnings --experimental-wasi-unstable-preview1 /run.cjs /app.wasm
	# Node is dynamic: the image has its libraries.
	for dir in lib lib64 usr/lib; do
		[ -d "/$dir" ] || continue
		mkdir -p "rootfs/$dir"
		add_mount "/$dir" bind "/$dir" rbind ro
	done
	hull run test_box
	[ "$status" -eq 5 ]
	[ "$output" = "hello from a module" ]
	user=$BATS_TEST_TMPDIR/user
	mkdir -p "$user/run"
	cp -a "$BUNDLE" "$user/bundle" && cp "$REAL" "$user/hull" && chown -R 64077:64077 "$user"
	open_way
	behind "$user/hull" setpriv --reuid 64077 --regid 64077 --clear-groups env "XDG_RUNTIME_DIR=$user/run"
	cd "$user/bundle"
	mv config.json roots.json
	"$HULL" spec --rootless
	jq --slurpfile r roots.json '.process.terminal = false | .process.args = $r[0].process.args | .annotations = $r[0].annotations
		| .mounts += ($r[0].mounts | map(select(.type == "bind")))' config.json >new.json
	chown 64077 new.json
	out=$("$HULL" run --config new.json test_box 2>&1 3>&-) || status=$?
	[ "$out" = "hello from a module" ]
	[ "$status" -eq 5 ]
}

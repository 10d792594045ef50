#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2
# A terminal in the foreground, on a real pty of script(1).

load helpers
setup() {
	setup_bundle
	update_config '.process.terminal = true'
}
teardown() { teardown_bundle; }

# on_tty COMMAND...: run it on a terminal of 33 rows and 77 columns; what it shows is in $output.
on_tty() {
	output=$(script -qefc "stty rows 33 cols 77; $*; echo \"status \$?\"; stty -a" /dev/null </dev/null 2>&1 3>&- | tr -d '\r')
	echo "$output"
}

# bats test_tags=vm-board
@test "run shows the container's terminal, with the size of ours, and restores ours" {
	set_args sh -c 'tty; stty size; exit 3'
	on_tty "$HULL --root $ROOT run test_box"
	[[ $output == *"/dev/pts/0"* ]]
	[[ $output == *"33 77"* ]]
	[[ $output == *"status 3"* ]]
	[[ $output == *" icanon"* && $output == *" echo "* ]]
}

@test "run gives consoleSize before our own size" {
	update_config '.process.consoleSize = {height: 11, width: 22}'
	set_args stty size
	on_tty "$HULL --root $ROOT run test_box"
	[[ $output == *"11 22"* ]]
}

# bats test_tags=vm-initramfs
@test "run makes /dev/console the terminal, and the controlling one" {
	set_args sh -c 'echo words >/dev/console; ls -l /dev/console; echo more >/dev/tty'
	on_tty "$HULL --root $ROOT run test_box"
	[[ $output == *words* && $output == *more* ]]
}

@test "run shows what comes after a while in which nobody had the terminal open" {
	set_args sh -c 'exec >/dev/null 2>&1 </dev/null; sleep 0.3; echo again >/dev/console'
	on_tty "$HULL --root $ROOT run test_box"
	[[ $output == *again* ]]
}

@test "run loses no byte of much output, and ends lines as the program did" {
	set_args sh -c 'i=0; while [ $i -lt 20000 ]; do echo "line $i of many that are long enough"; i=$((i+1)); done; echo END'
	"$HULL" --root "$ROOT" run test_box </dev/null >out 2>&1 3>&-
	[ "$(wc -l <out)" = 20001 ]
	[ "$(tail -1 out)" = END ]
}

@test "run tells the container's terminal of a new size" {
	set_args sh -c 'trap "stty size; exit 7" WINCH; echo ready; while :; do sleep 0.05; done'
	on_tty "$HULL --root $ROOT run test_box >seen & p=\$!; until grep -q ready seen; do sleep 0.02; done; stty rows 44 cols 88; kill -WINCH \$p; wait \$p"
	[[ $(tr -d '\r' <seen) = *"44 88"* && $output = *"status 7"* ]]
}

@test "run goes on when its container is stopped and continued" {
	set_args sh -c 'echo ready; read line; echo "got $line"; exit 6'
	mkfifo in
	"$HULL" --root "$ROOT" run test_box <in >out 2>&1 3>&- &
	local run=$! status=0
	exec 8>in
	wait_for 5 grep -q ready out
	pid=$(state_of test_box .pid)
	quietly kill test_box STOP
	wait_for 5 grep -q "^State:	T" "/proc/$pid/status"
	echo words >&8
	quietly kill test_box CONT
	wait "$run" || status=$?
	exec 8>&-
	[ "$status" = 6 ]
	grep -q "got words" out
}

@test "run restores the terminal when the container is killed or hull cannot go on" {
	set_args sleep 1000
	on_tty "(until $HULL --root $ROOT kill test_box KILL; do sleep 0.05; done) >/dev/null 2>&1 & $HULL --root $ROOT run test_box"
	[[ $output == *"status 137"* && $output == *" icanon"* && $output == *" echo "* ]]
	set_args /nowhere
	on_tty "$HULL --root $ROOT run test_box"
	[[ $output == *"status 1"* && $output == *" icanon"* && $output == *" echo "* ]]
	nothing_left test_box
}

@test "run ends with the container, though nobody reads its output any more" {
	set_args sh -c 'i=0; while [ $i -lt 3000 ]; do echo "line $i of many that are long enough"; i=$((i+1)); done; exit 9'
	run -0 bash -c '"$0" --root "$1" run test_box 2>/dev/null </dev/null | head -n 1; echo "${PIPESTATUS[0]}"' "$HULL" "$ROOT" 3>&-
	[[ ${lines[0]} = "line 0"* ]]
	[ "${lines[1]}" = 9 ]
	nothing_left test_box
}

@test "run passes signals on though nobody reads its output, and a second one ends its wait for a reader" {
	# A shell that waits for its terminal heeds no signal: another one writes.
	set_args sh -c 'trap "exit 7" TERM; while :; do echo 0123456789abcdef; done & while :; do sleep 0.1; done'
	mkfifo fifo
	exec 9<>fifo
	script -qefc "exec $HULL --root $ROOT run test_box >fifo" /dev/null </dev/null >/dev/null 2>&1 3>&- &
	local script=$! pid
	hulls() { pid=$(pgrep -f "^$HULL --root $ROOT run test_box\$"); }
	wait_for 5 hulls
	wait_status test_box running
	# Until the FIFO is full and hull stands still.
	still() { local n; n=$(awk '{ print $14 + $15 }' "/proc/$pid/stat"); sleep 0.2; [ "$n" = "$(awk '{ print $14 + $15 }' "/proc/$pid/stat")" ]; }
	wait_for 5 still
	kill -TERM "$pid"
	wait_status test_box stopped
	[ -d "/proc/$pid" ]
	kill -TERM "$pid"
	wait_for 5 gone "$pid"
	code=0
	wait $script || code=$?
	[ "$code" = 7 ]
	exec 9>&-
	nothing_left test_box
}

@test "a console socket that is none is named" {
	echo text >file
	refused "connect to --console-socket file: connection refused" create --console-socket file test_box
	refused "connect to --console-socket nothing: no such file or directory" create --console-socket nothing test_box
	refused "connect to --console-socket rootfs: connection refused" run -d --console-socket rootfs test_box
	nothing_left test_box
}

@test "run passes input on" {
	set_args sh -c 'read line; echo "got $line"; exit 5'
	status=0
	(echo words && sleep 0.5) | "$HULL" --root "$ROOT" run test_box >out 3>&- || status=$?
	[ "$status" = 5 ]
	grep -q 'got words' out
}

@test "exec -t has a terminal of its own" {
	update_config '.process.terminal = false'
	set_args sleep 1000
	quietly create test_box
	on_tty "$HULL --root $ROOT exec -t test_box sh -c 'tty; stty size; exit 4'"
	[[ $output == *"/dev/pts/0"* && $output == *"33 77"* && $output == *"status 4"* ]]
	hull exec test_box tty
	[ "$status" -eq 1 ]
}

@test "a container that detaches needs a console socket" {
	refused "cannot allocate tty if hull will detach without setting console socket" create test_box
	refused "cannot allocate tty if hull will detach without setting console socket" run -d test_box
	update_config '.process.terminal = false'
	refused "cannot use console socket if hull will not detach or allocate tty" run -d --console-socket x test_box
	nothing_left test_box
}

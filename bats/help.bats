#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host

load helpers

COMMANDS="check checkpoint create delete doctor events exec explain features kill list pause ps restore resume run spec start state update"

@test "help is printed for -h, --help, help and nothing at all" {
	for args in -h --help help h ""; do
		# shellcheck disable=SC2086 # nothing at all is no argument
		hull $args
		[ "$status" -eq 0 ]
		[ "${lines[0]}" = "NAME:" ]
		[ "${lines[1]}" = "   hull - Open Container Initiative runtime" ]
	done
}

@test "help lists every command" {
	hull --help
	for cmd in $COMMANDS; do
		grep -q "^   $cmd  *[a-z]" <<<"$output"
	done
}

@test "help of a command is printed for -h, --help and help COMMAND" {
	for cmd in $COMMANDS; do
		for args in "$cmd -h" "$cmd --help" "help $cmd"; do
			# shellcheck disable=SC2086
			hull $args
			[ "$status" -eq 0 ]
			[ "${lines[0]}" = "NAME:" ]
			[[ ${lines[1]} = "   hull $cmd - "* ]]
			[[ $output = *"USAGE:"*"   hull $cmd "*"OPTIONS:"* ]]
		done
	done
}

@test "help of a command does not look at its arguments" {
	hull state a b c --help
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "NAME:" ]
}

@test "help goes to stdout, errors to stderr" {
	[ -z "$("$HULL" --help 2>&1 >/dev/null)" ]
	[ -z "$("$HULL" nothing 2>/dev/null)" ]
}

@test "an unknown command exits with 3" {
	refused "No help topic for 'foo'" foo -h
	[ "$status" -eq 3 ]
	refused "No help topic for 'foo'" help foo
	[ "$status" -eq 3 ]
}

@test "every option is in the help of its command" {
	hull exec --help
	for name in console-socket pidfd-socket cwd env tty user additional-gids process detach pid-file process-label \
		apparmor no-new-privs cap preserve-fds cgroup ignore-paused; do
		[[ $output = *"   --$name"* ]]
	done
	hull run --help
	for name in bundle console-socket pidfd-socket detach keep pid-file no-subreaper no-pivot no-new-keyring \
		preserve-fds; do
		[[ $output = *"   --$name"* ]]
	done
	for cmd in run spec; do
		hull "$cmd" --help
		[[ $output = *"   --rootfs value"*"OPTIONS WITH --rootfs:"*"   --volume value, -v value"*"   --net value"* ]]
	done
}

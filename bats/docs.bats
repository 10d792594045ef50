#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host
#
# hull(8) and the completion for bash, which "make" makes from the tables of options.

load helpers

DOCS=$(dirname "$HULL")

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }
teardown() { teardown_bundle; }

commands() { "$HULL" --help | sed -n '/^COMMANDS:/,/^$/s/^   \([a-z]*\)  .*/\1/p'; }

# options [COMMAND]: all that its help shows, "--name" and "-n".
options() { "$HULL" "$@" --help | sed -n '/OPTIONS/,$s/^   \(--[a-z0-9-]*\( value\)\?\(, -[a-z]\)\?\).*/\1/p' | grep -oE -e '(^| )--?[a-z0-9-]+'; }

# complete WORD...: what bash offers for the last word.
complete_words() (
	set +u
	# shellcheck disable=SC1091
	source "$DOCS/hull.bash"
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	_hull
	printf '%s\n' "${COMPREPLY[@]}"
)

offers() { [ "$(complete_words "${@:2}" | sort | xargs)" = "$1" ]; }

@test "the manual page has every command and every option of the help" {
	[ "$(commands | wc -l)" -ge 15 ]
	for cmd in "" $(commands); do
		if [ -n "$cmd" ]; then
			sed -n "/^\.SS hull $cmd\$/,/^\.S[SH]/p" "$DOCS/hull.8" >section
		else
			sed -n '/^\.SH GLOBAL/,/^\.SH COMMANDS/p' "$DOCS/hull.8" >section
		fi
		sed -i 's/\\-/-/g' section
		# shellcheck disable=SC2086
		list=$(options $cmd)
		[ "$(wc -w <<<"$list")" -ge 2 ]
		for option in $list; do
			case $cmd/$option in
			?*/--help | ?*/-h) ;; # once is enough
			*) grep -qE -e "fB$option\\\\fR" section || { echo "$cmd $option is missing" && return 1; } ;;
			esac
		done
	done
}

@test "the manual page has no faults" {
	[ -z "$(mandoc -Tlint "$DOCS/hull.8" 2>&1)" ]
	[[ $(mandoc -Tascii "$DOCS/hull.8" | sed 's/.\x08//g') = *"hull run --rootfs DIR"*"--preserve-fds N"* ]]
	grep -qF "hull $("$HULL" --version | sed -n '1s/.* //p')" "$DOCS/hull.8"
}

@test "every command and every option is completed" {
	[ "$(complete_words hull "")" = "$(commands && echo help)" ]
	for cmd in "" $(commands); do
		# shellcheck disable=SC2086
		[ "$(complete_words hull $cmd - | sort -u)" = "$(options $cmd | tr -d " " | sort -u)" ]
	done
	offers "--rootfs" hull run --rootf
	offers "start state" hull sta
	offers "restore resume run" hull help r
}

@test "the values of options are completed where they are known" {
	offers "json table" hull list --format ""
	offers "json" hull list -f j
	offers "json text" hull --log-format = ""
	offers "json text" hull --log-format =
	offers "host none" hull run --rootfs /x --net ""
	mkdir "some dir" other && touch some-file
	[ "$(complete_words hull run --rootfs so)" = "some dir" ]
	[ "$(complete_words hull run --pid-file so | sort)" = "$(printf 'some dir\nsome-file')" ]
	offers "" hull run --memory ""
	# A flag has none: the next word is something else.
	offers "--pid-file --pidfd-socket" hull run --detach --pid
}

@test "the ids of containers are completed for commands that take one" {
	setup_bundle
	quietly create test_one
	quietly create test_two
	cd "$BATS_TEST_TMPDIR"
	for cmd in delete events exec kill pause ps resume start state update; do
		offers "test_one test_two" "$HULL" --root "$ROOT" "$cmd" ""
		offers "test_two" "$HULL" --root = "$ROOT" "$cmd" -- test_tw
	done
	offers "test_one test_two" "$HULL" --root "$ROOT" delete --force ""
	offers "test_one test_two" "$HULL" --root "$ROOT" exec --env A=b -t ""
	# These make one, or take none.
	for cmd in run create list spec features; do
		offers "" "$HULL" --root "$ROOT" "$cmd" te
	done
	offers "" "$HULL" --root "$ROOT" state test_one ""
	offers "SIGKILL" "$HULL" --root "$ROOT" kill test_one SIGKI
}

@test "after the id of exec, and the command of run, nothing is hull's" {
	touch -- --detach-me
	offers "--detach-me" hull exec box --det
	offers "--detach-me" hull run --rootfs /x box -- --det
	offers "--detach" hull run --rootfs /x box --det
	offers "--detach-me" hull run --rootfs /x box ls --det
}

@test "make install installs program, manual page and completion" {
	[ -f "$BATS_TEST_DIRNAME/../Makefile" ]
	flags=()
	[[ $DOCS != */san ]] || flags=(SAN=1)
	env -u MAKEFLAGS make -s -C "$BATS_TEST_DIRNAME/.." "${flags[@]}" install DESTDIR="$PWD/d" PREFIX=/usr 3>&-
	cmp d/usr/bin/hull "$HULL"
	[ "$(readlink d/usr/bin/containerd-shim-hull-v2)" = hull ]
	[[ $(d/usr/bin/containerd-shim-hull-v2 -v) == *containerd-shim-hull-v2* ]]
	cmp d/usr/share/man/man8/hull.8 "$DOCS/hull.8"
	cmp d/usr/share/bash-completion/completions/hull "$DOCS/hull.bash"
	grep -q 'complete -F _hull hull' d/usr/share/bash-completion/completions/hull
}

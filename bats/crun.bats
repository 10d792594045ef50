#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host
#
# What crun has and runc has not.

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

@test "create and run take the configuration from --config, relative to where they are called, or from stdin" {
	set_args echo other
	mkdir conf
	mv config.json conf/other.json
	hull create test_box
	[[ $output == *"JSON specification file config.json not found"* ]]
	must run --config conf/other.json test_box
	[ "$output" = other ]
	cd /
	must run --bundle "$BUNDLE" -f "$BUNDLE/conf/other.json" test_box
	[ "$output" = other ]
	cd "$BUNDLE"
	[ "$("$HULL" --root "$ROOT" run --config - test_box <conf/other.json 3>&-)" = other ]
	jq '.process.args = ["sleep", "1000"]' conf/other.json | "$HULL" --root "$ROOT" create -f - test_box >/dev/null 2>&1 3>&-
	is_status test_box created
	[ "$(jq -c .process.args "$ROOT/test_box/config.json")" = '["sleep","1000"]' ]
	must exec test_box echo in
	refused "nonexistent not found" run --config nonexistent test_other
	echo '{' >bad
	refused "bad: " create --config bad test_other
	refused "--rootfs and --config exclude each other" run --rootfs rootfs --config conf/other.json test_other
}

@test "create takes --no-subreaper" {
	quietly create --no-subreaper test_box
	is_status test_box created
}

@test "delete and kill --regex work on all that match" {
	set_args sleep 1000
	for id in test_web-1 test_web-2 test_db; do
		update_config '.linux.cgroupsPath = $p' --arg p "$(cgroups_path "$id")"
		quietly create $id
		quietly start $id
	done
	quietly kill --regex 'web-[12]$' KILL
	wait_status test_web-1 stopped
	wait_status test_web-2 stopped
	is_status test_db running
	# One that fails keeps no other from its turn.
	refused "container test_db: cannot delete container test_db that is not stopped: running" delete --regex '^test_'
	must list -q
	[ "$output" = test_db ]
	quietly delete --regex nothing
	quietly delete --regex --force 'test_(db|web)'
	must list -q
	[ -z "$output" ]
	refused 'invalid regular expression \"[a\": a [ without its ]' delete --regex '[a'
	refused 'unknown signal \"NONE\"' kill --regex x NONE
}

# with_daemon SOCKET COMMAND...: where a daemon of the test's own listens at this path, beside the host's /run and /dev.
with_daemon() {
	local socket=$1
	shift
	cat >daemon.py <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		open(sys.argv[2] + ".ready", "w").close()
		s.settimeout(10)
		with open(sys.argv[2], "wb") as f:
		    f.write(s.recv(65536))
	END
	rm -f said said.ready
	unshare -m --propagation private sh -ec 'mkdir -p mine/run mine/dev
		if [ "$1" = /dev/log ]; then
			mount --rbind /dev mine/dev && mount -t tmpfs tmpfs mine/run && touch mine/run/log
			rm -f mine/sock; python3 daemon.py mine/sock said & d=$!
			until [ -e said.ready ]; do sleep 0.02; done
			mount -t tmpfs tmpfs /dev; mkdir /dev/pts /dev/shm
			for n in null zero full random urandom tty; do touch /dev/$n && mount --bind mine/dev/$n /dev/$n; done
			touch /dev/log && mount --bind mine/sock /dev/log
		else
			mkdir -p /run/systemd; mount -t tmpfs tmpfs /run/systemd; mkdir /run/systemd/journal
			python3 daemon.py /run/systemd/journal/socket said & d=$!
			until [ -e said.ready ]; do sleep 0.02; done
		fi
		socket=$1; shift
		"$@" || echo "status $?"
		wait $d' sh "$socket" "$@" 3>&-
}

@test "--log=journald:ID sends errors to the journal, with their parts as fields" {
	update_config '.hostname = 5'
	output=$(with_daemon /run/systemd/journal/socket "$HULL" --root "$ROOT" --log=journald:box7 create test_box 2>err)
	[ "$output" = "status 1" ]
	grep -qxF 'PRIORITY=3' said
	grep -qxF 'SYSLOG_IDENTIFIER=hull' said
	grep -qxF 'ID=box7' said
	grep -qxF 'JSON_POINTER=/hostname' said
	grep -q '^MESSAGE=.*hull create failed: config.json: expected a string, found the number 5 (/hostname)$' said
	grep -q 'expected a string' err
}

@test "--log=journald keeps the lines of a message" {
	update_config '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "echo a; echo b; exit 1"]}]'
	with_daemon /run/systemd/journal/socket "$HULL" --root "$ROOT" --log=journald:box7 create test_box >/dev/null 2>&1
	[ "$(grep -c '^MESSAGE$' said)" = 1 ]
	perl -0777 -e '$_ = <>; my ($n, $rest) = /^MESSAGE\n(.{8})(.*)/s or die; $n = unpack("Q<", $n);
		substr($rest, $n, 1) eq "\n" && substr($rest, 0, $n) =~ /stdout: a\nb, / or die "length $n: $rest"' said
}

@test "--log=syslog:ID sends errors to /dev/log" {
	update_config '.hostname = 5'
	with_daemon /dev/log "$HULL" --root "$ROOT" --log=syslog:box7 create test_box >/dev/null 2>&1
	[[ $(tr -d '\0' <said) =~ ^\<11\>hull\[[0-9]+\]:\ box7:\ hull\ create\ failed:.*expected\ a\ string ]]
}

@test "--log=file:PATH is a file; a daemon that is not there is an error" {
	update_config '.hostname = 5'
	refused "expected a string" --log "file:$PWD/log" create test_box
	grep -q "expected a string" log
	for log in journald:x syslog:x; do
		run unshare -m --propagation private sh -c 'mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd; [ ! -e /dev/log ] || mount --bind /dev/null /dev/log
			exec "$@"' sh "$HULL" --root "$ROOT" --log=$log list 3>&-
		[ "$status" = 1 ]
		[[ $output == *"level=error msg=\"unable to open the log file: /"*": "* ]]
	done
	refused "a name is missing behind the colon" --log=journald: list
}

@test "--log-level says what is told" {
	update_config '.process.capabilities.bounding += ["CAP_NONE"]'
	set_args true
	must run test_box
	[[ $output == *"level=warning"* ]]
	must --log-level error run test_box
	[ -z "$output" ]
	for level in warning info; do
		must --log log --log-level $level run test_box
		grep -q "level=warning" log && rm log
	done
	must --log log --log-level debug run test_box
	grep -q "level=debug" log
	refused 'invalid log-level: \"loud\" is not error, warning, info or debug' --log-level loud list
}

@test "hull called crun calls itself so" {
	ln -s "$HULL" crun
	run ./crun --root "$ROOT" create nonexistent/x 3>&-
	[[ $output == *"crun create failed"* || $output == *"invalid container ID"* ]]
	[[ $(./crun --version) == "crun version"* ]]
	[[ $(./crun --help) == *"crun run "* ]]
}

@test "spec --file writes that file, whatever is there" {
	quietly spec --file other.json
	[ "$(jq -r .process.args[0] other.json)" = sh ]
	echo old >other.json
	quietly spec -f other.json --rootless
	[ "$(jq -r '.linux.namespaces | any(.type == "user")' other.json)" = true ]
	mkdir sub
	quietly spec -b sub -f there.json
	[ -s sub/there.json ] && [ ! -e sub/config.json ]
	refused "--rootfs and --file exclude each other" spec --rootfs rootfs --file x
}

# Each option of crun 1.29.1 with what hull does, and the title of a test that shows it.
@test "every option of crun is hull's, or has its reason" {
	local n=0 command option title help
	while IFS='|' read -r command option title; do
		[[ $command != '#'* ]] || continue
		command=${command% } option=${option# } option=${option% } title=${title# }
		n=$((n + 1))
		if [ "$command" = global ]; then help=$("$HULL" --help); else help=$("$HULL" "$command" --help); fi
		if [[ $title = "no: "* ]]; then
			not grep -qE -- "--${option}[ ,]" <<<"$help"
			continue
		fi
		grep -qE -- "--${option}[ ,]" <<<"$help" || { echo "no $command --$option" && return 1; }
		grep -qF "@test \"$title" "$BATS_TEST_DIRNAME"/*.bats || { echo "no test \"$title\"" && return 1; }
	done <"$BATS_TEST_DIRNAME/crun.txt"
	[ "$n" -gt 80 ]
}

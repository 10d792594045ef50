#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The tests of a machine with little: run by PID 1 of a guest that has hull, busybox and nothing else. Its kernel was
# started with cgroup_disable=memory, as a Raspberry Pi's is. Prints TAP, as bats does.
exec >/dev/vport0p1 2>&1 </dev/null
cd /box || exit 1
n=0

# it TITLE STATUS TEXT COMMAND...: must end with this status, and have this text in what it says.
it() {
	title=$1 want=$2 text=$3
	shift 3
	n=$((n + 1))
	said=$("$@" 2>&1)
	status=$?
	case $status:$said in
	"$want":*"$text"*) echo "ok $n - $title" ;;
	*)
		echo "not ok $n - $title"
		echo "$* -> $status, $said" | sed 's/^/# /'
		;;
	esac
}

# config JSON_TEXT: of hull spec's file, with this in the place of its resources, and the words of the process
config() {
	sed "s|\"resources\": {|\"resources\": { $1|" spec.json >config.json
}

program() {
	sed -i "s|\"sh\"|$1|" config.json
}

run() { /hull run box; }

nothing_left() { [ -z "$(ls /run/hull 2>/dev/null)" ] && ! pidof hull && [ -z "$(find /sys/fs/cgroup -name '*box*')" ]; }

echo "# lane vm-small begins"
/hull spec
sed -i 's/"terminal": true/"terminal": false/' config.json
mv config.json spec.json
config ""
program '"echo", "hello"'
it "small: without any cgroup file system a container runs" 0 hello run
config '"pids": {"limit": 20},'
it "small: without one, a limit says that none is mounted" 1 "no cgroup file system is mounted at /sys/fs/cgroup" run
it "small: doctor says so, and that containers run" 0 "nothing is mounted at /sys/fs/cgroup" /hull doctor
mount -t cgroup2 cgroup2 /sys/fs/cgroup
it "small: doctor names what the machine lacks" 0 "cgroup_enable=memory" /hull doctor
config '"memory": {"limit": 33554432},'
it "small: without the memory controller a limit says how to get it" 1 'cgroup_enable=memory' run
it "small: --missing-controllers ignore goes on without" 0 "" sh -c 'sed -i "s/\"sh\"/\"true\"/" config.json && /hull --missing-controllers ignore run box'
config '"pids": {"limit": 20},'
program '"cat", "/sys/fs/cgroup/box/pids.max"'
it "small: other limits are set" 0 20 run
sed 's|"mounts": \[|"mounts": [{"destination": "/mnt", "type": "overlay", "source": "o", "options": ["lowerdir=/box:/bin"]},|' spec.json >config.json
it "small: without overlay the mount says so" 1 'file system type \"overlay\" is unknown to the kernel, and no module of it could be loaded' run
config ""
sed -i 's|"namespaces": \[|"namespaces": [{"type": "user"},|; s|"linux": {|"linux": {"uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],|' config.json
program '"cat", "/proc/self/uid_map"'
it "small: user namespaces work" 0 1000 run
echo 0 >/proc/sys/user/max_user_namespaces
it "small: where they are switched off, the error says by what" 1 "user.max_user_namespaces" run
it "small: as doctor does" 0 "user.max_user_namespaces is 0" /hull doctor
echo 1000 >/proc/sys/user/max_user_namespaces
config ""
program '"echo", "hello"'
mount -t tmpfs -o ro none /run
it "small: a /run that cannot be written names --root" 1 "--root names another" run
umount /run
mount -t tmpfs none /run
mount -o remount,ro /
it "small: a root file system that is read-only is no hindrance" 0 hello run
it "small: nor is it to a container that stays" 0 "" sh -c '/hull run -d box </dev/null >/run/out 2>&1 && /hull delete -f box'
sed 's/"echo", "hello"/"sleep", "100"/' config.json >/run/config.json
/hull run --config /run/config.json box >/run/out 2>&1 &
hull=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	/hull state box 2>&1 | grep -q running && break
	sleep 0.2
done
it "small: a waiting hull has used less than 3 MB" 0 VmHWM awk '/^VmHWM/ { print; exit $2 > 3000 }' "/proc/$hull/status"
echo "# $(grep MemTotal /proc/meminfo), $(grep -E "VmHWM" "/proc/$hull/status")"
/hull delete -f box
wait "$hull"
it "small: nothing is left" 0 "" nothing_left
echo "1..$n"
echo "# lane vm-small ends"

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

load helpers
setup() { setup_bundle; }
teardown() {
	umount src/sub 2>/dev/null || true
	teardown_bundle
}

# inside SCRIPT: run it in the container.
inside() {
	set_args sh -c "$1"
	hull run test_box
}

# bats test_tags=vm-initramfs,vm-old
@test "run mounts what hull spec asks for" {
	inside 'cat /proc/mounts'
	[ "$status" -eq 0 ]
	for m in "proc /proc proc rw" "tmpfs /dev tmpfs rw,nosuid" "devpts /dev/pts devpts rw,nosuid,noexec" \
		"shm /dev/shm tmpfs rw,nosuid,nodev,noexec" "mqueue /dev/mqueue mqueue rw,nosuid,nodev,noexec" \
		"sysfs /sys sysfs ro,nosuid,nodev,noexec"; do
		[[ $output == *"$m"* ]] || { echo "no $m" && return 1; }
	done
}

# bats test_tags=vm-initramfs
@test "run binds a directory, made where it is missing" {
	mkdir -p src && echo word >src/file
	add_mount /a/b/c bind "$BUNDLE/src" bind rw
	update_config '.root.readonly = false'
	inside 'cat /a/b/c/file; echo new >/a/b/c/other'
	[ "$output" = word ]
	[ "$(cat src/other)" = new ]
}

@test "run binds a file on a file, made where it is missing" {
	echo word >src
	add_mount /etc/some/file bind "$BUNDLE/src" bind ro
	inside 'cat /etc/some/file; echo x >/etc/some/file'
	[[ ${lines[0]} == word ]]
	[[ $output == *"Read-only file system"* ]]
	[ "$(cat src)" = word ]
}

@test "run takes a relative source from the bundle" {
	mkdir -p src && echo word >src/file
	add_mount /mnt bind src bind
	inside 'cat /mnt/file'
	[ "$output" = word ]
}

@test "run applies attributes to a bind mount alone, and rro to all below" {
	mkdir -p src/sub
	mount -t tmpfs none src/sub
	add_mount /plain bind "$BUNDLE/src" rbind ro nosuid nodev noexec
	add_mount /deep bind "$BUNDLE/src" rbind rro
	inside 'grep -E " /(plain|deep)" /proc/mounts; touch /plain/sub/x && echo written; touch /deep/sub/x'
	[[ $output =~ " /plain "[^\ ]+" ro,nosuid,nodev,noexec" ]]
	[[ $output =~ " /plain/sub tmpfs rw" ]]
	[[ $output =~ " /deep/sub tmpfs ro" ]]
	[[ $output == *written* ]]
	[[ $output == *"/deep/sub/x: Read-only file system"* ]]
}

# bats test_tags=vm-initramfs
@test "run keeps the host's mounts free of the container's" {
	mkdir -p src
	add_mount /mnt bind "$BUNDLE/src" rbind rshared
	add_mount /mnt/inner tmpfs tmpfs
	inside 'grep -c " /mnt/inner " /proc/mounts'
	[ "$output" = 1 ]
	not grep -F "$BUNDLE" /proc/mounts
}

# bats test_tags=vm-initramfs
@test "run sets the propagation of a mount" {
	mkdir -p src
	add_mount /shared bind "$BUNDLE/src" rbind rprivate rshared
	add_mount /private bind "$BUNDLE/src" rbind rprivate
	add_mount /bindless tmpfs tmpfs unbindable
	inside 'cat /proc/self/mountinfo'
	[[ $output =~ " /shared "[^-]*shared:[0-9] ]]
	[[ $output =~ " /private "[a-z,]+" - " ]]
	[[ $output =~ " /bindless "[^-]*unbindable ]]
}

@test "run gives a tmpfs the mode of the directory it covers" {
	mkdir -p rootfs/private && chmod 1751 rootfs/private
	add_mount /private tmpfs tmpfs size=64k
	add_mount /asked tmpfs tmpfs mode=700
	inside 'stat -c %a /private /asked'
	[ "$output" = "$(printf '1751\n700')" ]
}

@test "run fills a tmpfs with tmpcopyup" {
	mkdir -p rootfs/data/sub && echo word >rootfs/data/sub/file && ln -s sub/file rootfs/data/link
	chown 12:34 rootfs/data/sub/file && chmod 4755 rootfs/data/sub/file
	add_mount /data tmpfs tmpfs tmpcopyup
	inside 'cat /data/link; stat -c "%a %u %g" /data/sub/file; echo new >/data/new'
	[ "${lines[0]}" = word ]
	[ "${lines[1]}" = "4755 12 34" ]
	[ ! -e rootfs/data/new ]
}

@test "run gives a tmpfs with tmpcopyup the mode and owner of its options, else those of any tmpfs" {
	mkdir -p rootfs/own && chown 5:6 rootfs/own && chmod 751 rootfs/own
	cp -a rootfs/own rootfs/asked
	add_mount /own tmpfs tmpfs tmpcopyup
	add_mount /asked tmpfs tmpfs tmpcopyup mode=1770 uid=7
	add_mount /new tmpfs tmpfs tmpcopyup
	add_mount /newly-asked tmpfs tmpfs tmpcopyup mode=1700
	inside 'stat -c "%a %u" /own /asked /new /newly-asked'
	[ "${lines[*]}" = "751 0 1770 7 1777 0 1700 0" ]
}

@test "run makes a read-only tmpfs read-only after it took mount points" {
	add_mount /ro tmpfs tmpfs ro
	add_mount /ro/inner tmpfs tmpfs
	inside 'touch /ro/inner/x && echo written; touch /ro/x'
	[[ $output == *written* && $output == *"/ro/x: Read-only"* ]]
}

# bats test_tags=vm-initramfs,vm-old
@test "run makes the root read-only, or not" {
	inside 'touch /x'
	[[ $output == *"/x: Read-only file system"* ]]
	update_config '.root.readonly = false'
	inside 'touch /x'
	[ "$status" -eq 0 ] && [ -e rootfs/x ]
}

@test "run resolves links in a destination inside the root" {
	ln -s /../../../../target rootfs/abs
	ln -s nowhere/yet rootfs/dangling
	add_mount /abs/x tmpfs tmpfs
	add_mount /dangling/y tmpfs tmpfs
	inside 'cat /proc/mounts'
	[[ $output == *" /target/x tmpfs"* && $output == *" /nowhere/yet/y tmpfs"* ]]
	[ ! -e /target ]
}

@test "run with copy-symlink makes the link anew" {
	ln -s some/where src
	add_mount /link bind "$BUNDLE/src" bind copy-symlink
	inside 'readlink /link'
	[ "$output" = some/where ]
}

@test "create refuses a mount on a link at /proc or /sys" {
	for d in proc sys; do
		mv "rootfs/$d" "rootfs/real_$d"
		ln -s "/real_$d" "rootfs/$d"
		refused "must be mounted on ordinary directory" create test_box
		nothing_left test_box
		rm "rootfs/$d" && mv "rootfs/real_$d" "rootfs/$d"
	done
}

@test "create refuses a mount inside /proc, whatever link leads there" {
	mkdir -p src
	add_mount /proc/self/attr bind "$BUNDLE/src" bind
	refused 'cannot be mounted because it is inside /proc (/mounts/7)' create test_box
	update_config 'del(.mounts[-1])'
	ln -s /proc/sys rootfs/link
	add_mount /link tmpfs tmpfs
	refused 'cannot be mounted because it is inside /proc (/mounts/7)' create test_box
	nothing_left test_box
}

@test "run may replace the files of /proc that lxcfs replaces" {
	echo fake >src
	add_mount /proc/uptime bind "$BUNDLE/src" bind
	inside 'cat /proc/uptime'
	[ "$output" = fake ]
}

@test "create names the mount whose source does not exist" {
	add_mount /mnt bind "$BUNDLE/nothing" bind
	refused "$BUNDLE/nothing: no such file or directory (/mounts/7/source)" create test_box
	nothing_left test_box
}

@test "create passes on what the kernel says of an option" {
	add_mount /mnt tmpfs tmpfs nonsense=1
	refused "nonsense" create test_box
	[[ $output == *"/mounts/7"* ]]
	add_mount /mnt nosuchfs none
	update_config 'del(.mounts[7])'
	refused 'file system type \"nosuchfs\" is unknown' create test_box
	nothing_left test_box
}

@test "create refuses file system options on a bind mount" {
	mkdir -p src
	add_mount /mnt bind "$BUNDLE/src" bind size=5
	refused "bind mounts cannot have any filesystem-specific options applied" create test_box
}

# bats test_tags=vm,vm-old
@test "run mounts overlay" {
	mkdir -p lower upper work && echo word >lower/file
	add_mount /mnt overlay overlay "lowerdir=$BUNDLE/lower" "upperdir=$BUNDLE/upper" "workdir=$BUNDLE/work"
	inside 'cat /mnt/file; echo new >/mnt/made'
	[ "$output" = word ]
	[ "$(cat upper/made)" = new ]
}

# bats test_tags=vm
@test "run shows the container its own cgroups" {
	inside 'cat /proc/self/cgroup; ls /sys/fs/cgroup; mkdir /sys/fs/cgroup/x'
	[ "$status" -ne 0 ]
	[[ $output == *"Read-only file system"* ]]
	if is_v1; then
		[[ $output == *memory* && $output == *systemd* ]]
	else
		[[ $output == *"0::/"* && $output == *cgroup.procs* ]]
	fi
}

@test "run takes 100 bind mounts" {
	mkdir -p src
	update_config '.mounts += [range(100) | {destination: "/many/\(.)", source: $s, options: ["bind"]}]' --arg s "$BUNDLE/src"
	inside 'grep -c " /many/" /proc/mounts'
	[ "$output" = 100 ]
}

# bats test_tags=vm-initramfs
@test "run with rootfsPropagation shared lets mounts of the host in" {
	update_config '.linux.rootfsPropagation = "shared"'
	inside 'grep " / / \| / " /proc/self/mountinfo | head -1; cat /proc/self/mountinfo'
	[ "$status" -eq 0 ]
	[[ $output =~ " / / "[^-]*"shared:" || $output =~ " / "[^-]*"shared:" ]]
	not grep -F "$BUNDLE" /proc/mounts
}

# bats test_tags=vm-initramfs
@test "run with rootfsPropagation unbindable" {
	mkdir -p src && add_mount /mnt bind "$BUNDLE/src" bind
	update_config '.linux.readonlyPaths += ["/bin"]'
	set_args awk '$5 ~ "^/(mnt|bin)?$" { print $5, $7 }' /proc/self/mountinfo
	update_config '.linux.rootfsPropagation = "unbindable"'
	hull run test_box
	[ "$output" = $'/ unbindable\n/mnt -\n/bin -' ]
	update_config '.linux.rootfsPropagation = "runbindable"'
	hull run test_box
	[ "$output" = $'/ unbindable\n/mnt unbindable\n/bin unbindable' ]
}

# bats test_tags=vm,vm-initramfs
@test "run with rootfsPropagation shared on a host whose mounts are shared leaves nothing there" {
	update_config '.linux.rootfsPropagation = "shared"'
	mkdir -p src && add_mount /mnt bind "$BUNDLE/src" bind
	set_args awk '$5 == "/"' /proc/self/mountinfo
	for name in rootfs itself; do
		unshare -m sh -c 'mount --make-rshared /
			[ "$2" = rootfs ] || { mount --bind rootfs rootfs && mount --make-shared rootfs; }
			"$0" --root "$1" run test_box
			echo "left: $(grep -c " $3/" /proc/self/mountinfo)"' "$HULL" "$ROOT" $name "$BUNDLE" >out 2>&1 3>&- </dev/null
		cat out
		[[ $(head -1 out) =~ " / "[^-]*shared: ]]
		[ "$(tail -1 out)" = "left: $([ $name = rootfs ] && echo 0 || echo 1)" ]
	done
}

# in_shared SCRIPT: on a host whose mounts are shared, with three mounts in $BUNDLE/vol: 1, 2 and 3.
in_shared() {
	mkdir -p vol/1 vol/2 vol/3
	unshare -m sh -ec 'mount --make-rshared /
		for i in 1 2 3; do mount -t tmpfs tmpfs vol/$i && mkdir vol/$i/sub; done
		'"$1" "$HULL" "$ROOT" >out 2>&1 3>&- </dev/null || { cat out && return 1; }
	cat out
}

# bats test_tags=vm,vm-initramfs,vm-old
@test "run with rootfsPropagation slave or private leaves volumes connected that are to be" {
	update_config '.process.capabilities |= map_values(. + ["CAP_SYS_ADMIN"])'
	for propagation in slave private; do
		update_config '.linux.rootfsPropagation = $p | .mounts |= map(select(.destination | startswith("/vol") | not))' --arg p $propagation
		add_mount /vol1 bind "$BUNDLE/vol/1" rbind rshared
		add_mount /vol2 bind "$BUNDLE/vol/2" rbind rslave
		add_mount /vol3 bind "$BUNDLE/vol/3" rbind
		set_args sh -ec 'awk "\$5 ~ \"^/(vol.)?\$\" { print \$5, \$7 }" /proc/self/mountinfo
			for i in 1 2 3; do mount -t tmpfs tmpfs /vol$i/sub; done; umount /vol2/sub; echo >/vol1/ready
			until [ -e /vol1/go ]; do sleep 0.02; done; grep -c " /vol2/sub " /proc/mounts'
		in_shared 'grep -c " '"$BUNDLE"'" /proc/self/mountinfo
			"$0" --root "$1" run test_box & until [ -e vol/1/ready ]; do kill -0 $! && sleep 0.02; done
			awk "\$5 ~ \"/sub\$\" { print \$5 }" /proc/self/mountinfo
			mount -t tmpfs tmpfs vol/2/sub; touch vol/1/go; wait $!; umount vol/2/sub vol/1/sub
			grep -c " '"$BUNDLE"'" /proc/self/mountinfo'
		diff <(sed 's/shared:[0-9]*/shared/; s/master:[0-9]*/master/' out) - <<-END
			3
			/ $([ $propagation = slave ] && echo master || echo -)
			/vol1 shared
			/vol2 master
			/vol3 $([ $propagation = slave ] && echo master || echo -)
			$BUNDLE/vol/1/sub
			1
			3
		END
	done
}

# bats test_tags=vm,vm-initramfs
@test "run --no-pivot leaves the mounts of a host alone that are shared" {
	for propagation in shared rshared slave rslave; do
		update_config '.linux.rootfsPropagation = $p' --arg p $propagation
		set_args true
		in_shared 'cut -d" " -f5 /proc/self/mountinfo >before; "$0" --root "$1" run --no-pivot test_box
			cut -d" " -f5 /proc/self/mountinfo >after'
		diff before after
	done
}

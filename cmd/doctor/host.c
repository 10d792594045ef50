/* SPDX-License-Identifier: Apache-2.0 */
/* Security modules, the services that hull talks to, and the machine around it. */
#include "cmd/doctor/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "nsexec/process/criu.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/spec/landlock.h"
#include "state/systemd/systemd.h"

/* --- Security modules ------------------------------------------------------------------------- */

static void add_apparmor(struct doctor *d)
{
	auto_free char *parser = NULL;
	char text[64];

	if (fd_read_small(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", text, sizeof(text)) <
		    0 ||
	    *text != 'Y')
		doctor_say(
			d, DOCTOR_MISSING, "AppArmor", "", "process.apparmorProfile is refused",
			"boot parameter lsm=...,apparmor, and a kernel with CONFIG_SECURITY_APPARMOR=y");
	else if (access("/sys/kernel/security/apparmor", F_OK) < 0)
		doctor_say(d, DOCTOR_LIMITED, "AppArmor", "on, and securityfs is not mounted",
			   "engines can load no profiles",
			   "mount -t securityfs securityfs /sys/kernel/security");
	else if (d->root && !(parser = fd_find_program("apparmor_parser")))
		doctor_say(d, DOCTOR_LIMITED, "AppArmor", "on, without apparmor_parser",
			   "engines can load no profiles", "install apparmor");
	else
		doctor_works(d, "AppArmor", "on");
}

static void add_selinux(struct doctor *d)
{
	char text[16];

	if (fd_read_small(AT_FDCWD, "/sys/fs/selinux/enforce", text, sizeof(text)) < 0)
		doctor_say(d, DOCTOR_MISSING, "SELinux", "",
			   "process.selinuxLabel and mountLabel are refused",
			   "boot parameter lsm=...,selinux, a policy, and a kernel with "
			   "CONFIG_SECURITY_SELINUX=y");
	else
		doctor_works(d, "SELinux", *text == '1' ? "enforcing" : "permissive");
}

void doctor_security(struct doctor *d)
{
	char text[256];
	int abi;

	if (fd_read_small(AT_FDCWD, "/sys/kernel/security/lsm", text, sizeof(text)) > 0)
		doctor_works(d, "modules", "%s", text);
	else
		doctor_say(d, DOCTOR_UNSEEN, "modules", "no /sys/kernel/security/lsm", NULL,
			   "mount -t securityfs securityfs /sys/kernel/security");
	add_apparmor(d);
	add_selinux(d);
	abi = sys_landlock_abi();
	if (abi > 0)
		doctor_works(d, "Landlock", "ABI %d, of %d that hull knows", abi,
			     SYS_LANDLOCK_ABI_MAX);
	else
		doctor_say(d, DOCTOR_MISSING, "Landlock", errno_text(errno),
			   "annotations " LANDLOCK_PREFIX
			   "* are refused, and programs cannot confine themselves by it",
			   "boot parameter lsm=landlock,..., and a kernel with "
			   "CONFIG_SECURITY_LANDLOCK=y");
	if (fd_read_small(AT_FDCWD, "/sys/kernel/security/lockdown", text, sizeof(text)) > 0 &&
	    strstr(text, "[confidentiality]"))
		doctor_say(d, DOCTOR_LIMITED, "lockdown", "confidentiality",
			   "checkpoint and programs with BPF may be refused",
			   "boot parameter lockdown=integrity");
}

/* --- Services --------------------------------------------------------------------------------- */

static void add_systemd(struct doctor *d)
{
	struct err e;

	if (systemd_check(&e) < 0) {
		doctor_say(d, DOCTOR_MISSING, "systemd", "it does not run here",
			   "--systemd-cgroup is refused; cgroups are made by hull", NULL);
		return;
	}
	systemd_set_timeout(300);
	if (systemd_reach(!d->root, &e) == 0)
		doctor_works(d, "systemd", "it answers%s", d->root ? "" : " this user");
	else
		doctor_say(
			d, DOCTOR_MISSING, "systemd", e.chain, "--systemd-cgroup does not work",
			d->root ? "systemctl start dbus.socket" :
				  "log in by systemd-logind (loginctl enable-linger USER), and set "
				  "XDG_RUNTIME_DIR=/run/user/UID");
}

static void add_criu(struct doctor *d)
{
	const struct criu_setup setup = { .own_stdio = true };
	struct criu c = CRIU_INIT;
	struct err e;

	if (!d->root) {
		doctor_say(d, DOCTOR_MISSING, "CRIU", "root alone may use it",
			   "no checkpoint and no restore", NULL);
		return;
	}
	if (criu_start(&c, &setup, &e) < 0)
		doctor_say(d, DOCTOR_MISSING, "CRIU", e.chain, "no checkpoint and no restore",
			   "install criu");
	else
		doctor_works(d, "CRIU", "%d.%d.%d", c.version / 10000, c.version / 100 % 100,
			     c.version % 100);
	criu_end(&c);
}

/* The names of entries in a directory but those that begin with a dot or are in without. */
static bool list_dir(const char *path, const char *without, char *ret, size_t size)
{
	DIR *dir = opendir(path);
	const struct dirent *de;

	*ret = '\0';
	while (dir && (de = readdir(dir))) {
		if (*de->d_name != '.' && !strstr(without, de->d_name))
			snprintf(ret + strlen(ret), size - strlen(ret), "%s%s", *ret ? ", " : "",
				 de->d_name);
	}
	if (dir)
		closedir(dir);
	return *ret;
}

static void add_binfmt(struct doctor *d)
{
	char names[300];

	if (list_dir("/proc/sys/fs/binfmt_misc", "register status", names, sizeof(names)))
		doctor_works(d, "binfmt_misc", "%s", names);
	else
		doctor_say(d, DOCTOR_MISSING, "binfmt_misc", "nothing is registered",
			   "images for other processors do not run",
			   "qemu-user-static with binfmt support, or tonistiigi/binfmt");
}

void doctor_services(struct doctor *d)
{
	struct statfs st;

	add_systemd(d);
	add_criu(d);
	add_binfmt(d);
	if (statfs("/sys/fs/resctrl", &st) == 0 && (long)st.f_type == RDTGROUP_SUPER_MAGIC)
		doctor_works(d, "resctrl", "mounted");
	else
		doctor_say(d, DOCTOR_MISSING, "resctrl", "not mounted", "linux.intelRdt is refused",
			   "mount -t resctrl resctrl /sys/fs/resctrl, on processors that have it");
}

/* --- The machine ------------------------------------------------------------------------------ */

/* The state directory, or the first above it that is there. */
static void nearest_dir(const char *path, char *ret, size_t size)
{
	char *slash;

	snprintf(ret, size, "%s", path);
	while (access(ret, F_OK) < 0 && (slash = strrchr(ret, '/')) && slash != ret)
		*slash = '\0';
	if (access(ret, F_OK) < 0)
		snprintf(ret, size, "/");
}

static void add_state_dir(struct doctor *d)
{
	const char *path = d->g->root.path;
	struct statvfs v;
	struct statfs st;
	char dir[4096], seen[4200];

	nearest_dir(path, dir, sizeof(dir));
	d->needed = true;
	if (access(dir, W_OK | X_OK) < 0) {
		snprintf(seen, sizeof(seen), "%s: %s", dir, errno_text(errno));
		doctor_say(
			d, DOCTOR_MISSING, "state directory", seen, "no container can be made",
			d->root ? "mount -t tmpfs tmpfs /run, or --root DIR" :
				  "set XDG_RUNTIME_DIR to a directory of this user, or --root DIR");
		return;
	}
	if (statfs(dir, &st) < 0 || statvfs(dir, &v) < 0) {
		doctor_say(d, DOCTOR_UNSEEN, "state directory", errno_text(errno), NULL, NULL);
		return;
	}
	snprintf(seen, sizeof(seen), "%s: %llu MB and %llu files are free", path,
		 (unsigned long long)v.f_bavail * v.f_frsize >> 20, (unsigned long long)v.f_favail);
	if ((v.f_blocks && (unsigned long long)v.f_bavail * v.f_frsize < 1 << 20) ||
	    (v.f_files && v.f_favail < 100))
		doctor_say(d, DOCTOR_LIMITED, "state directory", seen,
			   "each container takes some kB and 10 files there",
			   "make room: start and exec fail with \"no space left on device\"");
	else if ((long)st.f_type != TMPFS_MAGIC && (long)st.f_type != (long)RAMFS_MAGIC)
		doctor_say(
			d, DOCTOR_LIMITED, "state directory", seen,
			"it is on a disk: slower, and what was there at a power cut is still listed",
			"a tmpfs at /run, or --root below one");
	else
		doctor_works(d, "state directory", "%s, on a tmpfs", seen);
}

static void add_clock(struct doctor *d)
{
	time_t now = time(NULL);
	char seen[64];
	struct tm tm;
	char byte;

	if (!gmtime_r(&now, &tm) || !strftime(seen, sizeof(seen), "%Y-%m-%d %H:%M UTC", &tm))
		snprintf(seen, sizeof(seen), "%lld", (long long)now);
	if (now < 1735689600) /* 2025-01-01 */
		doctor_say(d, DOCTOR_LIMITED, "clock", seen,
			   "certificates of registries are not valid yet",
			   "set it: no battery behind the RTC? (chrony, systemd-timesyncd)");
	else
		doctor_works(d, "clock", "%s", seen);
	if (getrandom(&byte, 1, GRND_NONBLOCK) == 1)
		doctor_works(d, "random numbers", "ready");
	else
		doctor_say(d, DOCTOR_LIMITED, "random numbers", errno_text(errno),
			   "programs that ask for them wait, perhaps for minutes",
			   "a hardware source (virtio-rng, /dev/hwrng), or rngd");
}

static void add_memory(struct doctor *d)
{
	struct sysinfo si;
	char seen[128];

	if (sysinfo(&si) < 0)
		return;
	snprintf(seen, sizeof(seen), "%llu MB, %llu of them free; swap %llu MB",
		 (unsigned long long)si.totalram * si.mem_unit >> 20,
		 (unsigned long long)(si.freeram + si.bufferram) * si.mem_unit >> 20,
		 (unsigned long long)si.totalswap * si.mem_unit >> 20);
	doctor_works(d, "memory", "%s", seen);
}

static void add_kernel(struct doctor *d)
{
	struct utsname u;

	if (uname(&u) < 0)
		return;
	if (sys_kernel_before(4, 14))
		doctor_say(d, DOCTOR_LIMITED, "kernel", u.release, "hull has not been tried on it",
			   "Linux 5.10 or later");
	else if (sys_kernel_before(5, 10))
		doctor_say(d, DOCTOR_LIMITED, "kernel", u.release,
			   "older than those that hull is tested on", "Linux 5.10 or later");
	else
		doctor_works(d, "kernel", "%s, pages of %ld KiB", u.release,
			     sysconf(_SC_PAGESIZE) / 1024);
}

static void add_huge_pages(struct doctor *d)
{
	char names[300];

	if (list_dir("/sys/kernel/mm/hugepages", "", names, sizeof(names)))
		doctor_works(d, "huge pages", "%s", names);
	else
		doctor_say(d, DOCTOR_MISSING, "huge pages", "", "hugepageLimits are refused",
			   "a kernel with CONFIG_HUGETLBFS=y");
	if (list_dir("/sys/class/infiniband", "", names, sizeof(names)))
		doctor_works(d, "RDMA devices", "%s", names);
}

/* What a user's container gets from the host, and every engine asks for. */
static void add_devices(struct doctor *d)
{
	static const char *const nodes[] = { "null",	"zero", "full", "random",
					     "urandom", "tty",	"ptmx" };
	char bad[128] = "", path[32];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		snprintf(path, sizeof(path), "/dev/%s", nodes[i]);
		if (stat(path, &st) == 0 && S_ISCHR(st.st_mode))
			continue;
		snprintf(bad + strlen(bad), sizeof(bad) - strlen(bad), "%s%s", *bad ? ", " : "",
			 path);
	}
	if (!*bad)
		doctor_works(d, "devices of /dev", "all that a container has");
	else
		doctor_say(d, d->root ? DOCTOR_LIMITED : DOCTOR_MISSING, "devices of /dev", bad,
			   "these are not there, or are no devices",
			   "mount -t devtmpfs devtmpfs /dev");
}

/* x86 alone: a page at an address that old C libraries call for the time (vsyscall(7) of vdso(7)). */
static void add_vsyscall(struct doctor *d)
{
	auto_free char *maps = NULL;
	struct utsname u;
	struct err e;

	if (uname(&u) < 0 || strcmp(u.machine, "x86_64") != 0 ||
	    fd_read_file(AT_FDCWD, "/proc/self/maps", 1 << 20, &maps, NULL, &e) < 0)
		return;
	if (strstr(maps, "[vsyscall]"))
		doctor_works(d, "vsyscall", "emulated, for images of before 2013");
	else
		doctor_say(d, DOCTOR_MISSING, "vsyscall", "",
			   "programs of CentOS 6, Debian 7 and their time crash",
			   "boot parameter vsyscall=emulate");
}

static void add_disks(struct doctor *d)
{
	auto_free char *text = NULL;
	auto_str struct str names = { 0 };
	char *line, *rest;
	struct err e;

	if (fd_read_file(AT_FDCWD, "/proc/filesystems", 65536, &text, NULL, &e) < 0)
		return;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (*line == '\t')
			str_addf(&names, "%s%s", names.n ? ", " : "", line + 1);
	}
	doctor_works(d, "disks", "%s; others by modules", names.n ? names.s : "no file system");
}

/* Where engines keep layers: a file without a name there goes with its descriptor. */
static void add_storage(struct doctor *d)
{
	const char *dir = d->root ? "/var/lib" : getenv("HOME");
	auto_close int fd = dir ? open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
	const char *name = d->root ? "trusted.overlay.hull" : "user.overlay.hull";

	if (fd < 0)
		doctor_say(d, DOCTOR_UNSEEN, "storage", dir ? dir : "no $HOME", NULL, NULL);
	else if (fsetxattr(fd, name, "y", 1, 0) < 0)
		doctor_say(
			d, DOCTOR_LIMITED, "storage", dir,
			"its file system takes no extended attributes: layers of overlay lose what was "
			"deleted, and programs their capabilities",
			"ext4, xfs or btrfs with extended attributes for the engine's storage");
	else
		doctor_works(d, "storage", "%s takes extended attributes", dir);
}

void doctor_machine(struct doctor *d)
{
	add_kernel(d);
	add_memory(d);
	add_huge_pages(d);
	add_vsyscall(d);
	add_disks(d);
	add_storage(d);
	add_clock(d);
	add_devices(d);
	add_state_dir(d);
}

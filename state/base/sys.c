/* SPDX-License-Identifier: Apache-2.0 */
/* Thin wrappers: nothing here decides anything. Runs in every process of hull. */
#include "state/base/sys.h"

#include <errno.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct open_how_v0 {
	uint64_t flags, mode, resolve;
};

int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how_v0 how = { flags | O_CLOEXEC, mode, resolve };

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

int sys_open_tree(int dirfd, const char *path, unsigned flags)
{
	return (int)syscall(SYS_open_tree, dirfd, path, flags | OPEN_TREE_CLOEXEC);
}

int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	return (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags);
}

int sys_fsopen(const char *fs, unsigned flags)
{
	return (int)syscall(SYS_fsopen, fs, flags | FSOPEN_CLOEXEC);
}

int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux)
{
	return (int)syscall(SYS_fsconfig, fd, cmd, key, value, aux);
}

int sys_fsmount(int fd, unsigned flags, unsigned attrs)
{
	return (int)syscall(SYS_fsmount, fd, flags | FSMOUNT_CLOEXEC, attrs);
}

int sys_mount_setattr(int dirfd, const char *path, unsigned flags, struct mount_attr *attr)
{
	return (int)syscall(SYS_mount_setattr, dirfd, path, flags, attr, sizeof(*attr));
}

int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)syscall(SYS_pivot_root, new_root, put_old);
}

bool sys_kernel_before(unsigned major, unsigned minor)
{
	struct utsname u;
	unsigned long found[2] = { 0, 0 };
	char *p = u.release;

	if (uname(&u) < 0)
		return false;
	for (size_t i = 0; i < 2; i++)
		found[i] = strtoul(p, &p, 10), p += *p == '.';
	return found[0] < major || (found[0] == major && found[1] < minor);
}

int sys_pidfd_open(pid_t pid, unsigned flags)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, flags);

	/* Linux 6.1 for a process that is gone whose number its session or group still has. */
	if (fd < 0 && errno == EINVAL && !flags)
		errno = ESRCH;
	return fd;
}

int sys_pidfd_send_signal(int pidfd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}

int sys_pidfd_getfd(int pidfd, int fd)
{
	return (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
}

int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}

long sys_clone3(struct sys_clone_args *args, size_t size)
{
	return syscall(SYS_clone3, args, size);
}

int sys_bpf(int cmd, void *attr, unsigned size)
{
	return (int)syscall(SYS_bpf, cmd, attr, size);
}

int sys_keyctl(int op, unsigned long a, unsigned long b, unsigned long c)
{
	return (int)syscall(SYS_keyctl, op, a, b, c);
}

#define USER_NS_INIT 0xEFFFFFFDu

bool sys_in_init_user_ns(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) == 0 ? st.st_ino == USER_NS_INIT : errno == ENOENT;
}

int64_t sys_clock_ns(clockid_t clock)
{
	struct timespec t;

	/* ENOSYS: 32 bits before Linux 5.1 */
	if (syscall(SYS_OF_CLOCK, clock, &t) < 0)
		clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t sys_now_ms(void)
{
	return sys_clock_ns(CLOCK_MONOTONIC) / 1000000;
}

void sys_default_signals(void)
{
	/* struct sigaction of the kernel, SIG_DFL and nothing else; it is no larger anywhere */
	static const char dfl[64], none[8];

	for (int sig = 1; sig <= 64; sig++) {
		/* Not even an error: somebody may share our errno (nsexec/spawn.c). */
		if (sig != SIGKILL && sig != SIGSTOP)
			syscall(SYS_rt_sigaction, sig, dfl, NULL, sizeof(none));
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, sizeof(none));
}

int sys_setresuid(uid_t uid)
{
	return (int)syscall(SYS_OF_IDS(setresuid), uid, uid, uid);
}

int sys_setresgid(gid_t gid)
{
	return (int)syscall(SYS_OF_IDS(setresgid), gid, gid, gid);
}

int sys_setgroups(size_t n, const gid_t *list)
{
	return (int)syscall(SYS_OF_IDS(setgroups), n, list);
}

void sys_reap(pid_t pid)
{
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

bool sys_has_capability(int cap)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct own[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return capget(&header, own) == 0 && (own[cap / 32].effective & 1u << cap % 32);
}

bool sys_is_ordinary_user(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct own[_LINUX_CAPABILITY_U32S_3];

	return geteuid() != 0 && capget(&header, own) == 0 && !own[0].permitted &&
	       !own[1].permitted;
}

int sys_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
			   LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

int sys_landlock_create(const struct sys_landlock_ruleset *r)
{
	return (int)syscall(SYS_landlock_create_ruleset, r, sizeof(*r), 0);
}

int sys_landlock_add(int fd, int type, const void *rule)
{
	return (int)syscall(SYS_landlock_add_rule, fd, type, rule, 0);
}

int sys_landlock_restrict(int fd)
{
	return (int)syscall(SYS_landlock_restrict_self, fd, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls and constants that musl or older kernel headers lack. The wrappers behave as a
 * C library's would: -1 and errno. Whether the running kernel has a call is found by calling it;
 * callers handle ENOSYS. This is the only file with conditional compilation.
 */
#ifndef STATE_SYS_H
#define STATE_SYS_H

#include <stdbool.h>
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/types.h>

/*
 * Where a shared arena (state/base/mem.h) is mapped: far from the program, its heap and the stack on
 * every address space layout of the architecture, and outside ASan's shadow in such a build.
 */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ADDR ((char *)0x300000000000)
#elif UINTPTR_MAX > 0xffffffffu
#define ARENA_ADDR ((char *)0x2000000000)
#else
#define ARENA_ADDR ((char *)0x50000000)
#endif
#define ARENA_SIZE ((size_t)64 << 20)
/* The first part of it, in the program's own memory, which is where it is in each of its processes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__PIE__)
#define ARENA_NEAR ((size_t)0)
#else
#define ARENA_NEAR ((size_t)64 << 10)
#endif

/* May a child run on our memory while we do? Not under a sanitizer, which keeps books about the stack of a thread. */
#if defined(__SANITIZE_ADDRESS__)
#define SYS_CLONE_BESIDE 0
#else
#define SYS_CLONE_BESIDE 1
#endif

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#ifndef RESOLVE_NO_XDEV
#define RESOLVE_NO_XDEV	      0x01
#define RESOLVE_NO_MAGICLINKS 0x02
#define RESOLVE_NO_SYMLINKS   0x04
#define RESOLVE_BENEATH	      0x08
#define RESOLVE_IN_ROOT	      0x10
#endif

#ifndef FSOPEN_CLOEXEC
#define FSOPEN_CLOEXEC		1
#define FSMOUNT_CLOEXEC		1
#define OPEN_TREE_CLONE		1
#define OPEN_TREE_CLOEXEC	O_CLOEXEC
#define MOVE_MOUNT_F_SYMLINKS	0x1
#define MOVE_MOUNT_F_EMPTY_PATH 0x4
#define MOVE_MOUNT_T_SYMLINKS	0x10
#define MOVE_MOUNT_T_EMPTY_PATH 0x40
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

#ifndef FSCONFIG_SET_FLAG
#define FSCONFIG_SET_FLAG   0
#define FSCONFIG_SET_STRING 1
#define FSCONFIG_SET_FD	    5
#define FSCONFIG_CMD_CREATE 6
#endif

#ifndef MOUNT_ATTR_RDONLY
#define MOUNT_ATTR_RDONLY      0x00000001
#define MOUNT_ATTR_NOSUID      0x00000002
#define MOUNT_ATTR_NODEV       0x00000004
#define MOUNT_ATTR_NOEXEC      0x00000008
#define MOUNT_ATTR__ATIME      0x00000070
#define MOUNT_ATTR_RELATIME    0x00000000
#define MOUNT_ATTR_NOATIME     0x00000010
#define MOUNT_ATTR_STRICTATIME 0x00000020
#define MOUNT_ATTR_NODIRATIME  0x00000080
#define MOUNT_ATTR_IDMAP       0x00100000
struct mount_attr {
	uint64_t attr_set;
	uint64_t attr_clr;
	uint64_t propagation;
	uint64_t userns_fd;
};
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE 62
#endif
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

#define CGROUP2_SUPER_MAGIC  0x63677270
#define CGROUP_SUPER_MAGIC   0x27e0eb
#define PROC_SUPER_MAGIC     0x9fa0
#define SYSFS_MAGIC	     0x62656572
#define RAMFS_MAGIC	     0x858458f6
#define TMPFS_MAGIC	     0x01021994
#define DEVPTS_SUPER_MAGIC   0x1cd1
#define NSFS_MAGIC	     0x6e736673
#define EROFS_SUPER_MAGIC_V1 0xe0f5e1e2U
#define SQUASHFS_MAGIC	     0x73717368
#define CRAMFS_MAGIC	     0x28cd3d45
#define ISOFS_SUPER_MAGIC    0x9660
#define PIDFS_MAGIC	     0x50494446
#define SELINUX_MAGIC	     0xf97cff8cU
#define RDTGROUP_SUPER_MAGIC 0x7655821

/* struct clone_args of clone3(2), up to the cgroup member (Linux 5.7). */
struct sys_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	uint64_t set_tid, set_tid_size, cgroup;
};

int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int sys_open_tree(int dirfd, const char *path, unsigned flags);
int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int sys_fsopen(const char *fs, unsigned flags);
int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux);
int sys_fsmount(int fd, unsigned flags, unsigned attrs);
int sys_mount_setattr(int dirfd, const char *path, unsigned flags, struct mount_attr *attr);
int sys_pivot_root(const char *new_root, const char *put_old);
/* uname(2) says that this is an older Linux than major.minor. */
bool sys_kernel_before(unsigned major, unsigned minor);
/*
 * All 64 signals at their default, and none blocked: what a program expects (signal(7)) and inherits
 * otherwise. The C library's functions keep three of them for themselves.
 */
void sys_default_signals(void);

/*
 * Real, effective and saved IDs at once; supplementary groups. Raw calls, for musl's would change
 * every thread of a process that has one. Of 32 bits everywhere: 32-bit processors have older
 * calls by these names, which take 16 (setresuid(2), C library/kernel differences). -1 and errno.
 */
int sys_setresuid(uid_t uid);
int sys_setresgid(gid_t gid);
int sys_setgroups(size_t n, const gid_t *list);

/* Wait for the end of a child, however it ended; nothing for a pid that is none (-1). */
void sys_reap(pid_t pid);
int sys_pidfd_open(pid_t pid, unsigned flags);
int sys_pidfd_send_signal(int pidfd, int sig);
int sys_pidfd_getfd(int pidfd, int fd);
int sys_close_range(unsigned first, unsigned last, unsigned flags);
long sys_clone3(struct sys_clone_args *args, size_t size);
/*
 * clone3(2) whose child runs fn(arg) on the stack given in args and ends with its result as exit
 * code: what CLONE_VM needs, since the child must not return on its parent's stack. ENOSYS on an
 * architecture for which nobody has written it down here; callers then use clone(2).
 */
#if defined(__x86_64__)
static inline long sys_clone3_fn(struct sys_clone_args *args, size_t size, int (*fn)(void *),
				 void *arg)
{
	register long ret __asm__("rax") = 435; /* clone3 */
	register int (*r12)(void *) __asm__("r12") = fn;
	register void *r13 __asm__("r13") = arg;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "mov %%eax, %%edi\n\t"
			 "mov $60, %%eax\n\t" /* exit */
			 "syscall\n\t"
			 "1:"
			 : "+r"(ret)
			 : "D"(args), "S"(size), "r"(r12), "r"(r13)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline long sys_clone3_fn(struct sys_clone_args *args, size_t size, int (*fn)(void *),
				 void *arg)
{
	register long x8 __asm__("x8") = 435; /* clone3 */
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = (long)size;
	register int (*x19)(void *) __asm__("x19") = fn;
	register void *x20 __asm__("x20") = arg;

	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "mov x0, x20\n\t"
			 "blr x19\n\t"
			 "mov x8, #93\n\t" /* exit */
			 "svc 0\n\t"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x19), "r"(x20)
			 : "memory", "cc", "x30");
	return x0;
}
#else
static inline long sys_clone3_fn(struct sys_clone_args *args, size_t size, int (*fn)(void *),
				 void *arg)
{
	(void)args, (void)size, (void)fn, (void)arg;
	return -38; /* ENOSYS */
}
#endif

int sys_bpf(int cmd, void *attr, unsigned size);
int sys_keyctl(int op, unsigned long a, unsigned long b, unsigned long c);

/* The number of a call that takes user or group IDs of 32 bits. */
#ifdef SYS_setresuid32
#define SYS_OF_IDS(name) SYS_##name##32
#else
#define SYS_OF_IDS(name) SYS_##name
#endif

/* dup2(2), which a profile of seccomp allows sooner than dup3(2). Newer architectures have only that; old is not new. */
#ifdef SYS_dup2
#define sys_dup2(old, new) ((int)syscall(SYS_dup2, old, new))
#else
#define sys_dup2(old, new) dup3(old, new, 0)
#endif

/* clock_gettime(2) with 64 bits of seconds. */
#ifdef SYS_clock_gettime64
#define SYS_OF_CLOCK SYS_clock_gettime64
#else
#define SYS_OF_CLOCK SYS_clock_gettime
#endif

/* The machine that hull is built for, as in the header of its programs (elf(5), e_machine). */
#if defined(__x86_64__)
#define SYS_ELF_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define SYS_ELF_MACHINE EM_AARCH64
#elif defined(__riscv)
#define SYS_ELF_MACHINE EM_RISCV
#elif defined(__arm__)
#define SYS_ELF_MACHINE EM_ARM
#elif defined(__i386__)
#define SYS_ELF_MACHINE EM_386
#elif defined(__s390x__)
#define SYS_ELF_MACHINE EM_S390
#elif defined(__powerpc64__)
#define SYS_ELF_MACHINE EM_PPC64
#else
#define SYS_ELF_MACHINE EM_NONE
#endif

/* Is this capability (CAP_SETFCAP) in our effective set? */
bool sys_has_capability(int cap);

/*
 * Are we in the initial user namespace, the owner of all that is the machine's (include/uapi/linux/nsfs.h,
 * USER_NS_INIT_INO; the same since Linux 3.8)? Also where there are no others.
 */
bool sys_in_init_user_ns(void);

/* Not root, and with no capability, nor any to be had without a program that is set-user-ID? */
bool sys_is_ordinary_user(void);

/* clock_gettime(2) in ns, for who asks once or twice: the first look into the vDSO costs ten of these calls. */
int64_t sys_clock_ns(clockid_t clock);
/* CLOCK_MONOTONIC in ms. */
int64_t sys_now_ms(void);

/*
 * landlock(7), of which older headers know the first two versions: those of 3, 5, 4 and 6. The kernel
 * takes the structure from all versions, as long as what it does not know is 0.
 */
#define SYS_LANDLOCK_ABI_MAX		 6
#define SYS_LANDLOCK_FS_TRUNCATE	 (UINT64_C(1) << 14)
#define SYS_LANDLOCK_FS_IOCTL_DEV	 (UINT64_C(1) << 15)
#define SYS_LANDLOCK_NET_BIND_TCP	 (UINT64_C(1) << 0)
#define SYS_LANDLOCK_NET_CONNECT_TCP	 (UINT64_C(1) << 1)
#define SYS_LANDLOCK_SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0)
#define SYS_LANDLOCK_SCOPE_SIGNAL	 (UINT64_C(1) << 1)
#define SYS_LANDLOCK_RULE_PORT		 2

struct sys_landlock_ruleset {
	uint64_t fs, net, scoped;
};

struct sys_landlock_port {
	uint64_t access, port;
};

/* The version of its ABI: from 1 on; 0 without Landlock. */
int sys_landlock_abi(void);
/* A descriptor, or -1 and errno. */
int sys_landlock_create(const struct sys_landlock_ruleset *r);
int sys_landlock_add(int fd, int type, const void *rule);
int sys_landlock_restrict(int fd);

#endif

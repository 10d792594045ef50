/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens inside the container, from the last fork to execve: a table of steps for a new
 * container, one for what comes after `start`, one for exec.
 *
 * Everything here runs in stage 2, in the container's namespaces, with full rights in them, and
 * talks to hull over the sync socket (nsexec/PROTOCOL.md). Its arguments come in a shared arena
 * (state/base/mem.h), so that nothing is parsed inside the container's memory limit.
 */
#ifndef INIT_INIT_H
#define INIT_INIT_H

#include "nsexec/channel.h"
#include "state/base/err.h"
#include "state/spec/spec.h"

#include <linux/filter.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Where stage 2 is forked when the plan says that it is last (nsexec_fork_late()). A created container
 * waits for `start` after that, with the rights of its program.
 */
enum init_fork {
	FORK_DONE,	    /* it was, by the plan */
	FORK_BEFORE_FILTER, /* the profile does not allow it: before it is loaded with no_new_privs */
	FORK_LAST,
};

struct init_cgroup {
	const char *controllers; /* as in state/cgroup/cgroup.h */
	const char *path;
};

/* The first object in the arena. Strings are never NULL unless said. */
struct init_args {
	const struct spec *spec; /* exec: the container's */
	const struct spec_process *process;
	const char *id;
	const char *bundle; /* absolute */
	const char *rootfs; /* absolute, symbolic links resolved */
	unsigned new_ns;    /* CLONE_NEW* made for this container */
	unsigned joined_ns; /* CLONE_NEW* joined by path */
	bool exec;
	enum init_fork fork;
	bool no_pivot, no_new_keyring;
	bool has_create_hooks; /* of the host or of ours */
	bool wait_for_cgroup;  /* MSG_CGROUP comes before all else */
	bool ask_host;	       /* tell hull with MSG_HOOKS that the mounts are done, and wait */
	bool ask_sources; /* bind sources are opened by hull: we may lack the right in a user namespace */
	bool set_rlimits; /* else hull does it from outside */
	bool deny_setgroups;
	int pid_ns_fd; /* of which a proc is to be, where it is not our own: the one joined for the last fork; -1 */
	int root_fd;	     /* exec into a container that has no mount namespace: its root; -1 */
	int start_fd;	     /* the listening start.sock; -1: GO comes over the sync socket (run) */
	int memory_fd;	     /* `tasks` of the v1 memory controller, to be entered late; -1 */
	int console_fd;	     /* connected console socket, -1 */
	unsigned null_stdio; /* bit N: descriptor N is the host's /dev/null */
	int handler_fd; /* a program of the host that is executed in place of args[0], which it gets; -1 */
	const char *handler; /* its name */
	bool handler_smart;  /* but only for a WebAssembly module */
	int preserve_fds;    /* descriptors 3 .. 3 + n - 1 go to the program */
	int cgroup_layout; /* enum cgroup_layout; none: those that follow are only shown, read-only */
	size_t n_cgroups;
	struct init_cgroup *cgroups;
	const struct sock_fprog *seccomp; /* compiled filter, NULL for none */
	unsigned seccomp_flags;		  /* SECCOMP_FILTER_FLAG_* */
};

/* The state of one run of the tables. */
struct init {
	const struct init_args *a;
	int sync;    /* socket to hull; -1 after the record is whole */
	int start;   /* connection of `start`; the sync socket in run and exec */
	bool trace;  /* who waits for us wants to know what takes how long */
	int proc_fd; /* O_PATH of the host's /proc, opened before anything of the container's */
	int root_fd; /* O_PATH of the container's root */
	int null_fd; /* O_PATH of the container's /dev/null; -1 until inside_open_null() was asked */
	int kernel_fds[2]; /* what was mounted by its type at /proc and at /sys; -1; mask.c */
	bool kernel_checked[2];
	bool dev_bound; /* a bind mount is at /dev, which is left as it is */
	mode_t umask;	/* the caller's, for hooks */
	int cwd_errno;	/* chdir failed before the change of user: to be tried again after it */
	char **env;	/* of the program; HOME added */
	char *exe;	/* what args[0] was found to be */
	bool handled;	/* the handler is executed */
	int apparmor_fd, selinux_fd; /* files of our own /proc directory that take a label; -1 */
	const char *apparmor;	     /* which one it is */
	int landlock_fd;	     /* the rules that the program will have; -1 */
	bool landlocked;	     /* they are in force */
};

static inline bool init_in_user_ns(const struct init *in)
{
	return (in->a->new_ns | in->a->joined_ns) & CLONE_NEWUSER;
}

struct step {
	const char *name;
	int (*run)(struct init *in, struct err *e);
	const char *why; /* why it stands at this place */
};

/* What "hull init" does in main(): never returns. */
_Noreturn void init_main(void);

/* --- the steps, by file --- */

/* rootfs.c */
int rootfs_prepare(struct init *in, struct err *e);
int rootfs_enter(struct init *in, struct err *e);
/*
 * May anything be mounted on the root? On the host's own mounts only when the configuration has
 * mounts or a read-only root: the root of a user namespace may not, and needs not.
 */
bool rootfs_is_mounted(const struct init *in);
/*
 * MS_SLAVE or MS_PRIVATE: what a copy of a host's mount has to be made that nobody wants to share, for
 * the source is still connected; 0: it is not, or all is to be shared.
 */
uint64_t rootfs_cut(const struct init *in);
int rootfs_open(struct init *in, struct err *e); /* exec: we are inside already */
int rootfs_set_readonly(struct init *in, struct err *e);
int rootfs_set_propagation(struct init *in, struct err *e);
int rootfs_set_unbindable(struct init *in, struct err *e);

/* mount.c */
int mount_all(struct init *in, struct err *e);
int mount_readonly_late(struct init *in, struct err *e);

/* dev.c */
int dev_setup(struct init *in, struct err *e);

/* mask.c */
/*
 * A mount was made at dest: a proc or sysfs, of which fd is taken over, or another (-1). The paths
 * below it are masked in what it is, and not in what somebody has put there meanwhile.
 */
void mask_remember(struct init *in, const char *dest, int fd);
int mask_readonly_paths(struct init *in, struct err *e);
int mask_masked_paths(struct init *in, struct err *e);

/* console.c */
int console_setup(struct init *in, struct err *e);
/* The terminal on descriptor 0, if there is to be one, becomes the controlling one of our session. */
int console_control(const struct init *in, struct err *e);

/* kernel.c */
int kernel_session(struct init *in, struct err *e);
int kernel_keyring(struct init *in, struct err *e);
int kernel_loopback(struct init *in, struct err *e);
int kernel_names(struct init *in, struct err *e);
int kernel_sysctl(struct init *in, struct err *e);
int kernel_memory_cgroup(struct init *in, struct err *e);
int kernel_rlimits(struct init *in, struct err *e);
int kernel_personality(struct init *in, struct err *e);

/* lsm.c */
int lsm_open(struct init *in, struct err *e);
int lsm_apply(struct init *in, struct err *e);

/* landlock.c */
int landlock_make_rules(struct init *in, struct err *e);
int landlock_enter(struct init *in, struct err *e);

/* sched.c */
int sched_affinity(struct init *in, struct err *e);
int sched_policy(struct init *in, struct err *e);
int sched_io_priority(struct init *in, struct err *e);
int sched_memory_policy(struct init *in, struct err *e);

/* creds.c */
int creds_no_new_privs(struct init *in, struct err *e);
int creds_apply(struct init *in, struct err *e);
int creds_stdio(struct init *in, struct err *e);
int creds_umask(struct init *in, struct err *e);

/* seccomp_load.c */
int seccomp_load_early(struct init *in, struct err *e);
int seccomp_load_late(struct init *in, struct err *e);

/* start.c */
int start_make_cwd(struct init *in, struct err *e);
int start_cwd(struct init *in, struct err *e);
int start_cwd_again(struct init *in, struct err *e);
int start_env(struct init *in, struct err *e);
/*
 * Where in path ("a:b", an empty name is the current directory) there is a program: 0 and *ret, allocated,
 * or ENOENT, or EACCES for a file that nobody may execute.
 */
int start_search(const char *path, const char *name, char **ret);
int start_find_program(struct init *in, struct err *e);
int start_wait(struct init *in, struct err *e);
int start_close_fds(struct init *in, struct err *e);
int start_keep_fds(struct init *in, struct err *e);
int start_fork_unfiltered(struct init *in, struct err *e);
int start_fork(struct init *in, struct err *e);
int start_exec(struct init *in, struct err *e);

/*
 * Ask hull for something by its number in config.json, MSG_SOURCE or MSG_DEVICE: *ret_fd is a detached
 * mount, the caller's, or -1 where hull has none.
 */
must_check int init_ask(const struct init *in, enum msg_type what, size_t index, int *ret_fd,
			struct err *e);

/*
 * Whether a call may be made that is only for a better error: the filter is loaded by now, and could
 * end us where it should only say no. Then the kernel's word must do.
 */
bool init_may_look(const struct init *in);

/* hooks: runs createContainer and startContainer */
int init_wait_for_cgroup(struct init *in, struct err *e);
int init_ask_host_hooks(struct init *in, struct err *e);
int init_create_container_hooks(struct init *in, struct err *e);
int init_start_container_hooks(struct init *in, struct err *e);

#endif

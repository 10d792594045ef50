/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the tables of steps: what it was given, and what the steps leave for each other. */
#ifndef INIT_BASE_RUN_H
#define INIT_BASE_RUN_H

#include "init/mount/mount_dev.h"
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
	bool wait_for_hull;    /* MSG_PREPARED comes, before all else that hull says */
	bool net_by_hull;      /* and brings the network namespace */
	bool join_late;	       /* then the cgroups are there, which we are not in yet, all of v1 */
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

/*
 * The body of MSG_PREPARED. Its descriptors, as far as they are there: what hull has made, the network namespace or
 * /dev; `tasks` of the v1 memory controller, as memory_fd; those of other controllers.
 */
struct init_prepared {
	struct mount_dev dev;
	bool has_made, has_memory;
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
	bool dev_bound;	      /* a bind mount is at /dev, which is left as it is */
	bool bounded;	      /* the bounding set is the program's */
	bool prepared;	      /* MSG_PREPARED has come, or does not come */
	int memory_fd;	      /* as in init_args */
	int dev_fd;	      /* the /dev that hull has made, detached; -1 */
	struct mount_dev dev; /* what is in it */
	mode_t umask;	      /* the caller's, for hooks */
	int cwd_errno; /* chdir failed before the change of user: to be tried again after it */
	char **env;    /* of the program; HOME added */
	char *exe;     /* what args[0] was found to be */
	bool handled;  /* the handler is executed */
	int apparmor_fd, selinux_fd; /* files of our own /proc directory that take a label; -1 */
	const char *apparmor;	     /* which one it is */
	int landlock_fd;	     /* the rules that the program will have; -1 */
	bool landlocked;	     /* they are in force */
};

static inline bool init_in_user_ns(const struct init *in)
{
	return (in->a->new_ns | in->a->joined_ns) & CLONE_NEWUSER;
}

#endif

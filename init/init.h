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

#include "init/base/run.h"
#include "nsexec/channel.h"
#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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
/* Once. It takes no right from who does not execute anything. */
int creds_drop_bounding(struct init *in, struct err *e);
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
must_check int init_ask(struct init *in, enum msg_type what, size_t index, int *ret_fd,
			struct err *e);

/* Wait for what hull has made beside us, once: /dev, or the network namespace, which is entered, or cgroups, too. */
must_check int init_take_prepared(struct init *in, struct err *e);

/*
 * Whether a call may be made that is only for a better error: the filter is loaded by now, and could
 * end us where it should only say no. Then the kernel's word must do.
 */
bool init_may_look(const struct init *in);

/* hooks: runs createContainer and startContainer */
int init_ask_host_hooks(struct init *in, struct err *e);
int init_create_container_hooks(struct init *in, struct err *e);
int init_start_container_hooks(struct init *in, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where /proc has a process. It may be of another PID namespace than ours (unshare --pid without a
 * proc of its own; an exec into the namespace alone), and then numbers processes otherwise: ours
 * name nobody there, or somebody else.
 */
#ifndef STATE_PROC_H
#define STATE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* /proc is of another PID namespace. Looked up once: a process does not change its own. */
bool proc_is_foreign(void);

/*
 * /proc's number of a process that we number pid: mostly the same; else by a pidfd, whose
 * /proc/self/fdinfo has it (Linux 5.3). 0 for a process that is not there.
 */
pid_t proc_number(pid_t pid);

#define PROC_PATH_SIZE 64
/* "/proc/NUMBER/name", in path, which is returned; name is shorter than 40. */
const char *proc_path(char path[static PROC_PATH_SIZE], pid_t pid, const char *name);

/* When the process began, in clock ticks after boot; -1 and ESRCH for none and for a dead one. */
int proc_start_time(pid_t pid, uint64_t *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stage machine: how a process gets into namespaces.
 *
 * `hull` executes itself again as "hull init" with two sockets in the environment; a constructor
 * sees them and becomes three stages, of which only the last returns into main(). The processes
 * and messages are drawn in PROTOCOL.md.
 */
#ifndef NSEXEC_NSEXEC_H
#define NSEXEC_NSEXEC_H

#include "nsexec/bootstrap.h"
#include "nsexec/channel.h"
#include "nsexec/plan.h"
#include "state/cgroup/cgroup.h"
#include "state/base/err.h"

#include <setjmp.h>
#include <stdbool.h>
#include <sys/types.h>

struct idset;

#define ENV_INITPIPE "_HULL_INITPIPE" /* the bootstrap channel: netlink messages */
#define ENV_SYNCPIPE "_HULL_SYNCPIPE" /* typed messages with hull, to the last stage's end */

/* Also the values given to longjmp, so none is 0. */
enum stage { STAGE_PARENT = 1, STAGE_CHILD, STAGE_INIT };

/* --- hull's side: nsexec/spawn.c --- */

struct nsexec_request {
	struct bootstrap boot;
	struct arena *arena; /* the arguments of init; its first part goes over the socket */
	const struct cgroup_join *join; /* NULL: stay in the own cgroup */
	const struct cgroup *cgroup;	/* for nsexec.cgroup */
	/*
	 * Called when stage 0 stands still in hull's own cgroups, before it is told anything, for
	 * somebody else to move it; NULL when join does.
	 */
	int (*place)(void *arg, pid_t stage0, struct err *e);
	void *place_arg;
	/*
	 * Work that hull has besides, called once: while stage 0 is executed, so that nothing waits for
	 * anything, and it may already be dead; after that where the kernel or place does not let it. May
	 * be NULL, and not wait for a message. Init waits for one that it sends.
	 */
	int (*beside)(void *arg, struct err *e);
	void *beside_arg;
	bool apart; /* stage 0 may do without our CPU, until init chooses after a message of beside */
	/*
	 * The CPUs that stage 0 is bound to in the cgroup, as far as that allows them; NULL: those of
	 * the caller, which Linux before 6.2 forgets where the cgroup has a cpuset of its own.
	 */
	const struct idset *cpus;
	const int *pass_fds; /* descriptors that the stages inherit at the same numbers */
	size_t n_pass_fds;
	/* Hooks without an environment of their own inherit the caller's, and newuidmap(1) has it. */
	bool pass_env;
	int keep_fds; /* and as many of the caller's from 3 on, which are nobody else's */
	/* Its cgroup stands still, and so will stage 0: it is not waited for until it has executed hull. */
	bool frozen;
	/*
	 * Asked when stage 0 is not executed for long, or before where that could not be noticed: -1 and *e
	 * when it never will be, for its cgroup stands still. Then it is killed, which is why this is for v2
	 * alone: in a frozen cgroup of v1 it would not die (freezer-subsystem.rst). NULL: it is waited for.
	 */
	int (*stuck)(void *arg, struct err *e);
	void *stuck_arg;
};

struct nsexec {
	int init_sock, sync_sock;
	int exe_fd;	   /* the program of the stages, until one of them is told to go on; -1 */
	const char *first; /* the name of the last stage that stage 0 becomes */
	pid_t parent;	   /* stage 0, until it was reaped; 0 where it becomes stage 2 */
	bool late;	   /* stage 2 is forked last, so it is not there before READY */
	pid_t child;	   /* another stage 1, from the report until it was reaped */
	pid_t init; /* stage 2, from the report on; a child of the caller; -1 when it has ended */
	char died[160]; /* which stage was found killed, for the sentence */
	/*
	 * Asked for its OOM kills as soon as a stage is found to be gone, before it is reaped: systemd
	 * removes a cgroup when nobody is left in it. NULL: nobody is asked. The caller's.
	 */
	const struct cgroup *cgroup;
	bool oom_killed; /* and somebody in it was */
	bool killed;	 /* died, by SIGKILL */
};

#define NSEXEC_INIT                                            \
	{                                                      \
		.init_sock = -1, .sync_sock = -1, .exe_fd = -1 \
	}

/*
 * Start stage 0 in the given cgroups and send it the bootstrap message. Whatever happens later,
 * nsexec_close() is owed.
 */
must_check int nsexec_start(const struct nsexec_request *r, struct nsexec *n, struct err *e);

/*
 * Wait for the report of stage 0: the PIDs. -1 with one sentence that names the stage when a
 * stage fails or dies. Only for who needs them early: nsexec_next() does it, too, and being
 * woken once less is worth a tenth of an exec.
 */
must_check int nsexec_wait_pids(struct nsexec *n, struct err *e);

/*
 * The next message of init into *m (see channel_next). Never 0: the end of file and MSG_ERROR are
 * -1 with a sentence.
 */
must_check int nsexec_next(struct nsexec *n, struct msg *m, int *ret_fd, struct err *e);

/*
 * Something about init has failed with *e. When it was because init is gone, *e becomes what it
 * said last, or how it died. Returns -1.
 */
int nsexec_why(struct nsexec *n, struct err *e);
/* channel_send() to init. When init is gone, the error is nsexec_why()'s. */
must_check int nsexec_send(struct nsexec *n, enum msg_type type, int pass_fd, struct err *e);
/* MSG_PREPARED, the one that a stage which makes namespaces may get. */
must_check int nsexec_send_prepared(struct nsexec *n, const void *body, size_t size, const int *fds,
				    size_t n_fds, struct err *e);

/* channel_wait_exec() of a child; the death of init is named. */
must_check int nsexec_wait_exec(struct nsexec *n, const struct channel_listener *l, struct err *e);

/* The caller has reaped the init, which ended with this exit code, 128 and a signal's number. */
void nsexec_ended(struct nsexec *n, int code);

/* The process in the container's namespaces: the init, or who will fork it. 0 before the report of another. */
pid_t nsexec_inside(const struct nsexec *n);

/* Stages 0 and 1 have done their work: reap them. */
void nsexec_reap(struct nsexec *n);
/* Kill and reap every stage, the init included. */
void nsexec_kill(struct nsexec *n);
/* Close the sockets. */
void nsexec_close(struct nsexec *n);

/* --- the stages' side --- */

/* What the stages share; one static instance in nsexec.c. */
struct stages {
	jmp_buf env;
	int init_sock, sync_sock;
	bool is_root; /* as hull was: /proc files of a process that is not dumpable can be written */
	/*
	 * Stage 0 serves [0], stage 1 asks at [1]; -1 when they are one. With PLAN_LATE stage 1 says at [0]
	 * that hull knows of stage 2, which waits for it at [1].
	 */
	int map_sock[2];
	struct bootstrap boot;
};

/*
 * Stage 0: serves stage 1, reports both PIDs, exits. With a plan that asks it for nothing it
 * becomes stage 1 (longjmp).
 */
_Noreturn void stage_parent(struct stages *s);
/* Stage 1: walks the plan, makes stage 2, exits, or becomes stage 2 (longjmp). */
_Noreturn void stage_child(struct stages *s);
/* End a stage with its error sent to hull. */
_Noreturn void stage_fail(const struct stages *s, struct err *e, const char *stage);
/* fork(2) with CLONE_PARENT, so that hull can wait for every stage: 0 in the child, -1. */
must_check pid_t stage_fork(struct err *e);
/* The same; the child goes to stage. */
must_check pid_t stage_clone(struct stages *s, enum stage stage, struct err *e);
/* A fork failed with *e: for EAGAIN and ENOMEM it says what may be the reason (fork(2)). Returns -1. */
int stage_no_process(struct err *e);
/* Tell hull the PIDs of stage 1, 0 when stage 0 has become it, and stage 2, 0 when there is none. */
must_check int stage_report(const struct stages *s, pid_t child, pid_t init, struct err *e);
/* nsexec_fork_late(), which has s. */
must_check int stage_fork_late(const struct stages *s, struct err *e);
/* PLAN_LATE: the descriptors that nsexec_fork_late() needs, -1 with any other plan. */
void nsexec_late_fds(int fds[3]);
/*
 * PLAN_LATE: fork into the PID namespace, as the last thing before execve or the wait for `start`. 0 in stage 2, when hull
 * knows its PID; the caller ends meanwhile. A filter in force has to allow clone, read, write, close
 * and exit_group (seccomp_allows_fork()). -1 with *e when there is no stage 2.
 */
must_check int nsexec_fork_late(struct err *e);
/* What is forked last and waits is stage 2 by name, and ends with hull until PROCEED. */
void nsexec_become_init(void);
/* setns(2), with a sentence for what can go wrong. */
must_check int stage_setns(int fd, unsigned flags, struct err *e);
/* The name that ps shows: "hull:[1:CHILD]". */
void stage_name(const char *name);

/* In stage 2, after the constructor: the socket to hull; -1 in any other process. */
int nsexec_sync_sock(void);
/* In a stage: hull was called by root. */
bool nsexec_is_root(void);
/* In stage 2: the bootstrap message; valid for the life of the process. */
const struct bootstrap *nsexec_boot(void);

/* In a stage: the environment that hull was called with; with nsexec_request.pass_env, else empty. */
char **nsexec_caller_env(void);

/* Requests on map_sock: one byte, answered by struct map_reply. */
enum { MAP_IDS = 'm', MAP_TIME = 't', MAP_DONE = 'd' };
struct map_reply {
	bool failed;
	struct err e;
};

/* nsexec/idmap.c: runs in stage 0. */
must_check int idmap_write(pid_t pid, const struct bootstrap *b, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hull's end of the stage machine: start stage 0 in the container's cgroups, hand it the bootstrap
 * message, learn the PIDs, and turn the death of any stage into one sentence.
 */
#include "nsexec/channel.h"
#include "nsexec/process/interrupt.h"
#include "nsexec/nsexec.h"
#include "nsexec/process/selfexe.h"
#include "state/base/fd.h"
#include "state/spec/idset.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/base/proc.h"
#include "state/record.h"
#include "state/base/sys.h"
#include "state/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLED_MS    2000 /* milliseconds for one that was killed to end */
#define EXECUTE_MS   5	  /* milliseconds for what takes a tenth of one; doubled when asked */
#define CHILDREN_MAX ((size_t)16 << 20) /* bytes: the PIDs of all processes there can be */

/* What the child needs between clone and execve, and what we say to each other; it shares our memory. */
struct launch {
	const struct nsexec_request *r;
	struct nsexec *n;
	int exe_fd, init_fd, sync_fd, procs_fd;
	char *const *argv, *const *envp;
	const char *failed; /* NULL or what failed, with code */
	int code;
	bool entered; /* the child got as far as its first instruction */
	int shares;   /* not 0: it still runs on our memory; the kernel clears this */
	int beside;   /* 0: r->beside is owed, 1: it was done, -1: and failed */
};

static void note_pid(struct nsexec *n, const struct nsexec_request *r, pid_t pid)
{
	if (r->boot.plan.stages == PLAN_ONE)
		n->init = pid;
	else
		n->parent = pid;
}

static int work_beside(struct launch *l, struct err *e)
{
	if (l->r->beside && !l->beside)
		l->beside = l->r->beside(l->r->beside_arg, e) < 0 ? -1 : 1;
	return l->beside < 0 ? -1 : 0;
}

static int ask_stuck(const struct nsexec_request *r, struct err *e)
{
	return r->stuck ? r->stuck(r->stuck_arg, e) : 0;
}

/* futex(2); true: for nothing, so many milliseconds; less than 0 is for ever. The kernel's long, not our time_t. */
static bool wait_for_word(int *word, int value, long ms)
{
	const long patience[2] = { ms / 1000, ms % 1000 * 1000000 };

	return syscall(SYS_futex, word, FUTEX_WAIT, value, ms < 0 ? NULL : patience, NULL, 0) < 0 &&
	       errno == ETIMEDOUT;
}

/*
 * Until the child has executed hull, or died, and leaves our memory (set_tid_address(2)). It does nothing in there
 * but system calls: with errno, which it shares with us, two errors at the same moment could be told with each
 * other's words. -1 and *e: it was killed.
 */
static int wait_for_memory(struct launch *l, pid_t pid, struct err *e)
{
	const struct nsexec_request *r = l->r;
	long ms = r->stuck ? EXECUTE_MS : -1;
	bool killed = false;
	int value;

	while ((value = __atomic_load_n(&l->shares, __ATOMIC_ACQUIRE))) {
		if (!wait_for_word(&l->shares, value, ms))
			continue;
		ms = ms < 1000 ? ms * 2 : ms;
		if (ask_stuck(r, e) < 0) {
			kill(pid, SIGKILL);
			killed = true;
			ms = -1;
		}
	}
	return killed ? -1 : 0;
}

/*
 * The kernel likes to begin a process on the processor of who made it, which we keep busy for as long as the
 * child needs for its part. Another of ours then, until init makes all of them its own (sched_affinity()), which it
 * does after it has heard of us.
 */
static void part_from(pid_t pid)
{
	cpu_set_t cpus;
	unsigned here;

	if (syscall(SYS_getcpu, &here, NULL, NULL) < 0 || here >= CPU_SETSIZE ||
	    sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return;
	CPU_CLR(here, &cpus);
	/* It stays where it is if there is no other in its cgroup, or at all. */
	(void)!sched_setaffinity(pid, sizeof(cpus), &cpus);
}

/* Those of CLONE_VM: we stand still until the child is executed, or we have something to do, or to look at. */
static unsigned sharing(const struct launch *l)
{
	if (l->r->frozen)
		return 0;
	return SYS_CLONE_BESIDE && (l->r->beside || l->r->stuck) && !l->r->place ?
		       CLONE_VM | CLONE_CHILD_CLEARTID :
		       CLONE_VM | CLONE_VFORK;
}

static int give_up(struct launch *l, const char *what)
{
	l->code = errno;
	l->failed = what;
	return 1;
}

/* A stage that lacks one would fail later, perhaps when nobody listens any more. */
static bool pass_fds(const struct launch *l)
{
	bool ok = fcntl(l->sync_fd, F_SETFD, 0) == 0 &&
		  (l->init_fd == l->sync_fd || fcntl(l->init_fd, F_SETFD, 0) == 0);

	for (size_t i = 0; ok && i < l->r->n_pass_fds; i++)
		ok = fcntl(l->r->pass_fds[i], F_SETFD, 0) == 0;
	for (int i = 0; ok && i < l->r->keep_fds; i++)
		ok = fcntl(3 + i, F_SETFD, 0) == 0;
	return ok;
}

/*
 * The child: enters the v1 cgroups by itself. A single-threaded process that writes "0" to `tasks`
 * spares the kernel the global rwsem and its RCU grace period, which cost 6 to 14 ms through
 * cgroup.procs or for another process (DESIGN.md section 3).
 */
static int launched(void *arg)
{
	struct launch *l = arg;
	const struct cgroup_join *j = l->r->join;

	l->entered = true;
	/*
	 * What a monitor ignores (conmon: SIGPIPE) or a shell for its background jobs (SIGINT, SIGQUIT) is
	 * not meant for the container's program, which would inherit it through every execve.
	 */
	sys_default_signals();
	for (size_t i = 0; j && i < j->n; i++) {
		if (write(j->tasks_fds[i], "0", 1) < 0)
			return give_up(l, "join the cgroup");
	}
	if (l->procs_fd >= 0 && write(l->procs_fd, "0", 1) < 0)
		return give_up(l, "join the cgroup");
	/* The kernel says no where the cgroup has none of them. */
	if (l->r->cpus)
		syscall(SYS_sched_setaffinity, 0, sizeof(*l->r->cpus), l->r->cpus);
	if (!pass_fds(l))
		return give_up(l, "pass a descriptor on");
	syscall(SYS_execveat, selfexe_of_stage(l->exe_fd), "", l->argv, l->envp, AT_EMPTY_PATH);
	return give_up(l, "execute hull again");
}

#define STACK_SIZE 16384
static char stack[STACK_SIZE] IN_BSS("stack");

static int birth_flag(const struct launch *l)
{
	return l->r->boot.plan.birth_pidfd < 0 ? (int)l->r->boot.plan.birth : 0;
}

/* Without clone3: join the v2 cgroup in the child, which is slower. */
static pid_t clone_old(struct launch *l, struct err *e)
{
	auto_close int procs = -1;
	pid_t pid;

	if (ask_stuck(l->r, e) < 0)
		return -1;
	if (l->r->join && l->r->join->into_fd >= 0) {
		procs = fd_open(l->r->join->into_fd, "cgroup.procs", O_WRONLY, 0, e);
		if (procs < 0)
			return -1;
	}
	l->procs_fd = procs;
	pid = clone(launched, stack + STACK_SIZE,
		    (l->r->frozen ? 0 : CLONE_VM | CLONE_VFORK) | SIGCHLD | birth_flag(l), l);
	if (pid < 0) {
		err_sys(e, "clone");
		plan_ns_lacking((unsigned)birth_flag(l), "/proc/self/ns", e);
		stage_no_process(e);
	}
	return pid;
}

/*
 * A stage 0 that becomes the last one is born in its PID namespace: a new one, or one that we say
 * our next child is to be in. That does not move ourselves (setns(2)).
 */
static pid_t clone_stage0(struct launch *l, struct err *e)
{
	const struct plan *p = &l->r->boot.plan;
	struct sys_clone_args args = {
		.flags = sharing(l) | (unsigned)birth_flag(l),
		.child_tid = (uint64_t)(uintptr_t)&l->shares,
		.exit_signal = SIGCHLD,
		.stack = (uint64_t)(uintptr_t)stack,
		.stack_size = STACK_SIZE,
	};
	long pid;

	/* What we wait for in vfork(2) cannot be looked at. */
	if (!(args.flags & CLONE_CHILD_CLEARTID) && ask_stuck(l->r, e) < 0)
		return -1;
	if (p->birth && p->birth_pidfd >= 0 && stage_setns(p->birth_pidfd, p->birth, e) < 0)
		return -1;
	if (l->r->join && l->r->join->into_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)l->r->join->into_fd;
	}
	l->shares = 1;
	pid = sys_clone3_fn(&args, sizeof(args), launched, l);
	if (pid > 0 && (args.flags & CLONE_CHILD_CLEARTID)) {
		note_pid(l->n, l->r, (pid_t)pid);
		if (l->r->apart)
			part_from((pid_t)pid);
		(void)!work_beside(l, e);
		if (wait_for_memory(l, (pid_t)pid, e) < 0) {
			sys_reap((pid_t)pid);
			return -1;
		}
	}
	/* Seccomp filters of an engine around us answer EPERM, old kernels ENOSYS or E2BIG. */
	if (pid == -ENOSYS || pid == -EPERM || pid == -E2BIG || pid == -EINVAL)
		return clone_old(l, e);
	if (pid < 0) {
		errno = (int)-pid;
		err_sys(e, "clone3 into the container's cgroup");
		if (e->code == EBUSY || e->code == EOPNOTSUPP)
			err_wrap(
				e,
				"the cgroup has children with controllers, or is not of a domain type");
		return stage_no_process(e);
	}
	/*
	 * Seen on Linux 6.18: in a cgroup to which cgroup.kill was written once, a process that is
	 * cloned into it is killed before it runs. One that moves there by itself is not.
	 */
	if (!l->entered && !l->r->frozen) {
		sys_reap((pid_t)pid);
		return clone_old(l, e);
	}
	return (pid_t)pid;
}

/* Ours first, then the caller's where it is needed. */
static char **stage_env(const struct nsexec_request *r, char *init_env, char *sync_env)
{
	size_t n = 0;
	char **env;

	while (r->pass_env && environ[n])
		n++;
	env = xmalloc((n + 3) * sizeof(*env));
	env[0] = init_env;
	env[1] = sync_env;
	memcpy(env + 2, environ, n * sizeof(*env));
	env[n + 2] = NULL;
	return env;
}

char **nsexec_caller_env(void)
{
	return environ + 2;
}

static int spawn(const struct nsexec_request *r, int exe_fd, int init_fd, int sync_fd,
		 struct nsexec *n, struct err *e)
{
	char init_env[40], sync_env[40], name[] = "hull", verb[] = "init";
	char *const argv[] = { name, verb, NULL };
	auto_free char **envp = stage_env(r, init_env, sync_env);
	struct launch l = { .r = r,
			    .n = n,
			    .exe_fd = exe_fd,
			    .init_fd = init_fd,
			    .sync_fd = sync_fd,
			    .procs_fd = -1,
			    .argv = argv,
			    .envp = envp };
	pid_t pid;

	snprintf(init_env, sizeof(init_env), ENV_INITPIPE "=%d", init_fd);
	snprintf(sync_env, sizeof(sync_env), ENV_SYNCPIPE "=%d", sync_fd);
	pid = clone_stage0(&l, e);
	n->init = n->parent = 0;
	if (pid < 0)
		return -1;
	if (l.failed) {
		sys_reap(pid);
		errno = l.code;
		return err_sys(e, "%s", l.failed);
	}
	note_pid(n, r, pid);
	return r->place ? 0 : work_beside(&l, e);
}

static int send_boot(const struct nsexec *n, const struct str *boot, struct arena *arena,
		     struct err *e)
{
	int sock = n->init_sock < 0 ? n->sync_sock : n->init_sock;

	if (send(sock, boot->s, boot->n, MSG_NOSIGNAL) < 0)
		return err_sys(e, "send the bootstrap message");
	return arena_send(arena, sock, e);
}

/*
 * While a detached mount can be reached, whoever has CAP_SYS_ADMIN in a user namespace and gets at
 * it, as the program of a process, can make it writable (mount_setattr(2)). With its descriptor it
 * is dissolved, and nobody can: before anything of the container may run, so before hull tells a
 * stage to go on. Not earlier: the kernel waits meanwhile until all its processors have been
 * somewhere (synchronize_rcu_expedited), of which one is making namespaces.
 */
static void dissolve_exe(struct nsexec *n)
{
	cleanup_close(&n->exe_fd);
	n->exe_fd = -1;
}

int nsexec_start(const struct nsexec_request *r, struct nsexec *n, struct err *e)
{
	trace_here("start stage 0", NULL);
	int init_pair[2] = { -1, -1 }, sync_pair[2], exe_fd = -1;
	auto_str struct str boot = { 0 };
	int ok = -1;

	*n = (struct nsexec)NSEXEC_INIT;
	n->cgroup = r->cgroup;
	n->late = r->boot.plan.stages == PLAN_LATE;
	n->first = r->boot.plan.stages == PLAN_THREE ? "stage 0 (PARENT)" : "stage 1 (CHILD)";
	if (bootstrap_encode(&r->boot, &boot, e) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sync_pair) < 0)
		return err_sys(e, "socketpair");
	n->sync_sock = sync_pair[0];
	/* Who is all stages in one has nothing to report: its PID is hull's to know. */
	if (r->boot.plan.stages != PLAN_ONE) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, init_pair) < 0) {
			close(sync_pair[1]);
			return err_sys(e, "socketpair");
		}
		n->init_sock = init_pair[0];
	}
	/* Before there is anybody to read it: stage 0 does not have to wait for it. */
	if (!r->place && send_boot(n, &boot, r->arena, e) < 0)
		goto out;
	exe_fd = selfexe_open(e);
	ok = exe_fd < 0 ? -1 :
			  spawn(r, exe_fd, init_pair[1] < 0 ? sync_pair[1] : init_pair[1],
				sync_pair[1], n, e);
	n->exe_fd = exe_fd;
	if (ok == 0 && r->place) {
		ok = r->place(r->place_arg, n->init ? n->init : n->parent, e);
		if (ok == 0)
			ok = send_boot(n, &boot, r->arena, e);
		if (ok == 0 && r->beside)
			ok = r->beside(r->beside_arg, e);
	}
out:
	cleanup_close(&init_pair[1]);
	close(sync_pair[1]);
	return ok;
}

static void note_death(struct nsexec *n, const char *stage, int status)
{
	char sig[32];

	if (n->died[0])
		return;
	n->killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	if (WIFSIGNALED(status))
		snprintf(n->died, sizeof(n->died), "%s was killed by signal %d (%s)", stage,
			 WTERMSIG(status), signal_name(WTERMSIG(status), sig));
	else if (WEXITSTATUS(status))
		snprintf(n->died, sizeof(n->died), "%s exited with status %d", stage,
			 WEXITSTATUS(status));
}

/* At the end of file a stage is dying, and until it is reaped there may still be its cgroup. */
static void look_for_oom(struct nsexec *n)
{
	if (n->cgroup && cgroup_oom_kills(n->cgroup) > 0)
		n->oom_killed = true;
}

static void reap(pid_t *pid, struct nsexec *n, const char *stage)
{
	int status;
	pid_t r;

	if (*pid <= 0)
		return;
	do {
		r = waitpid(*pid, &status, 0);
	} while (r < 0 && errno == EINTR);
	if (r == *pid)
		note_death(n, stage, status);
	*pid = 0;
}

void nsexec_ended(struct nsexec *n, int code)
{
	n->init = -1;
	note_death(n, "stage 2 (INIT)", code > 128 ? code - 128 : code << 8);
}

/*
 * At the end of file, so all stages are gone: a stage 2 that was forked last goes, too, when stage 1 is
 * killed before it has said that hull knows the PID.
 */
static void reap_last(struct nsexec *n)
{
	reap(&n->parent, n, n->first);
	reap(&n->init, n, "stage 2 (INIT)");
}

/* By its name (stage_name()); the kernel gives it to the children of a stage, too. */
static bool is_stage(pid_t pid)
{
	char path[PROC_PATH_SIZE], name[32];

	proc_path(path, pid, "comm");
	return fd_read_small(AT_FDCWD, path, name, sizeof(name)) > 0 && !strncmp(name, "hull:[", 6);
}

/*
 * A stage 1 or 2 of which no PID was reported. Whoever executed hull may have left it children of his
 * own. Again until there is none: the one that dies may just have made the next.
 */
static void kill_unknown(void)
{
	bool found = !proc_is_foreign(); /* else they die with us, of their parent death signal */

	while (found) {
		auto_free char *list = NULL;
		struct err ignored;

		found = false;
		if (fd_read_file(AT_FDCWD, "/proc/thread-self/children", CHILDREN_MAX, &list, NULL,
				 &ignored) < 0)
			return;
		for (char *p = list, *end; *p; p = end) {
			pid_t pid = (pid_t)strtol(p, &end, 10);

			if (end == p)
				break;
			if (!is_stage(pid))
				continue;
			found = true;
			kill(pid, SIGKILL);
			sys_reap(pid);
		}
	}
}

/*
 * The PIDs did not come, or not that of stage 2: say why. A stage that failed sent its error
 * before it went away, so it is there already. Nobody may be left who could go on to the program.
 */
static int early_death(struct nsexec *n, struct err *e)
{
	char buf[sizeof(struct msg)];
	bool told = false;
	struct err said;
	struct msg m;

	look_for_oom(n);
	while (!told && recv(n->sync_sock, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT) > 0) {
		if (channel_next(n->sync_sock, &m, NULL, e) != 1)
			break;
		told = channel_is_error(&m, &said);
	}
	nsexec_close(n);
	reap(&n->child, n, "stage 1 (CHILD)");
	reap(&n->parent, n, n->first);
	kill_unknown();
	if (told) {
		*e = said;
		return -1;
	}
	return err_set(e, ECHILD, "%s before stage 2 was known",
		       n->died[0] ? n->died : "the first stage went away");
}

/* recv(2) of the report: more than 0 and n knows the PIDs; -1 with *e for what is none, else 0. */
static int receive_report(struct nsexec *n, int flags, struct err *e)
{
	struct bootstrap_pids pids;
	char buf[BOOTSTRAP_PIDS_SIZE + 1];
	ssize_t got;

	do {
		got = recv(n->init_sock, buf, sizeof(buf), flags);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return 0;
	if (bootstrap_decode_pids(buf, (size_t)got, &pids, e) < 0)
		return -1;
	n->child = pids.child;
	n->init = pids.init;
	return 1;
}

int nsexec_wait_pids(struct nsexec *n, struct err *e)
{
	int r;

	if (n->init)
		return 0;
	if (interrupt_wait(n->init_sock, POLLIN, e) < 0)
		return -1;
	r = receive_report(n, 0, e);
	if (r < 0)
		return -1;
	return r && n->init ? 0 : early_death(n, e);
}

int nsexec_next(struct nsexec *n, struct msg *m, int *ret_fd, struct err *e)
{
	int r;

	dissolve_exe(n);
	r = channel_next(n->sync_sock, m, ret_fd, e);
	if (r == 1 && channel_is_error(m, e))
		return -1;
	/* Stage 0 has reported by the time that stage 2 says anything, or it never will. */
	if (r == 1 && !n->init && (!n->late || m->type == MSG_READY))
		return nsexec_wait_pids(n, e) < 0 ? -1 : 1;
	if (r != 0)
		return r;
	look_for_oom(n);
	if (!n->init && nsexec_wait_pids(n, e) < 0)
		return -1;
	reap_last(n);
	return err_set(e, ECHILD, "%s before it was ready",
		       n->died[0] ? n->died : "stage 2 (INIT) went away");
}

pid_t nsexec_inside(const struct nsexec *n)
{
	return n->late && !n->init ? n->parent : n->init;
}

int nsexec_why(struct nsexec *n, struct err *e)
{
	struct pollfd p = { .fd = n->sync_sock, .events = POLLIN };
	struct msg m;

	/* ESRCH does not say that it is: an init that lives says nothing, and is not waited for. */
	if (e->code == EPIPE || e->code == ECONNRESET || e->code == ESRCH) {
		while (poll(&p, 1, 0) > 0 && nsexec_next(n, &m, NULL, e) == 1)
			;
	}
	return -1;
}

int nsexec_send(struct nsexec *n, enum msg_type type, int pass_fd, struct err *e)
{
	dissolve_exe(n);
	return channel_send(n->sync_sock, type, NULL, 0, pass_fd, e) < 0 ? nsexec_why(n, e) : 0;
}

int nsexec_send_prepared(struct nsexec *n, const void *body, size_t size, const int *fds,
			 size_t n_fds, struct err *e)
{
	return channel_send_fds(n->sync_sock, MSG_PREPARED, body, size, fds, n_fds, e) < 0 ?
		       nsexec_why(n, e) :
		       0;
}

int nsexec_wait_exec(struct nsexec *n, const struct channel_listener *l, struct err *e)
{
	int r = channel_wait_exec(n->sync_sock, l, e);

	if (r == 0 || e->code != ENODATA)
		return r;
	look_for_oom(n);
	reap_last(n);
	return err_set(e, ECHILD, "%s before it ran the program",
		       n->died[0] ? n->died : "stage 2 (INIT) went away");
}

void nsexec_reap(struct nsexec *n)
{
	reap(&n->parent, n, n->first);
	reap(&n->child, n, "stage 1 (CHILD)");
}

/*
 * It was killed; in a frozen cgroup of v1 it ends only when that is thawed. Then it is left to whoever
 * reaps our children: no step of its own is before it.
 */
static void await(pid_t *pid)
{
	auto_close int fd = *pid > 0 ? sys_pidfd_open(*pid, 0) : -1;

	if (fd >= 0 && !pidfd_wait(fd, KILLED_MS))
		*pid = 0;
}

void nsexec_kill(struct nsexec *n)
{
	struct err ignored;

	/* First who could make others of whom we do not know; then he has said all that he will. */
	if (n->parent > 0)
		kill(n->parent, SIGKILL);
	await(&n->parent);
	if (!n->init && n->init_sock >= 0)
		(void)!receive_report(n, MSG_DONTWAIT, &ignored);
	nsexec_close(n);
	if (n->child > 0)
		kill(n->child, SIGKILL);
	if (n->init > 0)
		kill(n->init, SIGKILL);
	await(&n->child);
	await(&n->init);
	nsexec_reap(n);
	reap(&n->init, n, "stage 2 (INIT)");
}

void nsexec_close(struct nsexec *n)
{
	dissolve_exe(n);
	cleanup_close(&n->init_sock);
	cleanup_close(&n->sync_sock);
	n->init_sock = n->sync_sock = -1;
}

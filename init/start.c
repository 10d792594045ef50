/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of init: the working directory, the environment, finding the program, waiting to be
 * started, execve. Runs in stage 2 inside the container.
 */
#include "init/init.h"
#include "init/base/inside.h"
#include "nsexec/channel.h"
#include "nsexec/nsexec.h"
#include "nsexec/process/why.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/spec/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * CVE-2024-21626: a working directory outside of the root, reached through a descriptor that was
 * left open, shows in getcwd(2) as "(unreachable)" or as no path at all.
 */
static int check_inside(struct err *e)
{
	static char large[PATH_MAX] LARGE;
	char small[128];
	const char *path = getcwd(small, sizeof(small));

	if (!path && errno == ERANGE)
		path = getcwd(large, sizeof(large));
	if (path && *path == '/')
		return 0;
	if (path || errno == ENOENT)
		return err_set(
			e, EINVAL,
			"current working directory is outside of container mount namespace root -- possible "
			"container breakout detected");
	return err_sys(e, "getcwd");
}

static int at_cwd(struct err *e)
{
	err_at_key(e, "cwd");
	return err_at_key(e, "process");
}

static int enter_cwd(struct init *in, bool make, struct err *e)
{
	const char *cwd = in->a->process->cwd;

	if (chdir(cwd) < 0) {
		if (errno == ENOENT && make) {
			auto_close int fd = inside_make(in->root_fd, cwd, INSIDE_DIR, e);

			if (fd < 0)
				return at_cwd(e);
			errno = fchdir(fd) < 0 ? errno : 0;
		}
		in->cwd_errno = errno;
		if (errno && errno != EACCES && errno != EPERM) {
			err_sys(e, "chdir to cwd (\"%s\") set in config.json failed", cwd);
			return at_cwd(e);
		}
	}
	return !in->cwd_errno && check_inside(e) < 0 ? at_cwd(e) : 0;
}

/* As root first, since the user may not reach it; what root may not (NFS), the user tries later. */
int start_make_cwd(struct init *in, struct err *e)
{
	return enter_cwd(in, true, e);
}

int start_cwd(struct init *in, struct err *e)
{
	return enter_cwd(in, false, e);
}

int start_cwd_again(struct init *in, struct err *e)
{
	if (!in->cwd_errno)
		return 0;
	if (chdir(in->a->process->cwd) < 0) {
		err_sys(e, "chdir to cwd (\"%s\") set in config.json failed", in->a->process->cwd);
		return at_cwd(e);
	}
	return check_inside(e) < 0 ? at_cwd(e) : 0;
}

static int open_passwd(const struct init *in, int flags)
{
	int fd = fd_open_in_root(in->root_fd, "etc/passwd", flags, 0);

	/* Before Linux 5.6 a link is not followed. */
	return fd < 0 && errno == ENOSYS ?
		       fd_open_in_root(in->root_fd, "etc/passwd", flags, RESOLVE_NO_SYMLINKS) :
		       fd;
}

/* The sixth field of the line of uid in the container's /etc/passwd; NULL without. */
static char *home_of(struct init *in, uint64_t uid)
{
	auto_close int fd = open_passwd(in, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	auto_free char *text = NULL;
	struct stat st;
	struct err e;
	char *save = NULL;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    fd_read_all(fd, 1 << 20, &text, NULL, &e) < 0)
		return NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *f[7] = { 0 };
		uint64_t id;

		for (int i = 0; i < 7 && line; i++)
			f[i] = strsep(&line, ":");
		if (f[5] && str_to_u64(f[2], &id) && id == uid)
			return xstrdup(f[5]);
	}
	return NULL;
}

/* The last of several entries of one name counts, as with runc. */
static bool is_overridden(const struct str_array *env, size_t i)
{
	size_t n = strcspn(env->v[i], "=") + 1;

	for (size_t k = i + 1; k < env->n; k++) {
		if (!strncmp(env->v[i], env->v[k], n))
			return true;
	}
	return false;
}

int start_env(struct init *in, struct err *e)
{
	const struct str_array *env = &in->a->process->env;
	bool home = false;
	size_t n = 0;

	(void)e;
	in->env = xzalloc((env->n + 2) * sizeof(*in->env));
	for (size_t i = 0; i < env->n; i++) {
		if (is_overridden(env, i))
			continue;
		if (str_starts(env->v[i], "HOME=")) {
			if (!env->v[i][5])
				continue;
			home = true;
		}
		in->env[n++] = env->v[i];
	}
	if (!home) {
		auto_free char *dir = home_of(in, in->a->process->user->uid.v);

		in->env[n] = xasprintf("HOME=%s", str_empty(dir) ? "/" : dir);
	}
	return 0;
}

static const char *env_get(char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; *env; env++) {
		if (!strncmp(*env, name, n) && (*env)[n] == '=')
			return *env + n + 1;
	}
	return NULL;
}

/* 0 when the file could be executed by somebody, else the errno value that says why not. */
static int executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	return S_ISREG(st.st_mode) && (st.st_mode & 0111) ? 0 : EACCES;
}

int start_search(const char *path, const char *name, char **ret)
{
	int found = ENOENT;

	for (const char *p = path; *p; p += *p == ':') {
		size_t n = strcspn(p, ":");
		auto_free char *full = n ? xasprintf("%.*s/%s", (int)n, p, name) :
					   xasprintf("./%s", name);
		int why = executable(full);

		if (!why) {
			*ret = take_ptr(&full);
			return 0;
		}
		if (why == EACCES)
			found = EACCES;
		p += n;
	}
	return found;
}

static int search_path(struct init *in, const char *name, struct err *e)
{
	const char *path = env_get(in->env, "PATH");
	int found = start_search(path ? path : "", name, &in->exe);

	if (!found)
		return 0;
	if (found == EACCES)
		return err_set(e, EACCES, "exec: \"%s\": permission denied", name);
	return err_set(e, ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}

static int find(struct init *in, struct err *e)
{
	const char *name = in->a->process->args.v[0];
	struct stat st;
	int why;

	if (!strchr(name, '/'))
		return search_path(in, name, e);
	why = executable(name);
	if (why == ENOENT || why == ENOTDIR)
		return err_set(e, why, "exec: \"%s\": stat %s: %s", name, name, errno_text(why));
	if (why == EACCES && stat(name, &st) == 0 && S_ISREG(st.st_mode))
		return err_set(e, why, "exec: \"%s\": %s: nobody may execute it (mode %03o)", name,
			       errno_text(why), st.st_mode & 07777);
	if (why)
		return err_set(e, why, "exec: \"%s\": %s", name, errno_text(why));
	in->exe = xstrdup(name);
	return 0;
}

/* The magic number of a WebAssembly module (its core specification, Binary Format, Modules). */
static bool is_wasm(const char *path)
{
	auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char magic[4];

	return fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) &&
	       !memcmp(magic, "\0asm", sizeof(magic));
}

/* At create time, so that a missing program is an error of create. */
int start_find_program(struct init *in, struct err *e)
{
	in->handled = in->a->handler_fd >= 0 && !in->a->handler_smart;
	if (in->handled)
		return 0;
	if (find(in, e) == 0) {
		in->handled = in->a->handler_fd >= 0 && is_wasm(in->exe);
		return 0;
	}
	err_at_index(e, 0);
	err_at_key(e, "args");
	return err_at_key(e, "process");
}

/* A connection that says GO; one that closes without a word wanted to know whether we are here. */
static int accept_start(struct init *in, struct err *e)
{
	for (;;) {
		auto_close int fd = accept4(in->a->start_fd, NULL, NULL, SOCK_CLOEXEC);
		const struct timeval patience = { .tv_sec = 5 };
		struct msg m;

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			return err_sys(e, "wait for start");
		/* One that says nothing must not keep the others waiting. */
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		if (channel_next(fd, &m, NULL, e) == 1 && m.type == MSG_GO) {
			in->trace = m.n > 0 && m.body[0] == MSG_GO_TRACE;
			return take_fd(&fd);
		}
	}
}

_Noreturn static void end_by(int sig)
{
	_exit(128 + sig);
}

/*
 * pid_namespaces(7): the first process gets only the signals that it has a handler for, so that
 * `kill` could not end a container that waits to be started. execve(2) forgets the handlers.
 */
static void heed_signals(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	const struct sigaction end = { .sa_handler = end_by };

	for (size_t i = 0; i < ARRAY_SIZE(signals) && getpid() == 1; i++)
		sigaction(signals[i], &end, NULL);
}

static int await_start(struct init *in, struct err *e)
{
	struct msg m;
	bool seen;

	/* The last line of this process that hull is sure to read: runc's words, which clients know. */
	if (nsexec_boot()->debug)
		channel_log(in->sync, "init: closing the pipe to signal completion");
	/*
	 * What is not dumpable cannot be seen by an ordinary user whose /proc has hidepid=, and hull
	 * looks for our start time next; later an exec may enter only what is dumpable. There is
	 * nothing to be seen here.
	 */
	seen = !in->a->exec && !nsexec_is_root();
	if (seen)
		prctl(PR_SET_DUMPABLE, 1);
	if (channel_send(in->sync, MSG_READY, NULL, 0, -1, e) < 0 ||
	    channel_expect(in->sync, MSG_PROCEED, &m, NULL, e) < 0)
		return -1;
	/* The record is whole: from here on the container may outlive whoever made it. */
	prctl(PR_SET_PDEATHSIG, 0);
	if (in->a->start_fd < 0) {
		in->start = in->sync;
		if (seen)
			prctl(PR_SET_DUMPABLE, 0);
		if (in->a->exec)
			return 0;
		return channel_expect(in->sync, MSG_GO, &m, NULL, e);
	}
	/* Before hull is told, by the end of the socket: `kill` may come as soon as create has ended. */
	heed_signals();
	close(in->sync);
	in->sync = -1;
	in->start = accept_start(in, e);
	if (seen)
		prctl(PR_SET_DUMPABLE, 0);
	if (in->start < 0)
		return -1;
	/* Nobody else may come: a second start finds the socket refused. */
	close(in->a->start_fd);
	return 0;
}

/* What is forked last waits with what rights it has then. */
static bool waits_late(const struct init *in)
{
	return !in->a->exec && in->a->fork != FORK_DONE;
}

int start_wait(struct init *in, struct err *e)
{
	return waits_late(in) ? 0 : await_start(in, e);
}

/*
 * For as long as init waits, and until execve has looked up the program, only the sockets are open:
 * a path through /proc/self/fd could lead to the host otherwise, for the program's name or for
 * whoever is let into the container meanwhile.
 */
int start_close_fds(struct init *in, struct err *e)
{
	/* The labels' are files that only this process may write to, and nobody can go further by. */
	int keep[] = { in->sync,
		       in->a->start_fd,
		       in->apparmor_fd,
		       in->selinux_fd,
		       in->landlock_fd,
		       in->handled ? in->a->handler_fd : -1,
		       -1,
		       -1,
		       -1 };

	(void)e;
	nsexec_late_fds(keep + ARRAY_SIZE(keep) - 3);
	fd_close_all_but(3 + in->a->preserve_fds, keep, ARRAY_SIZE(keep));
	in->proc_fd = in->root_fd = -1;
	return 0;
}

int start_keep_fds(struct init *in, struct err *e)
{
	(void)e;
	for (int i = 0; i < in->a->preserve_fds; i++)
		fd_set_cloexec(3 + i, false);
	return 0;
}

/*
 * The file's mode would let it be executed: who has refused is the kernel's security module, for the
 * label that the program was to have.
 */
static bool blame_label(const struct init *in, int code, char *buf, size_t size)
{
	const struct spec_process *p = in->a->process;

	if ((code != EACCES && code != EPERM) || faccessat(AT_FDCWD, in->exe, X_OK, AT_EACCESS) < 0)
		return false;
	if (!str_empty(p->selinux_label))
		snprintf(buf, size, "SELinux does not allow it with the label \"%.200s\"%s",
			 p->selinux_label,
			 code == EPERM && p->no_new_privileges ?
				 " and noNewPrivileges (the policy's nnp_transition)" :
				 "");
	else if (!str_empty(p->apparmor_profile))
		snprintf(buf, size, "AppArmor does not allow it in the profile \"%.200s\"",
			 p->apparmor_profile);
	else
		return false;
	return true;
}

static int explain(const struct init *in, struct err *e)
{
	auto_close int fd = -1;
	char why[400];

	err_sys(e, "exec %s", in->exe);
	/* Neither could we read it now, to find out more. */
	if (in->landlocked && e->code == EACCES &&
	    faccessat(AT_FDCWD, in->exe, X_OK, AT_EACCESS) == 0)
		return err_set(
			e, EACCES,
			"exec %s: %s: Landlock: it, or the interpreter that it names, is not below any path of " LANDLOCK_PREFIX
			"execute",
			in->exe, errno_text(EACCES));
	if (init_may_look(in))
		fd = open(in->exe, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || (!why_not_executable(fd, e->code, why, sizeof(why)) &&
		       !blame_label(in, e->code, why, sizeof(why))))
		return -1;
	return err_set(e, e->code, "exec %s: %s: %s", in->exe, errno_text(e->code), why);
}

/* execve(2) of the handler, whose arguments are the container's, behind its name. */
static int exec_handler(struct init *in, struct err *e)
{
	const struct spec_process *p = in->a->process;
	char **argv = xmalloc((p->args.n + 2) * sizeof(*argv));
	char why[400];

	fd_set_cloexec(in->a->handler_fd, true);
	argv[0] = xstrdup(in->a->handler);
	memcpy(argv + 1, p->args.v, (p->args.n + 1) * sizeof(*argv));
	syscall(SYS_execveat, in->a->handler_fd, "", argv, in->env, AT_EMPTY_PATH);
	err_sys(e, "exec the handler %s", in->a->handler);
	if (!init_may_look(in) || !why_not_executable(in->a->handler_fd, e->code, why, sizeof(why)))
		return -1;
	return err_set(e, e->code, "exec the handler %s: %s: %s", in->a->handler,
		       errno_text(e->code), why);
}

/* A created container: the change of credentials has undone what stage 1 was given (prctl(2)). */
static int wait_in_sight(struct init *in, struct err *e)
{
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(e, "become not dumpable");
	nsexec_become_init();
	return await_start(in, e);
}

/*
 * The session, and with it the terminal, is the one thing that the program cannot have from who forks
 * it. Which of these calls the filter allows, hull has asked it (seccomp_allows_fork()).
 */
static int fork_into_sight(struct init *in, struct err *e)
{
	if (nsexec_fork_late(e) < 0 || kernel_session(in, e) < 0)
		return -1;
	if (console_control(in, e) < 0) {
		err_at_key(e, "terminal");
		return err_at_key(e, "process");
	}
	return waits_late(in) ? wait_in_sight(in, e) : 0;
}

int start_fork_unfiltered(struct init *in, struct err *e)
{
	return in->a->fork == FORK_BEFORE_FILTER ? fork_into_sight(in, e) : 0;
}

int start_fork(struct init *in, struct err *e)
{
	return in->a->fork == FORK_LAST ? fork_into_sight(in, e) : 0;
}

int start_exec(struct init *in, struct err *e)
{
	if (nsexec_boot()->debug && in->sync >= 0)
		channel_log(in->sync, "%s: about to exec %s", in->a->exec ? "setns_init" : "init",
			    in->handled ? in->a->handler : in->exe);
	if (channel_send(in->start, MSG_EXEC, NULL, 0, -1, e) < 0)
		return -1;
	if (in->handled)
		return exec_handler(in, e);
	execve(in->exe, in->a->process->args.v, in->env);
	return explain(in, e);
}

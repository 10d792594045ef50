/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shim's command line, and the process that stays: it waits for calls, for children and for
 * bytes. What is left of it when it is killed `delete` cleans.
 */
#include "cmd/shim/shim.h"

#include "cmd/shim/events.h"
#include "cmd/shim/job.h"
#include "cmd/shim/log.h"
#include "cmd/wire/loop.h"
#include "cmd/shim/server.h"
#include "cmd/shim/task.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLUSH_MS 3000 /* for the last events, when it has been told to go */

bool shim_is_called(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');

	return !strcmp(slash ? slash + 1 : argv0, SHIM_PROGRAM);
}

/* --- The command line: Go's flags, -name VALUE, -name=VALUE or --name ------------------------- */

struct flag {
	const char *name;
	const char **text;
	bool *on;
};

static const struct flag *find_flag(const struct flag *flags, const char *name, size_t n)
{
	for (; flags->name; flags++) {
		if (strlen(flags->name) == n && !memcmp(flags->name, name, n))
			return flags;
	}
	return NULL;
}

static int parse(char **argv, struct shim_flags *f, struct err *e)
{
	const char *debug_socket;
	const struct flag flags[] = {
		{ "namespace", &f->ns, NULL },	{ "address", &f->address, NULL },
		{ "id", &f->id, NULL },		{ "publish-binary", &f->publish, NULL },
		{ "bundle", &f->bundle, NULL }, { "socket", &f->socket, NULL },
		{ "debug", NULL, &f->debug },	{ "debug-socket", &debug_socket, NULL },
		{ "v", NULL, &f->version },	{ "version", NULL, &f->version },
		{ "info", NULL, &f->info },	{ 0 },
	};

	while (*argv && **argv == '-') {
		const char *name = *argv++ + 1;
		const char *eq = strchr(name, '=');
		const struct flag *flag;

		name += *name == '-';
		flag = find_flag(flags, name, eq ? (size_t)(eq - name) : strlen(name));
		if (!flag)
			return err_set(e, EINVAL, "unknown flag -%s", name);
		if (flag->on) {
			*flag->on = !eq || !strcmp(eq + 1, "true") || !strcmp(eq + 1, "1");
			continue;
		}
		if (!eq && !*argv)
			return err_set(e, EINVAL, "flag needs an argument: -%s", name);
		*flag->text = eq ? eq + 1 : *argv++;
	}
	f->action = *argv ? *argv : "";
	return 0;
}

int shim_read_stdin(char **ret, size_t *ret_n, struct err *e)
{
	if (fd_read_all(STDIN_FILENO, (size_t)10 << 20, ret, ret_n, e) == 0)
		return 0;
	return err_wrap(e, "failed to read stdin");
}

/* --- The process that stays ------------------------------------------------------------------- */

static char *socket_path;

/* From here on a `start` for the same pod makes another shim, whose socket is not ours to remove. */
static void shut_down(void)
{
	if (socket_path)
		unlink(socket_path);
	server_close();
	events_flush(FLUSH_MS, loop_stop);
}

static struct watch signals = WATCH_INIT;

static void reap(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		task_child_ended(pid, status);
}

static void got_signal(struct watch *w, uint32_t events)
{
	struct signalfd_siginfo s[3]; /* there are three of them, and none waits twice */
	ssize_t n = read(w->fd, s, sizeof(s));

	(void)events;
	for (ssize_t i = 0; i < n / (ssize_t)sizeof(*s); i++) {
		if (s[i].ssi_signo == SIGCHLD)
			reap();
		else
			shut_down();
	}
}

static int watch_signals(struct err *e)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_sys(e, "signalfd");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_sys(e, "become a subreaper");
	return loop_watch(&signals, fd, EPOLLIN, got_signal, e);
}

/* Where we listen, as start has bound it; NULL for an abstract name. The caller frees it. */
static char *own_socket(int sock)
{
	struct sockaddr_un sa = { 0 };
	socklen_t n = sizeof(sa) - 1;

	if (getsockname(sock, (struct sockaddr *)&sa, &n) < 0 || sa.sun_path[0] != '/')
		return NULL;
	return xstrdup(sa.sun_path);
}

int shim_serve(const struct shim_flags *f, struct err *e)
{
	const char *ttrpc = getenv("TTRPC_ADDRESS");
	const char *bundle = f->bundle ? f->bundle : getcwd(NULL, 0);

	malloc_use_pool(false);
	if (!bundle)
		return err_sys(e, "getcwd");
	shim_log_init(bundle);
	events_init(f->ns, ttrpc ? ttrpc : "");
	task_init(f->ns, SHIM_ROOT);
	task_shutdown = shut_down;
	socket_path = own_socket(SHIM_SOCKET);
	fd_set_cloexec(SHIM_SOCKET, true);
	/* A working directory that is to be removed some day is none. */
	if (chdir("/") < 0)
		return err_sys(e, "chdir to /");
	if (loop_init(e) < 0 || watch_signals(e) < 0 || server_listen(SHIM_SOCKET, e) < 0)
		return -1;
	return loop_run(e);
}

/* --- All -------------------------------------------------------------------------------------- */

static void print_version(const char *self, const struct shim_host *host)
{
	const char *slash = strrchr(self, '/');

	printf("%s:\n  Version:  %s\n  Revision: %s\n\n", slash ? slash + 1 : self, host->version,
	       host->commit);
	fflush(stdout);
}

static int run(const struct shim_flags *f, const char *self, const struct shim_host *host,
	       struct err *e)
{
	if (f->version) {
		print_version(self, host);
		return 0;
	}
	if (f->info)
		return shim_info(host, e);
	if (str_empty(f->ns))
		return err_set(e, EINVAL, "shim namespace cannot be empty");
	if (!strcmp(f->action, "start"))
		return shim_start(f, self, e);
	if (!strcmp(f->action, "delete"))
		return shim_delete(f, e);
	return shim_serve(f, e);
}

int shim_main(int argc, char **argv, const struct shim_host *host)
{
	struct shim_flags f = { 0 };
	struct err e;

	job_hull = host->hull;
	if (parse(argv + (argc > 0), &f, &e) == 0 && run(&f, argv[0], host, &e) == 0)
		return 0;
	fprintf(stderr, "%s: %s", SHIM_NAME, e.chain);
	return 1;
}

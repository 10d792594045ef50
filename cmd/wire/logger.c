/* SPDX-License-Identifier: Apache-2.0 */
/* Loggers: started, told to end, forgotten when they have. Runs in the shim. */
#include "cmd/wire/logger.h"

#include "cmd/wire/loop.h"
#include "nsexec/process/fork.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define END_MS 12000 /* as Go's shim gives it */

struct entry {
	struct entry *next;
	pid_t pid;
	struct timer kill;
};
static struct entry *loggers;

static const char plain[] = "binary://", strict[] = "binary-v2://";

bool logger_is_url(const char *url)
{
	return str_starts(url, plain) || str_starts(url, strict);
}

static int hex(char c)
{
	const char digits[] = "0123456789abcdef";
	const char *p = c ? strchr(digits, c | 32) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* n bytes at s with %XX, and in a query '+', decoded. */
static char *decode(const char *s, size_t n, bool query)
{
	char *r = xmalloc(n + 1), *p = r;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '%' && i + 2 < n + 0 && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
			*p++ = (char)(hex(s[i + 1]) << 4 | hex(s[i + 2]));
			i += 2;
		} else {
			*p++ = query && s[i] == '+' ? ' ' : s[i];
		}
	}
	*p = '\0';
	return r;
}

char *logger_path(const char *url, const char *scheme)
{
	if (!str_starts(url, scheme))
		return NULL;
	url += strlen(scheme);
	return decode(url, strcspn(url, "?#"), false);
}

/* --- Starting --------------------------------------------------------------------------------- */

struct start {
	char **argv, *env[3];
	int fds[3]; /* become 3, 4 and 5 */
};

/* In the child, which has nothing else open. */
static int become_logger(void *arg)
{
	const struct start *s = arg;
	int high[3];

	for (int i = 0; i < 3; i++)
		high[i] = fcntl(s->fds[i], F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++)
		dup3(high[i], 3 + i, 0);
	for (int i = 0; i < 3; i++) {
		if (s->fds[i] > 5)
			close(s->fds[i]);
	}
	sys_default_signals();
	execve(s->argv[0], s->argv, (char **)(uintptr_t)s->env);
	return 127;
}

/* The path, then key and value of each pair of the query. */
static char **make_argv(const char *url, char *path)
{
	const char *q = strchr(url, '?');
	char **argv = xzalloc(sizeof(*argv) * (strlen(url) + 2));
	size_t n = 0;

	argv[n++] = path;
	for (q = q ? q + 1 : ""; *q && *q != '#';) {
		size_t pair = strcspn(q, "&#"), key = strcspn(q, "=&#");

		argv[n++] = decode(q, key, true);
		argv[n++] = key < pair ? decode(q + key + 1, pair - key - 1, true) : xstrdup("");
		q += pair;
		q += *q == '&';
	}
	return argv;
}

static void free_argv(char **argv)
{
	for (char **p = argv; *p; p++)
		free(*p);
	free(argv);
}

static int spawn(struct start *s, struct err *e)
{
	auto_close int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0, e);
	struct fork_request r = { .work = become_logger,
				  .arg = s,
				  .stdio = { null, null, null },
				  .keep = s->fds,
				  .n_keep = 3 };

	if (null < 0)
		return -1;
	if (access(s->argv[0], X_OK) < 0)
		return err_sys(e, "failed to start binary process: exec %s", s->argv[0]);
	return fork_work(&r, e);
}

static void close_pair(int *fds)
{
	cleanup_close(&fds[0]);
	cleanup_close(&fds[1]);
}

static int start_with(struct start *s, struct logger *ret, struct err *e)
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 }, ready[2] = { -1, -1 };
	pid_t pid = -1;

	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0) {
		err_sys(e, "pipe2");
	} else {
		memcpy(s->fds, (int[]){ out[0], err[0], ready[1] }, sizeof(s->fds));
		pid = spawn(s, e);
	}
	if (pid < 0) {
		close_pair(out);
		close_pair(err);
		close_pair(ready);
		return -1;
	}
	close(out[0]);
	close(err[0]);
	close(ready[1]);
	fcntl(ready[0], F_SETFL, O_RDONLY | O_NONBLOCK);
	*ret = (struct logger){ .pid = pid, .out = out[1], .err = err[1], .ready = ready[0] };
	return 0;
}

int logger_start(const char *url, const char *id, const char *ns, struct logger *ret, struct err *e)
{
	bool v2 = logger_is_strict(url);
	auto_free char *id_entry = xasprintf("CONTAINER_ID=%s", id);
	auto_free char *ns_entry = xasprintf("CONTAINER_NAMESPACE=%s", ns);
	struct start s = { .argv = make_argv(url, logger_path(url, v2 ? strict : plain)),
			   .env = { id_entry, ns_entry } };
	int r = start_with(&s, ret, e);
	struct entry *new;

	free_argv(s.argv);
	if (r < 0)
		return -1;
	new = xzalloc(sizeof(*new));
	new->pid = ret->pid;
	new->next = loggers;
	loggers = new;
	return 0;
}

/* --- Ending ----------------------------------------------------------------------------------- */

static struct entry *find(pid_t pid)
{
	struct entry *l = loggers;

	while (l && l->pid != pid)
		l = l->next;
	return l;
}

bool logger_is_strict(const char *url)
{
	return str_starts(url, strict);
}

static void kill_now(struct timer *t)
{
	kill(watch_of(t, struct entry, kill)->pid, SIGKILL);
}

void logger_end(pid_t pid)
{
	struct entry *l = find(pid);

	if (!l)
		return;
	kill(pid, SIGTERM);
	loop_set_timer(&l->kill, END_MS, kill_now);
}

bool logger_ended(pid_t pid)
{
	for (struct entry **p = &loggers; *p; p = &(*p)->next) {
		struct entry *l = *p;

		if (l->pid != pid)
			continue;
		*p = l->next;
		loop_clear_timer(&l->kill);
		free(l);
		return true;
	}
	return false;
}

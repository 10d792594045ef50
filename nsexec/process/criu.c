/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hull's end of criu's RPC. Runs in hull, but for become_criu(). When hull is killed criu reads the
 * end of file instead of an answer and takes back what it has done: it needs no parent death signal,
 * which would leave a container with criu's code still in its processes.
 */
#include "nsexec/process/criu.h"

#include "nsexec/process/interrupt.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/format/protobuf.h"
#include "state/base/sys.h"
#include "state/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* rpc.proto: criu_req; criu_resp is read by tables below. */
enum { REQ_TYPE = 1, REQ_OPTS = 2, REQ_NOTIFY_SUCCESS = 3, REQ_KEEP_OPEN = 4, REQ_FEATURES = 5 };
#define RESPONSE_MAX	 (10 * 4096)
#define CRIU_MIN_VERSION 30000 /* which has the request VERSION */

static const struct name type_names[] = {
	{ "DUMP", CRIU_DUMP },
	{ "RESTORE", CRIU_RESTORE },
	{ "PRE_DUMP", CRIU_PRE_DUMP },
	{ "NOTIFY", CRIU_NOTIFY },
	{ "FEATURE_CHECK", CRIU_FEATURE_CHECK },
	{ "VERSION", CRIU_VERSION },
	{ NULL, 0 },
};

struct response {
	char buf[RESPONSE_MAX];
	int type, cr_errno, version, fd;
	bool success;
	char script[64];
	pid_t pid;
	unsigned features; /* bit N: field N is true */
	char message[256]; /* of newer criu; may be empty */
};

static int silence(struct err *e)
{
	auto_close int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0, e);

	for (int fd = 0; null >= 0 && fd < 3; fd++) {
		if (dup3(null, fd, 0) < 0)
			return err_sys(e, "dup3");
	}
	return null < 0 ? -1 : 0;
}

/* boot leads to hull, which gets its end of the socket, and then an error or the end of file. */
static int become_criu(const struct criu_setup *s, int boot, struct err *e)
{
	char number[16];
	sigset_t none;
	int socks[2];

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	/* What it inherits from our caller, it would take for the container's. */
	fd_cloexec_from(3);
	if ((s->own_stdio && silence(e) < 0) || (s->prepare && s->prepare(s->arg, e) < 0))
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return err_sys(e, "socketpair");
	if (fd_send(boot, "criu", socks[0]) < 0)
		return err_sys(e, "send the socket of criu");
	fd_set_cloexec(socks[1], false);
	for (size_t i = 0; i < s->n_pass_fds; i++) {
		if (s->pass_fds[i] >= 0)
			fd_set_cloexec(s->pass_fds[i], false);
	}
	snprintf(number, sizeof(number), "%d", socks[1]);
	sys_default_signals();
	execlp("criu", "criu", "swrk", number, (char *)NULL);
	if (errno == ENOENT)
		return err_set(e, ENOENT,
			       "criu, which saves and restores processes, is not in PATH (%s)",
			       getenv("PATH") ? getenv("PATH") : "not set");
	return err_sys(e, "execute criu");
}

/* The socket in *ret_fd, then the end of file, which says that criu is executed. */
static int receive_socket(int boot, int *ret_fd, struct err *e)
{
	struct err theirs;
	ssize_t n;

	for (;;) {
		int fd = -1;

		n = fd_receive(boot, &theirs, sizeof(theirs), &fd);
		if (fd >= 0 && *ret_fd < 0)
			*ret_fd = fd;
		if (n < 0 && errno != ECONNRESET)
			return err_sys(e, "read from criu's process");
		if (n <= 0)
			return *ret_fd >= 0 ? 0 : err_set(e, EPROTO, "criu's process said nothing");
		if (n == (ssize_t)sizeof(theirs)) {
			*e = theirs;
			return -1;
		}
	}
}

static int spawn(struct criu *c, const struct criu_setup *s, struct err *e)
{
	int boot[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, boot) < 0)
		return err_sys(e, "socketpair");
	pid = fork();
	if (pid == 0) {
		close(boot[0]);
		(void)become_criu(s, boot[1], e);
		(void)!send(boot[1], e, sizeof(*e), MSG_NOSIGNAL);
		_exit(1);
	}
	close(boot[1]);
	c->pid = pid < 0 ? 0 : pid;
	r = pid < 0 ? err_sys(e, "fork") : receive_socket(boot[0], &c->sock, e);
	close(boot[0]);
	return r;
}

static int send_request(struct criu *c, const struct str *req, struct err *e)
{
	ssize_t n = send(c->sock, req->s, req->n, MSG_NOSIGNAL);

	return n == (ssize_t)req->n ? 0 : err_sys(e, "write to criu");
}

/* What an answer has, as it is read. */
struct raw {
	uint64_t type, cr_errno, pid, major, minor, sublevel;
	bool success, mem_track, lazy_pages;
	struct pb_bytes script, message;
};
/* clang-format off */
#define ROW(m, number, kind) PB_ROW(raw, m, number, kind)
/* The messages inside have their members in the same struct: their offsets are of it. */
#define INSIDE(number, rows) { number, PB_INNER, 0, rows }
#define END { 0, PB_NUMBER, 0, NULL }
static const struct pb_row notify_rows[] = {
	ROW(script, 1, PB_STRING), ROW(pid, 2, PB_NUMBER), END,
};
static const struct pb_row version_rows[] = {
	ROW(major, 1, PB_NUMBER), ROW(minor, 2, PB_NUMBER), ROW(sublevel, 4, PB_NUMBER), END,
};
static const struct pb_row feature_rows[] = {
	ROW(mem_track, CRIU_FEATURE_MEM_TRACK, PB_BOOL),
	ROW(lazy_pages, CRIU_FEATURE_LAZY_PAGES, PB_BOOL),
	END,
};
static const struct pb_row response_rows[] = {
	ROW(type, 1, PB_NUMBER),
	ROW(success, 2, PB_BOOL),
	INSIDE(5, notify_rows),
	ROW(cr_errno, 7, PB_NUMBER),
	INSIDE(8, feature_rows),
	ROW(message, 9, PB_STRING),
	INSIDE(10, version_rows),
	END,
};
/* clang-format on */

static void copy(char *dst, size_t size, struct pb_bytes b)
{
	snprintf(dst, size, "%.*s", (int)b.n, b.n ? b.s : "");
}

static int parse(struct response *r, size_t n, struct err *e)
{
	struct raw raw = { 0 };

	if (!pb_read((struct pb_bytes){ r->buf, n }, response_rows, &raw))
		return err_set(e, EPROTO, "criu's answer is damaged");
	r->type = (int)raw.type;
	r->success = raw.success;
	r->cr_errno = (int)raw.cr_errno;
	r->pid = (pid_t)raw.pid;
	r->version = (int)(raw.major * 10000 + raw.minor * 100 + raw.sublevel);
	r->features = (unsigned)raw.mem_track << CRIU_FEATURE_MEM_TRACK |
		      (unsigned)raw.lazy_pages << CRIU_FEATURE_LAZY_PAGES;
	copy(r->script, sizeof(r->script), raw.script);
	copy(r->message, sizeof(r->message), raw.message);
	return 0;
}

/* The next answer; r->fd is the caller's. */
static int receive(struct criu *c, struct response *r, struct err *e)
{
	ssize_t n;

	memset((char *)r + sizeof(r->buf), 0, sizeof(*r) - sizeof(r->buf));
	if (interrupt_wait(c->sock, POLLIN, e) < 0)
		return -1;
	n = fd_receive(c->sock, r->buf, sizeof(r->buf), &r->fd);
	if (n < 0 && errno != ECONNRESET)
		return err_sys(e, "read from criu");
	return n > 0 ? parse(r, (size_t)n, e) : err_set(e, ENODATA, "criu ended without an answer");
}

/* An answer to a question that leaves criu waiting for the next. */
static int ask(struct criu *c, enum criu_type type, enum criu_feature feature, struct response *r,
	       struct err *e)
{
	auto_str struct str req = { 0 }, features = { 0 };

	pb_add_int(&req, REQ_TYPE, type);
	pb_add_bool(&req, REQ_KEEP_OPEN, true);
	if (type == CRIU_FEATURE_CHECK) {
		pb_add_bool(&features, (unsigned)feature, true);
		pb_add_message(&req, REQ_FEATURES, &features);
	}
	if (send_request(c, &req, e) < 0 || receive(c, r, e) < 0)
		return -1;
	cleanup_close(&r->fd);
	return r->success && r->type == (int)type ?
		       0 :
		       err_set(e, EPROTO, "criu does not answer the request %s",
			       name_of(type_names, (int)type));
}

int criu_start(struct criu *c, const struct criu_setup *s, struct err *e)
{
	trace_here("start criu", NULL);
	auto_free struct response *r = xmalloc(sizeof(*r));

	if (spawn(c, s, e) < 0)
		return -1;
	if (ask(c, CRIU_VERSION, 0, r, e) < 0)
		return err_wrap(e, "CRIU version check failed");
	c->version = r->version;
	log_debug("Using CRIU %d", c->version);
	return c->version >= CRIU_MIN_VERSION ?
		       0 :
		       err_set(e, ENOTSUP, "CRIU version %d must be %d or higher", c->version,
			       CRIU_MIN_VERSION);
}

int criu_check_feature(struct criu *c, enum criu_feature feature, const char *name, struct err *e)
{
	auto_free struct response *r = xmalloc(sizeof(*r));

	if (ask(c, CRIU_FEATURE_CHECK, feature, r, e) < 0)
		return err_wrap(e, "CRIU feature check failed");
	return r->features & 1u << feature ?
		       0 :
		       err_set(e, ENOTSUP, "criu is missing features: [%s]", name);
}

static int answer_notify(struct criu *c, bool success, struct err *e)
{
	auto_str struct str req = { 0 };

	pb_add_int(&req, REQ_TYPE, CRIU_NOTIFY);
	pb_add_bool(&req, REQ_NOTIFY_SUCCESS, success);
	return send_request(c, &req, e);
}

/* criu waits meanwhile. *refused is set for a failure of ours, which *e says. */
static int serve_notify(struct criu *c, const struct response *r, const struct criu_notify *n,
			bool *refused, struct err *e)
{
	struct err lost;

	log_debug("notify: %s", r->script);
	if (n->tell(n->arg, r->script, r->pid, r->fd, e) == 0)
		return answer_notify(c, true, e);
	*refused = c->refused = true;
	(void)!answer_notify(c, false, &lost);
	return 0;
}

static int refuse(struct criu *c, struct response *r, struct err *e)
{
	r->message[strcspn(r->message, "\n")] = '\0';
	snprintf(c->message, sizeof(c->message), "%s", r->message);
	return err_set(e, r->cr_errno > 0 ? r->cr_errno : EIO, "criu failed: type %s errno %d",
		       name_of(type_names, r->type) ? name_of(type_names, r->type) : "?",
		       r->cr_errno);
}

static int converse(struct criu *c, enum criu_type type, const struct criu_notify *n, struct err *e)
{
	auto_free struct response *r = xmalloc(sizeof(*r));
	bool refused = false;
	struct err lost;

	for (;;) {
		/* After a failure of ours the reason is known; only criu's end is waited for. */
		if (receive(c, r, refused ? &lost : e) < 0)
			return -1;
		if (r->type == CRIU_NOTIFY && r->success && !refused) {
			if (serve_notify(c, r, n, &refused, e) < 0)
				return -1;
			continue;
		}
		cleanup_close(&r->fd);
		if (refused)
			return -1;
		if (!r->success)
			return refuse(c, r, e);
		if (r->type == (int)type)
			return 0;
		return err_set(e, EPROTO, "criu answers %d to the request %s", r->type,
			       name_of(type_names, (int)type));
	}
}

static int reap(struct criu *c, int *ret_status)
{
	pid_t got;

	do {
		got = waitpid(c->pid, ret_status, 0);
	} while (got < 0 && errno == EINTR);
	c->pid = 0;
	return got < 0 ? -1 : 0;
}

int criu_work(struct criu *c, enum criu_type type, const struct str *opts,
	      const struct criu_notify *n, struct err *e)
{
	trace_here("criu", NULL);
	auto_str struct str req = { 0 };
	int status;

	log_debug("Using CRIU in %s mode", name_of(type_names, (int)type));
	pb_add_int(&req, REQ_TYPE, type);
	pb_add_message(&req, REQ_OPTS, opts);
	c->working = true;
	if (send_request(c, &req, e) < 0 || converse(c, type, n, e) < 0)
		return -1;
	close(take_fd(&c->sock));
	if (reap(c, &status) < 0)
		return err_sys(e, "wait for criu");
	/* After a pre-dump criu waits for the next one, and takes our end for a failure. */
	if (status != 0 && type != CRIU_PRE_DUMP)
		return err_set(e, EIO, "criu failed: %s %d",
			       WIFSIGNALED(status) ? "signal" : "exit status",
			       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return 0;
}

void criu_end(struct criu *c)
{
	int ignored;

	/* Without anything to take back it would complain on stderr. */
	if (c->pid > 0 && !c->working)
		kill(c->pid, SIGKILL);
	if (c->sock >= 0)
		close(take_fd(&c->sock));
	if (c->pid > 0)
		(void)!reap(c, &ignored);
}

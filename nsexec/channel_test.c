/* SPDX-License-Identifier: Apache-2.0 */
#include "nsexec/channel.h"
#include "state/base/fd.h"
#include "state/base/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char last_line[64];

static void keep_line(const char *line)
{
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static void pair(int s[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) < 0)
		s[0] = s[1] = -1;
}

static void errors_arrive_whole(void)
{
	struct err sent = { 0 }, e = { 0 };
	struct msg m;
	int s[2];

	pair(s);
	err_set(&sent, ENOENT, "the cause");
	err_at_key(&sent, "mounts");
	channel_log(s[1], "a line %d", 7);
	channel_send_error(s[1], &sent);
	channel_log_fn = keep_line;
	ok(channel_expect(s[0], MSG_READY, &m, NULL, &e) < 0, "an error instead of READY");
	ok(e.code == ENOENT && !strcmp(e.chain, "the cause") && !strcmp(e.pointer, "/mounts"),
	   "it is whole: %s", e.chain);
	ok(!strcmp(last_line, "a line 7"), "the log line before it was handed on");
	close(s[0]);
	close(s[1]);
}

/* The peer ends while a message of ours is unread: the kernel reports ECONNRESET first. */
static void last_words(void)
{
	struct err sent = { 0 }, e = { 0 };
	struct msg m;
	int s[2];

	pair(s);
	err_set(&sent, EINVAL, "last words");
	ok(channel_send(s[0], MSG_PROCEED, NULL, 0, -1, &e) == 0, "a message that nobody reads");
	channel_send_error(s[1], &sent);
	close(s[1]);
	ok(channel_expect(s[0], MSG_READY, &m, NULL, &e) < 0 && !strcmp(e.chain, "last words"),
	   "%s", e.chain);
	ok(channel_next(s[0], &m, NULL, &e) == 0, "then the end of file");
	ok(channel_send(s[0], MSG_GO, NULL, 0, -1, &e) < 0 && e.code == EPIPE,
	   "sending is EPIPE, not a signal");
	close(s[0]);
}

static void many_descriptors(void)
{
	struct err e = { 0 };
	int s[2], sent[FD_PASS_MAX], got[FD_PASS_MAX];
	size_t n = FD_PASS_MAX;
	struct msg m;
	char c;

	pair(s);
	for (int i = 0; i < FD_PASS_MAX; i++)
		sent[i] = s[1];
	channel_log(s[1], "before it");
	ok(channel_send_fds(s[1], MSG_PREPARED, "body", 4, sent, FD_PASS_MAX, &e) == 0 &&
		   channel_expect_fds(s[0], MSG_PREPARED, &m, got, &n, &e) == 0,
	   "as many descriptors as may be");
	ok(n == FD_PASS_MAX && m.n == 4 && !memcmp(m.body, "body", 4), "all of them, and a body");
	ok(write(got[n - 1], "x", 1) == 1 && read(s[0], &c, 1) == 1, "the last is what it was");
	while (n-- > 0)
		close(got[n]);
	n = 2;
	ok(channel_send_fds(s[1], MSG_PREPARED, NULL, 0, sent, 3, &e) == 0 &&
		   channel_expect_fds(s[0], MSG_PREPARED, &m, got, &n, &e) < 0 &&
		   e.code == EMSGSIZE,
	   "more than wanted: %s", e.chain);
	ok(channel_send_fds(s[1], MSG_PREPARED, NULL, 0, sent, FD_PASS_MAX + 1, &e) < 0 &&
		   e.code == EMSGSIZE,
	   "more than may be: %s", e.chain);
	ok(channel_send(s[1], MSG_READY, NULL, 0, s[1], &e) == 0 &&
		   channel_expect(s[0], MSG_READY, &m, NULL, &e) == 0,
	   "one that nobody waits for is none");
	close(s[0]);
	close(s[1]);
}

static void order(void)
{
	struct err e = { 0 };
	struct msg m;
	int s[2];

	pair(s);
	ok(channel_send(s[1], MSG_HOOKS, NULL, 0, -1, &e) == 0, "HOOKS");
	ok(channel_expect(s[0], MSG_READY, &m, NULL, &e) < 0 && e.code == EPROTO &&
		   strstr(e.chain, "HOOKS instead of READY"),
	   "%s", e.chain);
	ok(write(s[1], "abc", 3) == 3 && channel_next(s[0], &m, NULL, &e) < 0 && e.code == EPROTO,
	   "%s", e.chain);
	close(s[1]);
	ok(channel_expect(s[0], MSG_READY, &m, NULL, &e) < 0 && e.code == ENODATA, "%s", e.chain);
	close(s[0]);
}

static void exec_and_its_failure(void)
{
	struct err sent = { 0 }, e = { 0 };
	int s[2];

	pair(s);
	ok(channel_send(s[1], MSG_EXEC, NULL, 0, -1, &e) == 0, "EXEC");
	close(s[1]);
	ok(channel_wait_exec(s[0], NULL, &e) == 0, "EXEC and the end of file: running");
	close(s[0]);
	pair(s);
	err_set(&sent, ENOEXEC, "exec format error");
	ok(channel_send(s[1], MSG_EXEC, NULL, 0, -1, &e) == 0, "EXEC");
	channel_send_error(s[1], &sent);
	close(s[1]);
	ok(channel_wait_exec(s[0], NULL, &e) < 0 && e.code == ENOEXEC, "EXEC and an error: %s",
	   e.chain);
	close(s[0]);
	pair(s);
	memset(sent.chain, 'x', sizeof(sent.chain));
	memset(sent.pointer, 'y', sizeof(sent.pointer));
	ok(channel_send(s[1], MSG_EXEC, NULL, 0, -1, &e) == 0, "EXEC");
	channel_send_error(s[1], &sent);
	close(s[1]);
	ok(channel_wait_exec(s[0], NULL, &e) < 0 && strlen(e.chain) == sizeof(e.chain) - 1 &&
		   strlen(e.pointer) == sizeof(e.pointer) - 1,
	   "an error without ends has them");
	close(s[0]);
	pair(s);
	close(s[1]);
	ok(channel_wait_exec(s[0], NULL, &e) < 0, "the end of file alone: %s", e.chain);
	close(s[0]);
}

static int note_fd(void *arg, int fd, struct err *e)
{
	*(int *)arg = fd;
	return fd == 99 ? err_set(e, ECONNREFUSED, "nobody listens") : 0;
}

/* What init says with a filter in force, by write(2) alone. Last of all: there is no way back. */
static void with_a_filter(void)
{
	int fd = -1, s[2];
	struct channel_listener l = { note_fd, &fd };
	struct err e = { 0 };
	uint32_t number = 7;
	struct msg m;

	channel_use_write();
	pair(s);
	ok(channel_send(s[1], MSG_LISTENER, &number, sizeof(number), -1, &e) == 0 &&
		   channel_send(s[1], MSG_EXEC, NULL, 0, -1, &e) == 0,
	   "LISTENER and EXEC are written");
	shutdown(s[1], SHUT_WR);
	ok(channel_wait_exec(s[0], &l, &e) == 0 && fd == 7, "the listener %d is passed on", fd);
	ok(channel_expect(s[1], MSG_LISTENER_DONE, &m, NULL, &e) == 0, "init may go on");
	close(s[0]);
	close(s[1]);
	pair(s);
	number = 99;
	ok(channel_send(s[1], MSG_LISTENER, &number, sizeof(number), -1, &e) == 0, "LISTENER");
	ok(channel_wait_exec(s[0], &l, &e) < 0 && e.code == ECONNREFUSED, "%s", e.chain);
	close(s[0]);
	close(s[1]);
	pair(s);
	ok(channel_send(s[1], MSG_EXEC, NULL, 0, -1, &e) == 0 &&
		   channel_wait_exec(s[0], &l, &e) < 0 && e.code == EPROTO,
	   "%s", e.chain);
	close(s[0]);
	close(s[1]);
	pair(s);
	err_set(&e, ENOEXEC, "whole");
	channel_send_error(s[1], &e);
	close(s[1]);
	e = (struct err){ 0 };
	ok(channel_wait_exec(s[0], &l, &e) < 0 && e.code == ENOEXEC, "an error: %s", e.chain);
	close(s[0]);
}

static void descriptors(void)
{
	struct err e = { 0 };
	struct msg m;
	int s[2], fd = -1;

	pair(s);
	ok(channel_send(s[1], MSG_SOURCE_FD, NULL, 0, 0, &e) == 0, "send a descriptor");
	ok(channel_expect(s[0], MSG_SOURCE_FD, &m, &fd, &e) == 0 && fd > 2 &&
		   (fcntl(fd, F_GETFD) & FD_CLOEXEC),
	   "it arrives close-on-exec");
	ok(channel_send(s[1], MSG_SOURCE_FD, "x", 2000, -1, &e) < 0 && e.code == EMSGSIZE, "%s",
	   e.chain);
	close(fd);
	close(s[0]);
	close(s[1]);
}

int main(void)
{
	errors_arrive_whole();
	last_words();
	many_descriptors();
	order();
	exec_and_its_failure();
	descriptors();
	with_a_filter();
	return done_testing();
}

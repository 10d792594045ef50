/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a process of the container, which may trace a stage, says over the sync socket: messages
 * within their bounds, texts that end, or an error in words. An input is a row of datagrams, each with
 * its length, a byte times eight, before it.
 */
#include "nsexec/channel.h"

#include "state/base/fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void log_line(const char *line)
{
	must(strlen(line) < sizeof(((struct msg *)0)->body));
}

static void say(int sock, const uint8_t *data, size_t size)
{
	for (int i = 0; size && i < 16; i++) {
		size_t n = (size_t)*data++ * 8;

		size--;
		n = n < size ? n : size;
		must(send(sock, data, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n);
		data += n;
		size -= n;
	}
}

static int pass_on(void *arg, int fd, struct err *e)
{
	(void)arg;
	return fd < 0 ? err_set(e, EBADF, "no descriptor") : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct channel_listener listener = { pass_on, NULL };
	struct msg *m = malloc(sizeof(*m)); /* exact size: an over-read is seen */
	struct err e = { 0 }, said;
	bool started = size && *data & 1;
	int sock[2], r;

	channel_log_fn = log_line;
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) == 0);
	if (size)
		say(sock[1], data + 1, size - 1);
	close(sock[1]);
	if (started) {
		r = channel_wait_exec(sock[0], *data & 2 ? &listener : NULL, &e);
		must(r == 0 || e.chain[0]);
	} else {
		while ((r = channel_next(sock[0], m, NULL, &e)) == 1) {
			must(m->n <= sizeof(m->body));
			if (channel_is_error(m, &said))
				must(strlen(said.chain) < sizeof(said.chain) &&
				     strlen(said.pointer) < sizeof(said.pointer));
		}
		must(r == 0 || e.chain[0]);
	}
	close(sock[0]);
	free(m);
	return 0;
}

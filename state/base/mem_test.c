/* SPDX-License-Identifier: Apache-2.0 */
/* The arena that two processes share: sent, mapped, and in both parts. */
#include "state/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/base/sys.h"
#include "state/base/tap.h"

struct list {
	const char *word;
	struct list *next;
};

static int socket_room; /* SO_SNDBUF; 0: as it is */

/* In a child: as another process of this binary finds it, with nothing there but what it is given. */
static bool arrives(struct arena *a, char *base, size_t n)
{
	int s[2], status;
	struct err e;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) < 0 ||
	    (socket_room &&
	     setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &socket_room, sizeof(socket_room)) < 0) ||
	    arena_send(a, s[0], &e) < 0)
		return false;
	child = fork();
	if (child == 0) {
		void *first;
		struct list *l;
		size_t seen = 0;

		if (ARENA_NEAR)
			memset(base, 0, ARENA_NEAR);
		munmap(ARENA_ADDR, ARENA_SIZE);
		if (arena_receive(s[1], &e) < 0 || arena_map(a->fd, &first, &e) < 0)
			_exit(1);
		for (l = first; l; l = l->next)
			seen += !strcmp(l->word, "word");
		_exit(seen == n ? 0 : 2);
	}
	close(s[0]);
	close(s[1]);
	return waitpid(child, &status, 0) == child && status == 0;
}

static struct list *add(struct arena *a, struct list *last)
{
	struct list *l = arena_zalloc(a, sizeof(*l));

	l->word = arena_strdup(a, "word");
	if (last)
		last->next = l;
	return l;
}

/* Each in a process of its own, which has no more than one of it. */
static void in_child(bool (*test)(void), const char *what)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(test() ? 0 : 1);
	ok(waitpid(child, &status, 0) == child && status == 0, "%s", what);
}

/* One of n words. */
static bool of_words(int n, bool in_memfd)
{
	struct arena a;
	struct err e;
	struct list *last = NULL;
	char *base;

	if (arena_init_shared(&a, &e) < 0)
		return false;
	base = a.base;
	for (int i = 0; i < n; i++)
		last = add(&a, last);
	return (a.base == ARENA_ADDR) == in_memfd && (a.fd >= 0) == in_memfd &&
	       arrives(&a, base, (size_t)n);
}

static bool small(void)
{
	return of_words(10, ARENA_NEAR == 0);
}

static bool large(void)
{
	return of_words(10000, true);
}

/* More than the socket of an odd machine takes. */
static bool tight(void)
{
	socket_room = 5000;
	return of_words(1000, ARENA_NEAR == 0);
}

static bool expected(void)
{
	struct arena a;
	struct err e;
	struct list *last;
	char *base;

	if (arena_init_shared(&a, &e) < 0)
		return false;
	base = a.base;
	last = add(&a, NULL);
	if (arena_expect(&a, 3000, &e) < 0 || (a.fd < 0) != (ARENA_NEAR > 0) ||
	    arena_expect(&a, 1 << 20, &e) < 0 || a.fd < 0)
		return false;
	last = add(&a, last);
	return (char *)last >= ARENA_ADDR && arena_go_far(&a, &e) == 0 && a.p > (char *)last &&
	       arrives(&a, base, 2);
}

/* What would not reach the other process: the end, with a word to standard error. */
static bool afterwards(void)
{
	int s[2], null[2], status;
	struct arena a;
	struct err e;
	pid_t child;

	if (arena_init_shared(&a, &e) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) < 0 ||
	    pipe2(null, O_CLOEXEC) < 0)
		return false;
	add(&a, NULL);
	if (arena_send(&a, s[0], &e) < 0)
		return false;
	child = fork();
	if (child == 0) {
		dup3(null[1], STDERR_FILENO, 0);
		add(&a, NULL);
		_exit(0);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static bool nobody(void)
{
	int s[2];
	struct err e;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) < 0)
		return false;
	close(s[0]);
	return !ARENA_NEAR || (arena_receive(s[1], &e) < 0 && e.code == EPIPE);
}

int main(void)
{
	in_child(small, "a small one is sent, and its pointers are good");
	in_child(tight, "so is one that is more than the socket takes at first");
	in_child(large, "what has no room in the first part lies in a memfd");
	in_child(expected, "a large text is expected there, a small one is not");
	in_child(afterwards, "nothing is added to what has been sent");
	in_child(nobody, "hull went away");
	return done_testing();
}

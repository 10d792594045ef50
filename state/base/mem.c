/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation, cleanup attributes and the arena. Runs in every process of hull. */
#include "state/base/mem.h"

#include "state/base/sys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARENA_BLOCK 32768

void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

void cleanup_free(void *p)
{
	free(*(void **)p);
}

__attribute__((weak)) void malloc_use_pool(bool use)
{
	(void)use;
}

static void *no_memory(void)
{
	static const char msg[] = "out of memory\n";

	(void)!write(STDERR_FILENO, msg, sizeof(msg) - 1);
	_exit(1);
}

void *xrealloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	return p ? p : no_memory();
}

void *xmalloc(size_t n)
{
	return xrealloc(NULL, n);
}

void *xzalloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	return p ? p : no_memory();
}

char *xstrndup(const char *s, size_t n)
{
	char *p = xmalloc(n + 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	return n < 0 ? no_memory() : p;
}

void arena_init(struct arena *a)
{
	*a = (struct arena){ .fd = -1 };
}

/* Pages that are not used are never touched. */
static char near[ARENA_NEAR ? ARENA_NEAR : 1] IN_BSS("arena");

int arena_init_shared(struct arena *a, struct err *e)
{
	*a = (struct arena){
		.base = near, .p = near, .end = near + ARENA_NEAR, .fd = -1, .shared = true
	};
	return ARENA_NEAR ? 0 : arena_go_far(a, e);
}

int arena_go_far(struct arena *a, struct err *e)
{
	auto_close int fd = -1;
	char *p;

	if (a->fd >= 0)
		return 0;
	fd = memfd_create("hull-arena", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "memfd_create");
	if (ftruncate(fd, (off_t)ARENA_SIZE) < 0)
		return err_sys(e, "ftruncate arena");
	p = mmap(ARENA_ADDR, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
		 fd, 0);
	if (p != ARENA_ADDR)
		return err_sys(e, "mmap arena");
	a->near = (size_t)(a->p - a->base);
	a->base = a->p = p;
	a->end = p + ARENA_SIZE;
	a->fd = take_fd(&fd);
	return 0;
}

int arena_expect(struct arena *a, size_t n, struct err *e)
{
	/* What is decoded takes about as much as its text; of one with many small things three times. */
	return a->shared && n > (size_t)(a->end - a->p) / 4 ? arena_go_far(a, e) : 0;
}

int arena_send(struct arena *a, int sock, struct err *e)
{
	const int room = 2 * (int)ARENA_NEAR;
	ssize_t n;

	if (a->fd < 0)
		a->near = (size_t)(a->p - a->base);
	a->end = a->p;
	a->sent = true;
	if (!a->near)
		return 0;
	n = send(sock, near, a->near, MSG_NOSIGNAL);
	/* Where net.core.wmem_default is that low; who may not have more than wmem_max has that. */
	if (n < 0 && errno == EMSGSIZE &&
	    (setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) == 0 ||
	     setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) == 0))
		n = send(sock, near, a->near, MSG_NOSIGNAL);
	return n < 0 ? err_sys(e, "send the arguments of init") : 0;
}

int arena_receive(int sock, struct err *e)
{
	ssize_t n;

	if (!ARENA_NEAR)
		return 0;
	do {
		n = recv(sock, near, ARENA_NEAR, MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, "receive the arguments of init");
	if (n == 0)
		return err_set(e, EPIPE, "hull went away");
	return (size_t)n > ARENA_NEAR ? err_set(e, EBADMSG, "the arguments of init are cut") : 0;
}

int arena_map(int fd, void **ret_first, struct err *e)
{
	void *p = fd < 0 ? ARENA_ADDR :
			   mmap(ARENA_ADDR, ARENA_SIZE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED_NOREPLACE, fd, 0);

	if (p != ARENA_ADDR)
		return err_sys(e, "mmap arena");
	*ret_first = ARENA_NEAR ? near : p;
	return 0;
}

/* A shared arena has come to the end of its first part where nobody had expected it. */
static void need_far(struct arena *a)
{
	struct err e;

	if (!a->sent && a->fd < 0) {
		if (arena_go_far(a, &e) == 0)
			return;
		(void)!write(STDERR_FILENO, e.chain, strlen(e.chain));
	}
	no_memory();
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *r;

	if (n > ARENA_SIZE)
		return no_memory();
	n = (n + 15) & ~(size_t)15;
	if (n > (size_t)(a->end - a->p) && a->shared) {
		need_far(a);
		return arena_zalloc(a, n);
	}
	if (n > (size_t)(a->end - a->p)) {
		size_t block = n > ARENA_BLOCK ? n : ARENA_BLOCK;

		a->base = a->p = xzalloc(block);
		a->end = a->p + block;
	}
	r = a->p;
	a->p += n;
	return r;
}

char *arena_strdup(struct arena *a, const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(arena_zalloc(a, n), s, n);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = arena_zalloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

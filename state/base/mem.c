/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation, cleanup attributes and the arena. Runs in every process of hull. */
#include "state/base/mem.h"

#include "state/base/sys.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

int arena_init_shared(struct arena *a, struct err *e)
{
	auto_close int fd = memfd_create("hull-arena", MFD_CLOEXEC);
	char *p;

	if (fd < 0)
		return err_sys(e, "memfd_create");
	if (ftruncate(fd, (off_t)ARENA_SIZE) < 0)
		return err_sys(e, "ftruncate arena");
	p = mmap(ARENA_ADDR, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
		 fd, 0);
	if (p != ARENA_ADDR)
		return err_sys(e, "mmap arena");
	*a = (struct arena){ .base = p, .p = p, .end = p + ARENA_SIZE, .fd = take_fd(&fd) };
	return 0;
}

int arena_map(int fd, void **ret_first, struct err *e)
{
	void *p = mmap(ARENA_ADDR, ARENA_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED_NOREPLACE, fd, 0);

	if (p != ARENA_ADDR)
		return err_sys(e, "mmap arena");
	*ret_first = p;
	return 0;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *r;

	if (n > ARENA_SIZE)
		return no_memory();
	n = (n + 15) & ~(size_t)15;
	if (n > (size_t)(a->end - a->p)) {
		if (a->fd >= 0)
			return no_memory();
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

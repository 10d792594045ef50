/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and descriptors that clean up after themselves, and the arena in which a decoded
 * configuration lives.
 *
 * Allocation does not fail: out of memory ends the process, and its peer sees the end of file
 * and says so.
 */
#ifndef STATE_MEM_H
#define STATE_MEM_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define auto_close __attribute__((cleanup(cleanup_close)))
#define auto_free  __attribute__((cleanup(cleanup_free)))

void cleanup_close(int *fd);
void cleanup_free(void *p);

/* Take ownership out of an auto_ variable. */
static inline int take_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}
#define take_ptr(p)                             \
	({                                      \
		__typeof__(*(p)) taken_ = *(p); \
		*(p) = NULL;                    \
		taken_;                         \
	})

/* Of a static buffer: where cmd/layout.ld puts it; a large one behind the small variables, which so share a page. */
#define IN_BSS(name) __attribute__((section(".bss.." name), aligned(16)))
#define LARGE	     IN_BSS("large")

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Whether malloc(3) may use the program's own memory (malloc.c), as it does from the start. Who lives on lets go of
 * it: there a block comes back only when all behind it have, and every piece would be in use in the end. Who is
 * forked from him for a short work takes it up again. Nothing in programs without malloc.c.
 */
void malloc_use_pool(bool use);

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xzalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((returns_nonnull)) printf_like(1, 2);

/*
 * Memory that is given out in pieces and freed never or at once. A shared arena lies where it does in
 * another process of the same binary, which so can follow its pointers: this is how the decoded
 * configuration reaches the container's init without being parsed again inside the container's
 * memory limit. Its first ARENA_NEAR bytes are the program's own and are sent; what has no room there
 * lies in a memfd, which both map at one address.
 */
struct arena {
	char *base, *p, *end; /* of the part that it is in now */
	int fd;		      /* the memfd of a shared arena, -1 without */
	bool shared, sent;
	size_t near; /* bytes of the first part that are to be sent */
};

/* Private: ordinary memory, grown in blocks. */
void arena_init(struct arena *a);
/* Shared: one of a process, at most ARENA_SIZE bytes; the caller closes a->fd. */
must_check int arena_init_shared(struct arena *a, struct err *e);
/* To the memfd from here on, and there to its first byte, if it is not there yet. */
must_check int arena_go_far(struct arena *a, struct err *e);
/* A text of n bytes is to be decoded into it: all of that in one part, but for odd ones. */
must_check int arena_expect(struct arena *a, size_t n, struct err *e);

/* Its first part over a socket of packets. Nothing is added to the arena after that. */
must_check int arena_send(struct arena *a, int sock, struct err *e);
must_check int arena_receive(int sock, struct err *e);
/* Map the rest of the shared arena, behind fd or -1, copy on write; returns its first object. */
must_check int arena_map(int fd, void **ret_first, struct err *e);

/* Zeroed, aligned to 16 bytes. */
void *arena_zalloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((returns_nonnull))
printf_like(2, 3);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * malloc(3) for a program that lives for a millisecond: what it needs comes from .bss, where there is
 * room for a usual configuration, and only the rest from musl. There the first allocation costs three
 * system calls, each size a mapping of its own with two page faults, and the free of the last of a size
 * unmaps it: a tenth of an exec's time.
 *
 * Blocks are given out one behind the other, and come back when all behind them have. A block that is
 * not one, by its state, or is freed twice ends the program, as with musl. Linked into programs with
 * musl alone (Makefile): sanitizers have to see each allocation.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "state/base/mem.h"

/* musl's own, by the names that they have within it (src/malloc/, since 1.2.2). */
void *__libc_malloc(size_t n);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

#define POOL_SIZE (256U << 10) /* of which pages that are not used cost nothing */
#define ALIGN	  16U
#define USED	  0x75dd4a8e3ac1b1f1U
#define FREE	  0x66a1b84f9d2e7c03U

struct block {
	uint32_t size, before; /* bytes with this header: its own, and of the block before it */
	uint64_t state;
};

static char pool[POOL_SIZE] IN_BSS("pool");
/* Offsets in it: of the first free byte, of the last block, of the first byte that nobody has had yet. */
static uint32_t top, last, fresh;
static bool unused; /* malloc_use_pool(false) */

void malloc_use_pool(bool use)
{
	unused = !use;
}

static struct block *at(uint32_t offset)
{
	return (struct block *)(void *)(pool + offset);
}

/* The last block, if it is of 0 bytes, begins where the pool ends; none where it begins. */
static bool is_pool(const void *p)
{
	return (uintptr_t)p - (uintptr_t)pool - 1 < POOL_SIZE;
}

static struct block *block_of(void *p)
{
	struct block *b = (struct block *)p - 1;

	if (b->state != USED)
		__builtin_trap();
	return b;
}

/* Bytes of a block for n, or 0: more than the pool should be asked for. */
static uint32_t size_for(size_t n)
{
	if (n > POOL_SIZE / 2)
		return 0;
	return ((uint32_t)(n + sizeof(struct block)) + ALIGN - 1) & ~(ALIGN - 1);
}

static void *take(size_t n)
{
	uint32_t size = size_for(n);
	struct block *b = at(top);

	if (unused || !size || size > POOL_SIZE - top)
		return NULL;
	*b = (struct block){ size, top - last, USED };
	last = top;
	top += size;
	return b + 1;
}

/* The last block can grow where it is. */
static bool stretch(struct block *b, size_t n)
{
	uint32_t size = size_for(n);

	if (b != at(last) || !size || size > POOL_SIZE - last)
		return false;
	b->size = size;
	top = last + size;
	return true;
}

static void give_back(void *p)
{
	block_of(p)->state = FREE;
	if (fresh < top)
		fresh = top;
	while (top > 0 && at(last)->state == FREE) {
		top = last;
		last -= at(top)->before;
	}
}

void *malloc(size_t n)
{
	void *p = take(n);

	return p ? p : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	size_t all, dirty;
	char *p;

	if (__builtin_mul_overflow(n, size, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	p = take(all);
	if (!p) {
		p = __libc_malloc(all);
		return p ? memset(p, 0, all) : NULL;
	}
	dirty = p < pool + fresh ? (size_t)(pool + fresh - p) : 0;
	return memset(p, 0, dirty < all ? dirty : all);
}

void *realloc(void *p, size_t n)
{
	struct block *b;
	size_t had;
	void *q;

	if (!p)
		return malloc(n);
	if (!is_pool(p))
		return __libc_realloc(p, n);
	b = block_of(p);
	had = b->size - sizeof(*b);
	if (n <= had || stretch(b, n))
		return p;
	q = malloc(n);
	if (q) {
		memcpy(q, p, had);
		give_back(p);
	}
	return q;
}

void free(void *p)
{
	if (is_pool(p))
		give_back(p);
	else
		__libc_free(p);
}

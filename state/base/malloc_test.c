/* SPDX-License-Identifier: Apache-2.0 */
/* malloc: in the program's own memory, in order and out of order, and what does not fit there. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/base/mem.h"
#include "state/base/tap.h"

extern char end; /* of the program's data (end(3)) */

/* Not seen through by the compiler, which knows what malloc and free do. */
static void *(*volatile take)(size_t n) = malloc;
static void *(*volatile take_zero)(size_t n, size_t size) = calloc;
static void *(*volatile resize)(void *p, size_t n) = realloc;
static void (*volatile give)(void *p) = free;

static bool is_own(const void *p)
{
	return (const char *)p < &end;
}

static bool is_all(const char *p, char c, size_t n)
{
	while (n && *p == c) {
		p++;
		n--;
	}
	return n == 0;
}

static void order(void)
{
	char *a = take(1), *b = take(100), *c = take(0), *again;

	ok(is_own(a) && is_own(b) && is_own(c) && a != b && b != c,
	   "small ones are the program's own");
	ok(((uintptr_t)a | (uintptr_t)b | (uintptr_t)c) % 16 == 0, "aligned");
	give(c);
	again = take(5000);
	ok(again == c, "the last one's place is taken again");
	give(again);
	give(a);
	ok(take(1) == c, "the first one's is not while another is behind it");
	give(c);
	give(b);
	again = take(64);
	ok(again == a, "but then it is");
	give(again);
	give(NULL);
}

static void given_up(void)
{
	char *a = take(10), *b, *c;

	malloc_use_pool(false);
	b = take(10);
	c = take_zero(1, 10);
	ok(is_own(a) && !is_own(b) && !is_own(c) && is_all(c, 0, 10),
	   "who has given it up gets other memory");
	give(a);
	malloc_use_pool(true);
	ok(take(10) == a, "who takes it up again finds what was left");
	give(a);
	give(b);
	give(c);
}

static void zeros(void)
{
	char *a = take(3000), *b;

	memset(a, 1, 3000);
	give(a);
	b = take_zero(10, 1000);
	ok(b == a && is_all(b, 0, 10000), "what was used is zero, and what was not");
	give(b);
	errno = 0;
	ok(!take_zero(SIZE_MAX / 2, 3) && errno == ENOMEM, "more than there can be");
	errno = 0;
	ok(!take(SIZE_MAX - 8) && errno == ENOMEM, "nearly so");
}

static void sizes(void)
{
	char *a = resize(NULL, 10), *b, *c;

	memset(a, 'a', 10);
	ok(resize(a, 20000) == a && is_all(a, 'a', 10), "the last one grows where it is");
	memset(a, 'a', 20000);
	ok(resize(a, 3) == a, "and stays there when it shrinks");
	b = take(10);
	c = resize(a, 40000);
	ok(c != a && is_own(c) && is_all(c, 'a', 20000), "another one moves");
	memset(c, 'c', 40000);
	a = resize(c, 1 << 20);
	ok(!is_own(a) && is_all(a, 'c', 40000), "out of the program if it is large");
	memset(a, 'd', 1 << 20);
	a = resize(a, 2 << 20);
	ok(a && is_all(a, 'd', 1 << 20), "and further there");
	give(a);
	give(b);
}

/* Many at once, more than there is room for, with what is in them. */
static void many(void)
{
	static struct {
		unsigned char *p;
		size_t n;
	} v[300];
	void *first = take(1);
	size_t outside = 0, spoilt = 0;

	srand(1);
	give(first);
	for (size_t i = 0; i < 100000; i++) {
		size_t k = (size_t)rand() % ARRAY_SIZE(v), n = (size_t)rand() % 3000;

		spoilt += v[k].n && !is_all((char *)v[k].p, (char)k, v[k].n);
		if (v[k].p && i % 3) {
			give(v[k].p);
			v[k].p = NULL;
			v[k].n = 0;
			continue;
		}
		v[k].p = resize(v[k].p, n);
		spoilt += v[k].n && !is_all((char *)v[k].p, (char)k, v[k].n < n ? v[k].n : n);
		v[k].n = n;
		memset(v[k].p, (int)k, n);
		outside += !is_own(v[k].p);
	}
	ok(spoilt == 0 && outside > 0, "100000 of 300 at once: %zu spoilt, %zu outside", spoilt,
	   outside);
	for (size_t k = 0; k < ARRAY_SIZE(v); k++)
		give(v[k].p);
	ok(take(1) == first, "all of it has come back");
	give(first);
}

static void twice(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		void *p = take(10), *q = take(10);

		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		give(p);
		give(p);
		_exit(q ? 0 : 1);
	}
	ok(waitpid(child, &status, 0) == child && WIFSIGNALED(status),
	   "freed twice ends the program");
}

int main(void)
{
	order();
	given_up();
	zeros();
	sizes();
	many();
	twice();
	return done_testing();
}

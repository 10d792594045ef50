/* SPDX-License-Identifier: Apache-2.0 */
#include "state/base/err.h"

#include <errno.h>
#include <string.h>

#include "state/base/str.h"
#include "state/base/tap.h"

int main(void)
{
	char path[3000];
	struct err e;
	size_t n;

	errno = ENOENT;
	ok(err_sys(&e, "open %s", "x") == -1 && e.code == ENOENT && errno == ENOENT,
	   "a call that failed");
	is(e.chain, "open x: no such file or directory", "its sentence");
	err_wrap(&e, "outer %d", 1);
	is(e.chain, "outer 1: open x: no such file or directory", "what is around it");

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	errno = EACCES;
	err_sys(&e, "open /%s", path);
	n = strlen(e.chain);
	ok(n == sizeof(e.chain) - 1, "too long a sentence is as long as it may be: %zu", n);
	ok(str_starts(e.chain, "open /aaaa") && str_ends(e.chain, " ... : permission denied"),
	   "its beginning and its end are kept");
	err_wrap(&e, "error mounting %s", "/b");
	ok(strlen(e.chain) == sizeof(e.chain) - 1, "still no longer");
	ok(str_starts(e.chain, "error mounting /b: open /aaa") &&
		   str_ends(e.chain, " ... : permission denied"),
	   "what is put around it is kept, too");
	err_wrap(&e, "very long %s", path);
	ok(str_starts(e.chain, "very long aaa") && str_ends(e.chain, " ... : permission denied") &&
		   strlen(e.chain) == sizeof(e.chain) - 1,
	   "as far as there is room");
	for (int i = 0; i < 40; i++)
		err_wrap(&e, "around %d, which has some words of its own", i);
	ok(str_starts(e.chain, "around 39, ") && strstr(e.chain, ": around 38, ") &&
		   str_ends(e.chain, ": permission denied"),
	   "as often as it happens");

	errno = EMFILE;
	err_sys(&e, "socket");
	ok(str_starts(e.chain, "socket: too many open files (hull may have ") &&
		   str_ends(e.chain, ", see RLIMIT_NOFILE)"),
	   "too few descriptors: %s", e.chain);

	err_set(&e, EINVAL, "bad");
	err_at_index(&e, 3);
	err_at_key(&e, "a/b~c");
	is(e.pointer, "/a~1b~0c/3", "a JSON pointer");
	return done_testing();
}

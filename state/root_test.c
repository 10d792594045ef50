/* SPDX-License-Identifier: Apache-2.0 */
/* The state directory: which it is, ids, existence, locks, removal. */
#include "state/root.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/record.h"
#include "state/base/str.h"
#include "state/base/tap.h"

static char dir[] = "/tmp/hull-root-test.XXXXXX";

static void places(void)
{
	struct root r;
	struct err e;

	unsetenv("XDG_RUNTIME_DIR");
	ok(root_find(NULL, &r, &e) == 0 && r.is_default && !r.sticky, "without --root");
	is(r.path, "/run/hull", "the default");
	root_done(&r);
	ok(root_find("/a//b/../c/", &r, &e) == 0 && !r.is_default, "with --root");
	is(r.path, "/a/c", "it is cleaned");
	root_done(&r);
	ok(chdir(dir) == 0 && root_find("x/./y", &r, &e) == 0, "relative");
	ok(str_starts(r.path, dir) && str_ends(r.path, "/x/y"), "it is made absolute");
	root_done(&r);
	ok(root_find("/..", &r, &e) < 0, "/ is refused");
	is(e.chain, "Option --root argument should not be set to /", "the sentence");
	setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
	setenv("USER", "root", 1);
	if (geteuid() == 0) {
		ok(root_find(NULL, &r, &e) == 0 && !r.sticky, "root does not use XDG_RUNTIME_DIR");
		root_done(&r);
		ok(seteuid(65534) == 0, "become a user");
		ok(root_find(NULL, &r, &e) == 0 && r.sticky, "a user does");
		is(r.path, "/run/user/1/hull", "below it");
		root_done(&r);
		ok(seteuid(0) == 0, "become root again");
	}
	unsetenv("XDG_RUNTIME_DIR");
}

static void ids(void)
{
	static const char *const good[] = { "a", "A-z_0.9+", ".x", "..x", "-x", "..." };
	static const char *const bad[] = { "", ".", "..", "a/b", "a b", "a\n", "\xc3\xa9", "a:b" };
	char longest[257];
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ok(root_check_id(good[i], &e) == 0, "a good id: %s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(root_check_id(bad[i], &e) < 0, "a bad id: number %zu", i);
	memset(longest, 'x', sizeof(longest));
	longest[256] = '\0';
	ok(root_check_id(longest, &e) < 0 && e.code == ENAMETOOLONG, "256 characters are too long");
	longest[255] = '\0';
	ok(root_check_id(longest, &e) == 0, "255 are not");
	ok(root_check_id("a/b", &e) < 0, "a slash");
	is(e.chain,
	   "invalid container ID format: \"a/b\" is not made of letters, digits and _+-. alone",
	   "the sentence");
}

static void existence(const struct root *r)
{
	struct container c = CONTAINER_INIT, again = CONTAINER_INIT;
	struct stat st;
	struct err e;
	char **list = NULL;
	int fd;

	ok(container_open(r, "a", &c, &e) < 0 && e.code == ENOENT, "no state directory");
	is(e.chain, "container does not exist", "the sentence");
	ok(root_open(r, false, &e) < 0 && e.code == ENOENT, "it is not made by looking");
	umask(0);
	ok(container_create(r, "a", &c, &e) == 0 && c.locked, "create");
	ok(stat(r->path, &st) == 0 && (st.st_mode & 07777) == 0700, "ROOT has mode 0700");
	ok(fstat(c.dir_fd, &st) == 0 && (st.st_mode & 07777) == 0711, "ROOT/ID has mode 0711");
	ok(container_create(r, "a", &again, &e) < 0 && e.code == EEXIST, "a second create");
	is(e.chain, "container with given ID already exists", "the sentence");
	ok(container_create(r, "../a", &again, &e) < 0, "an id with a slash");
	ok(container_open(r, "a", &again, &e) == 0 && !again.locked, "open");
	ok(container_lock(&again, 0, &e) < 0 && e.code == ETIMEDOUT, "it is locked");
	container_close(&again);
	ok(mkdirat(c.root_fd, "b", 0711) == 0 && mkdirat(c.root_fd, "no id", 0711) == 0 &&
		   symlinkat("b", c.root_fd, "link") == 0,
	   "other entries");
	ok(root_list(c.root_fd, &list, &e) == 0, "list");
	ok(list && list[0] && list[1] && !list[2], "two ids");
	is(list[0], "a", "sorted");
	ok(container_open(r, "link", &again, &e) < 0, "a link is no container");
	if (geteuid() == 0) {
		ok(fchownat(c.root_fd, "b", 1, 1, 0) == 0, "give b away");
		ok(container_open(r, "b", &again, &e) < 0 && e.code == EPERM,
		   "another's directory");
	}
	fd = openat(c.dir_fd, RECORD_FILE, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	ok(mkdirat(c.dir_fd, "notify", 0755) == 0 && mkdirat(c.dir_fd, "notify/x", 0755) == 0,
	   "things in it");
	ok(container_remove(&c, &e) == 0, "remove");
	ok(fstatat(c.root_fd, "a", &st, 0) < 0 && errno == ENOENT, "it is gone");
	ok(unlinkat(c.root_fd, "b", AT_REMOVEDIR) == 0 &&
		   unlinkat(c.root_fd, "no id", AT_REMOVEDIR) == 0 &&
		   unlinkat(c.root_fd, "link", 0) == 0,
	   "clean");
	container_close(&c);
	container_close(&c);
	free(list[0]);
	free(list[1]);
	free(list);
}

static long elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

/* Holds the lock of "a" until a byte comes; with remove, removes it then. */
static pid_t holder(const struct root *r, bool remove, int *ret_go)
{
	int go[2], ready[2];
	char byte;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		struct container c = CONTAINER_INIT;
		struct err e;
		bool good = container_open(r, "a", &c, &e) == 0 && container_lock(&c, 0, &e) == 0 &&
			    write(ready[1], "x", 1) == 1 && read(go[0], &byte, 1) == 1;

		poll(NULL, 0, 50); /* the other should be waiting by now */
		_exit(good && (!remove || container_remove(&c, &e) == 0) ? 0 : 1);
	}
	close(go[0]);
	close(ready[1]);
	ok(read(ready[0], &byte, 1) == 1, "another process has the lock");
	close(ready[0]);
	*ret_go = go[1];
	return pid;
}

static void locks(const struct root *r)
{
	struct container c = CONTAINER_INIT;
	struct timespec start;
	struct err e;
	int go, status;
	pid_t pid;
	long ms;

	ok(container_create(r, "a", &c, &e) == 0, "create a");
	container_unlock(&c);
	pid = holder(r, false, &go);
	clock_gettime(CLOCK_MONOTONIC, &start);
	ok(container_lock(&c, 100, &e) < 0 && e.code == ETIMEDOUT, "the wait has an end");
	ms = elapsed_ms(&start);
	ok(ms >= 90 && ms < 2000, "after the time that was given");
	is(e.chain, "another command is still working on container a", "the sentence");
	ok(write(go, "x", 1) == 1 && container_lock(&c, 10000, &e) == 0 && c.locked,
	   "the lock comes when the other ends");
	container_unlock(&c);
	close(go);
	ok(waitpid(pid, &status, 0) == pid && status == 0, "the other is content");

	pid = holder(r, true, &go);
	ok(write(go, "x", 1) == 1 && container_lock(&c, 10000, &e) < 0 && e.code == ENOENT,
	   "a container that was deleted while we waited does not exist");
	ok(!c.locked, "and is not locked");
	close(go);
	ok(waitpid(pid, &status, 0) == pid && status == 0, "the other is content");
	container_close(&c);
}

int main(void)
{
	struct root r;
	struct err e;
	auto_free char *path = NULL;

	if (!mkdtemp(dir))
		return 1;
	places();
	ids();
	path = xasprintf("%s/deep/root", dir);
	if (!ok(root_find(path, &r, &e) == 0, "a directory for tests"))
		return done_testing();
	existence(&r);
	locks(&r);
	rmdir(r.path);
	*strrchr(r.path, '/') = '\0';
	rmdir(r.path);
	ok(rmdir(dir) == 0, "nothing is left");
	root_done(&r);
	return done_testing();
}

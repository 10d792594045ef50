/* SPDX-License-Identifier: Apache-2.0 */
#include "state/spec/spec_cache.h"

#include "state/base/fd.h"
#include "state/base/sys.h"
#include "state/base/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char text[] =
	"{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"},\"hostname\":\"box\","
	"\"process\":{\"cwd\":\"/\",\"args\":[\"true\"]},\"linux\":{\"namespaces\":"
	"[{\"type\":\"mount\"},{\"type\":\"uts\"}]}}";

static int dir = -1;
static struct arena a;
static char *start;

static int open_text(void)
{
	return openat(dir, "text", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* As another process finds it: an arena of which nothing but the first part is used. */
static struct spec *read_again(void)
{
	memset(start, 0, (size_t)(a.p - start));
	a.p = start;
	return spec_cache_read(dir, "decoded", "text", &a);
}

/* Change one byte of the file. */
static void spoil(off_t at)
{
	int fd = openat(dir, "decoded", O_RDWR | O_CLOEXEC);
	char c = 0;

	(void)!pread(fd, &c, 1, at);
	c ^= 1;
	(void)!pwrite(fd, &c, 1, at);
	close(fd);
}

static bool is_clean(void)
{
	for (size_t i = 0; i < 8192; i++) {
		if (start[i])
			return false;
	}
	return a.p == start;
}

int main(void)
{
	char tmp[] = "/tmp/spec_cache_test.XXXXXX";
	struct err e = { 0 };
	struct spec *s;
	size_t taken = 0;
	struct stat st;
	int fd;

	ok(mkdtemp(tmp) && (dir = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0,
	   "a directory");
	ok(arena_init_shared(&a, &e) == 0, "an arena: %s", e.chain);
	arena_zalloc(&a, 100);
	start = a.p;
	fd = open_text();
	ok(fd >= 0 && fd_write_all(fd, text, sizeof(text) - 1) == 0, "a text");
	ok(!read_again(), "nothing is there yet");
	ok(spec_read(text, sizeof(text) - 1, &a, &s, &e) == 0, "decode: %s", e.chain);
	spec_cache_write(dir, "decoded", fd, &a, start, s);

	s = read_again();
	/* A sanitizer's build is PIE: its addresses are new ones in every process, but not in this. */
	ok(s && !strcmp(s->hostname, "box") && !strcmp(s->process->args.v[0], "true"),
	   "it comes back as it was");
	ok(fstatat(dir, "decoded", &st, 0) == 0 && st.st_size > 500, "the file");
	for (off_t at = 0; at < st.st_size; at += 7) {
		spoil(at);
		taken += read_again() != NULL || !is_clean();
		spoil(at);
	}
	ok(taken == 0, "%zu of the damaged ones are taken", taken);
	ok(read_again() != NULL, "and again as it was");
	fd = openat(dir, "decoded", O_RDWR | O_CLOEXEC);
	ok(ftruncate(fd, lseek(fd, 0, SEEK_END) - 1) == 0 && !read_again() && is_clean(),
	   "a cut one is not");
	ok(ftruncate(fd, 10) == 0 && !read_again(), "nor one without a header");
	unlinkat(dir, "decoded", 0);
	fd = open_text();
	ok(spec_read(text, sizeof(text) - 1, &a, &s, &e) == 0, "decode: %s", e.chain);
	spec_cache_write(dir, "decoded", fd, &a, start, s);
	ok(read_again() != NULL, "there again");
	ok(fd_write_all(fd, "[", 1) == 0 && !read_again() && is_clean(),
	   "not when the text has changed");
	unlinkat(dir, "decoded", 0);
	unlinkat(dir, "text", 0);
	rmdir(tmp);
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What does not need a kernel with a security module; bats/lsm.bats has the rest. Runs as root. */
#include "init/base/lsm.h"

#include "state/base/mem.h"
#include "state/base/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An image's own idea of /proc. */
static void test_fake(void)
{
	char dir[] = "/tmp/hull-lsm-XXXXXX";
	struct err e;
	struct stat st;
	int fd;

	if (!mkdtemp(dir) || (fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0) {
		skip(4, "no directory in /tmp");
		return;
	}
	ok(lsm_open_attr(fd, "attr/exec", &e) < 0 && e.code == ENOENT, "nothing there");
	is(e.chain, "open `/proc/thread-self/attr/exec`: no such file or directory",
	   "... is said with the path in backquotes");
	mkdirat(fd, "thread-self", 0755);
	mkdirat(fd, "thread-self/attr", 0755);
	close(openat(fd, "thread-self/attr/exec", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	ok(lsm_open_attr(fd, "attr/exec", &e) < 0, "a file that is not on procfs is refused");
	is(e.chain, "`/proc/thread-self/attr/exec` is not on procfs", "... in words");
	unlinkat(fd, "thread-self/attr/exec", 0);
	ok(symlinkat("/proc/self/comm", fd, "thread-self/attr/exec") == 0 &&
		   lsm_open_attr(fd, "attr/exec", &e) < 0,
	   "a link out of it is not followed");
	unlinkat(fd, "thread-self/attr/exec", 0);
	unlinkat(fd, "thread-self/attr", AT_REMOVEDIR);
	unlinkat(fd, "thread-self", AT_REMOVEDIR);
	ok(rmdir(dir) == 0 && stat(dir, &st) < 0, "the fake is gone");
	close(fd);
}

/* A file of the real one that anybody may write to shows that what is to be written arrives. */
static void test_real(void)
{
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), fd;
	char comm[32] = "";
	struct err e;

	fd = lsm_open_attr(proc, "comm", &e);
	ok(fd >= 0 && lsm_write_attr(fd, "comm", "exec label", &e) == 0, "writes its own files");
	close(fd);
	fd = open("/proc/thread-self/comm", O_RDONLY | O_CLOEXEC);
	ok(read(fd, comm, sizeof(comm) - 1) > 0 && !strcmp(comm, "exec label\n"),
	   "... and it is there: %s", comm);
	close(fd);
	ok(lsm_open_attr(proc, "root/etc/passwd", &e) < 0, "no magic link is followed");
	ok(lsm_open_attr(proc, "../../etc/passwd", &e) < 0, "no way up");
	fd = lsm_open_attr(proc, "attr/exec", &e);
	if (fd < 0) {
		skip(1, "a kernel without security modules");
	} else {
		ok(lsm_write_attr(fd, "attr/exec", "exec no such profile", &e) < 0 &&
			   strstr(e.chain, "`/proc/thread-self/attr/exec`"),
		   "what the kernel refuses is named: %s", e.chain);
		close(fd);
	}
	close(proc);
}

static void test_context(void)
{
	struct map_entry kind = { (char *)(uintptr_t) "run.oci.mount_context_type",
				  (char *)(uintptr_t) "rootcontext" };
	struct spec_linux l = { .mount_label = (char *)(uintptr_t) "u:r:t:s0:c1,c2" };
	struct spec s = { .linux_ = &l };
	const struct init_args a = { .spec = &s };
	const struct init in = { .a = &a };
	struct str buf = { 0 };

	is(lsm_mount_data(&in, "tmpfs", "mode=755", &buf), "mode=755,context=\"u:r:t:s0:c1,c2\"",
	   "tmpfs has the label, after its own options");
	str_done(&buf);
	buf = (struct str){ 0 };
	is(lsm_mount_data(&in, "devpts", "", &buf), "context=\"u:r:t:s0:c1,c2\"", "alone, too");
	str_done(&buf);
	buf = (struct str){ 0 };
	is(lsm_mount_data(&in, "proc", "a", &buf), "a", "proc takes none");
	is(lsm_mount_data(&in, "sysfs", "a", &buf), "a", "nor does sysfs");
	is(lsm_mount_data(&in, "mqueue", "", &buf), "", "nor mqueue");
	is(lsm_mount_data(&in, "tmpfs", "context=\"x\"", &buf), "context=\"x\"",
	   "one that is there is kept");
	s.annotations.n = 1;
	s.annotations.v = &kind;
	is(lsm_mount_data(&in, "tmpfs", "", &buf), "rootcontext=\"u:r:t:s0:c1,c2\"",
	   "run.oci.mount_context_type");
	str_done(&buf);
	l.mount_label = NULL;
	buf = (struct str){ 0 };
	is(lsm_mount_data(&in, "tmpfs", "a", &buf), "a", "without a label nothing changes");
}

int main(void)
{
	test_fake();
	test_real();
	test_context();
	return done_testing();
}

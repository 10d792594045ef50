/* SPDX-License-Identifier: Apache-2.0 */
/* The record: written and read again, damaged in every way, and the documents made from it. */
#include "state/base/proc.h"
#include "state/record.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/tap.h"

static char dir[] = "/tmp/hull-record-test.XXXXXX";
static int dir_fd;

static char oci[] = "1.3.0", id[] = "c1", bundle[] = "/b \"q\"", rootfs[] = "/b/rootfs";
static char controllers[] = "cpu,cpuacct", path[] = "/sys/fs/cgroup/cpu/c1", key[] = "k\n",
	    value[] = "v";
static struct map_entry annotations[] = { { key, value } };

static struct record sample(void)
{
	struct record r = {
		.oci_version = oci,
		.id = id,
		.bundle = bundle,
		.rootfs = rootfs,
		.phase = RECORD_CREATED,
		.pid = 4194303,
		.start_time = UINT64_MAX,
		.creator = 7,
		.creator_start = 9007199254740993,
		.boot_id = "11111111-2222-3333-4444-555555555555",
		.created = 1788220800500000000,
		.owner = 4294967294,
		.in_pid_ns = true,
		.has_listener = true,
		.annotations = { 1, annotations },
		.cgroup = { .layout = CGROUP_V1, .n = 1 },
	};

	r.cgroup.dirs = xzalloc(sizeof(*r.cgroup.dirs));
	r.cgroup.dirs[0] = (struct cgroup_dir){ xstrdup(controllers), xstrdup(path), 0 };
	return r;
}

static void round_trip(void)
{
	struct record r = sample(), got = { 0 };
	struct err e = { 0 };

	ok(record_read(dir_fd, &got, &e) < 0 && e.code == ENOENT, "no record is ENOENT");
	ok(record_write(dir_fd, &r, &e) == 0, "write");
	if (!ok(record_read(dir_fd, &got, &e) == 0, "read: %s", e.chain))
		return;
	is(got.id, r.id, "id");
	is(got.bundle, r.bundle, "a bundle with a quote");
	ok(got.phase == r.phase && got.pid == r.pid && got.owner == r.owner, "small numbers");
	ok(got.start_time == r.start_time && got.creator_start == r.creator_start,
	   "64 bits are exact");
	ok(got.created == r.created && got.in_pid_ns && got.has_listener && !got.in_user_ns,
	   "time and flags");
	is(got.boot_id, r.boot_id, "boot id");
	ok(got.annotations.n == 1 && !strcmp(got.annotations.v[0].key, key), "annotations");
	ok(got.cgroup.layout == CGROUP_V1 && got.cgroup.n == 1, "cgroup");
	is(got.cgroup.dirs[0].path, path, "path of the cgroup");
	is(got.cgroup.dirs[0].controllers, controllers, "controllers of the cgroup");
	record_done(&got);
	record_done(&got);
	record_done(&r);
}

/* Every cut of the file, and every key taken away, is noticed. */
static void damage(void)
{
	auto_free char *text = NULL;
	struct record got = { 0 };
	struct err e = { 0 };
	size_t n, bad = 0;

	if (!ok(fd_read_file(dir_fd, RECORD_FILE, 65536, &text, &n, &e) == 0, "read the file"))
		return;
	for (size_t i = 0; i < n - 1; i++) {
		if (fd_write_atomic(dir_fd, RECORD_FILE, text, i, 0600, &e) < 0)
			break;
		if (record_read(dir_fd, &got, &e) == 0 || e.code != EBADMSG)
			bad++;
	}
	ok(!bad, "each of %zu cut records is EBADMSG (%zu were not)", n - 1, bad);
	is(e.chain,
	   "the container's record.json is damaged: line 29, column 11: expected ',' or "
	   "'}', found the end of the text",
	   "the sentence about a cut record");
	bad = 0;
	for (char *p = text; (p = strstr(p, "\":")); p++) {
		char saved = p[-1];

		p[-1] = saved == 'X' ? 'Y' : 'X';
		if (strncmp(p, "\":\"v\"", 5) != 0 &&
		    fd_write_atomic(dir_fd, RECORD_FILE, text, n, 0600, &e) == 0 &&
		    (record_read(dir_fd, &got, &e) == 0 || e.code != EBADMSG))
			bad++;
		p[-1] = saved;
	}
	/* stdinPipe, stdoutPipe, stderrPipe, inTimeNs, inode: an older hull has not written them. */
	ok(bad == 5, "a key that is missing is EBADMSG, but for five (%zu were not)", bad);
	is(e.chain, "the container's record.json is damaged: \"annotations\" is not an object",
	   "the sentence about a missing key");
}

static void documents(void)
{
	struct record r = sample();
	auto_str struct str hook = { 0 }, state = { 0 }, line = { 0 };
	char buf[40];

	record_hook_state(&r, "creating", 5, &hook);
	is(str_get(&hook),
	   "{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"status\":\"creating\",\"pid\":5,"
	   "\"bundle\":\"/b \\\"q\\\"\",\"annotations\":{\"k\\n\":\"v\"}}",
	   "for hooks");
	record_state(&r, "running", 5, "", true, &state);
	is(str_get(&state),
	   "{\n  \"ociVersion\": \"1.3.0\",\n  \"id\": \"c1\",\n  \"pid\": 5,\n"
	   "  \"status\": \"running\",\n  \"bundle\": \"/b \\\"q\\\"\",\n"
	   "  \"rootfs\": \"/b/rootfs\",\n  \"created\": \"2026-09-01T00:00:00.5Z\",\n"
	   "  \"annotations\": {\n    \"k\\n\": \"v\"\n  },\n  \"owner\": \"\"\n}",
	   "for state");
	r.annotations.n = 0;
	record_state(&r, "stopped", 0, "root", false, &line);
	is(str_get(&line),
	   "{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"pid\":0,\"status\":\"stopped\","
	   "\"bundle\":\"/b \\\"q\\\"\",\"rootfs\":\"/b/rootfs\","
	   "\"created\":\"2026-09-01T00:00:00.5Z\",\"owner\":\"root\"}",
	   "for list, without annotations");
	is(record_time(0, buf), "1970-01-01T00:00:00Z", "a whole second");
	is(record_time(1788220800000000001, buf), "2026-09-01T00:00:00.000000001Z", "a nanosecond");
	is(record_time(1788220800123000000, buf), "2026-09-01T00:00:00.123Z", "a millisecond");
	record_done(&r);
}

/* Where the kernel has pidfs: the inode of a pidfd in place of the start time. */
static void inodes(struct record *r)
{
	struct err e = { 0 };
	int own = (int)syscall(SYS_pidfd_open, getpid(), 0), fd;
	uint64_t inode = pidfd_inode(own);

	ok(record_note_pid(r, getpid()) == 0 && r->inode == inode, "both are noted");
	close(own);
	ok(pidfd_inode(dir_fd) == 0, "a directory has no number of a process");
	if (!inode)
		return;
	r->start_time++;
	fd = record_pidfd(r, &e);
	ok(fd >= 0, "a pidfd by its number: /proc is not asked");
	close(fd);
	r->start_time--;
	r->inode++;
	ok(record_pidfd(r, &e) < 0 && e.code == ESRCH, "another number is another process");
	r->inode--;
}

static void processes(void)
{
	struct record r = { .pid = getpid() };
	struct err e = { 0 };
	uint64_t none;
	int fd;
	pid_t child;

	ok(proc_start_time(getpid(), &r.start_time) == 0 && r.start_time > 0, "start time");
	ok(proc_start_time(0, &none) < 0 && errno == ESRCH, "no process 0");
	ok(boot_id_read(r.boot_id, &e) == 0 && strlen(r.boot_id) == 36, "boot id");
	ok(record_alive(&r, r.pid, r.start_time), "this process is alive");
	fd = record_pidfd(&r, &e);
	ok(fd >= 0 && !pidfd_wait(fd, 0), "a pidfd of it");
	close(fd);
	r.start_time++;
	ok(record_pidfd(&r, &e) < 0 && e.code == ESRCH, "another start time is another process");
	is(e.chain, "container not running", "the sentence");
	r.start_time--;
	inodes(&r);
	r.boot_id[0] ^= 1;
	ok(record_pidfd(&r, &e) < 0 && e.code == ESRCH, "a pidfd of another boot");
	ok(!record_alive(&r, r.pid, r.start_time) && !record_same_boot(&r), "another boot is, too");

	child = fork();
	if (child == 0)
		_exit(0);
	waitid(P_PID, (id_t)child, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	ok(proc_start_time(child, &none) < 0 && errno == ESRCH, "a zombie does not live");
	r = (struct record){ .inode = r.inode };
	ok(boot_id_read(r.boot_id, &e) == 0 && record_note_pid(&r, child) < 0 && errno == ESRCH,
	   "nor can it be noted");
	ok(record_pidfd(&r, &e) < 0 && e.code == ESRCH, "a pidfd of a zombie is not one of init");
	waitpid(child, NULL, 0);
	ok(proc_start_time(child, &none) < 0 && errno == ESRCH, "who was reaped neither");
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	round_trip();
	damage();
	documents();
	processes();
	unlinkat(dir_fd, RECORD_FILE, 0);
	rmdir(dir);
	return done_testing();
}

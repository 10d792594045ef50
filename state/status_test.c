/* SPDX-License-Identifier: Apache-2.0 */
/* The status, for a container whose init is this process. Paused is left to bats: it needs cgroups. */
#include "state/status.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/record.h"
#include "state/root.h"
#include "state/base/tap.h"

static void status_is(const struct container *c, const struct record *r, const char *wanted,
		      bool has_pid, const char *what)
{
	pid_t pid = -1;

	is(status_name(status_of(c, r, &pid)), wanted, what);
	ok(pid == (has_pid ? getpid() : 0), "its pid: %s", what);
}

static void statuses(const struct container *c, struct record *r)
{
	struct err e;
	int sock;

	status_is(c, r, "running", true, "init lives");
	sock = fd_listen_unix(c->dir_fd, RECORD_SOCKET, SOCK_SEQPACKET, &e);
	ok(sock >= 0, "init listens");
	status_is(c, r, "created", true, "init waits for start");
	for (int i = 0; i < 20; i++) {
		if (status_of(c, r, NULL) != STATUS_CREATED)
			ok(false, "try %d, with connections that nobody has taken", i);
	}
	close(sock);
	status_is(c, r, "running", true, "a socket that nobody listens at is stale");
	r->start_time++;
	status_is(c, r, "stopped", false, "another process has the pid");
	r->phase = RECORD_CREATING;
	status_is(c, r, "creating", false, "its creator lives");
	r->start_time--;
	status_is(c, r, "creating", true, "and has made init");
	r->creator_start++;
	status_is(c, r, "stopped", true, "its creator was killed");
	r->creator_start--;
	r->boot_id[0] ^= 1;
	status_is(c, r, "stopped", false, "before the boot");
	r->boot_id[0] ^= 1;
}

static void load(const struct root *root, struct container *c, struct record *r)
{
	struct container got = CONTAINER_INIT;
	struct record rec = { 0 };
	enum status status;
	struct err e = { 0 };

	ok(status_load(root, "a", 0, &got, &rec, &status, &e) < 0 && e.code == ENOENT,
	   "a directory without a record does not exist yet");
	is(e.chain, "container does not exist", "the sentence");
	ok(record_write(c->dir_fd, r, &e) == 0, "write a record");
	ok(status_load(root, "a", 0, &got, &rec, &status, &e) == 0 && got.locked, "load: %s",
	   e.chain);
	is(rec.id, "a", "the record");
	ok(status == STATUS_CREATING, "the status");
	record_done(&rec);
	container_close(&got);
	ok(container_lock(c, 0, &e) == 0, "closing gives the lock back");
	ok(status_load(root, "a", STATUS_NO_LOCK, &got, &rec, NULL, &e) == 0 && !got.locked,
	   "load without the lock");
	record_done(&rec);
	container_close(&got);
}

int main(void)
{
	char dir[] = "/tmp/hull-status-test.XXXXXX", id[] = "a";
	struct root root = { .path = dir };
	struct container c = CONTAINER_INIT;
	struct record r = { .oci_version = id, .id = id, .bundle = id, .rootfs = id };
	struct err e = { 0 };

	if (!mkdtemp(dir) || !ok(container_create(&root, id, &c, &e) == 0, "make a: %s", e.chain))
		return 1;
	container_unlock(&c);
	r.phase = RECORD_CREATED;
	r.pid = r.creator = getpid();
	ok(proc_start_time(r.pid, &r.start_time) == 0 && boot_id_read(r.boot_id, &e) == 0,
	   "identity");
	r.creator_start = r.start_time;
	statuses(&c, &r);
	load(&root, &c, &r);
	ok(container_lock(&c, 0, &e) == 0 && container_remove(&c, &e) == 0, "remove");
	container_close(&c);
	ok(rmdir(dir) == 0, "nothing is left");
	return done_testing();
}

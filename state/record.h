/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record: what must be known of a container to find, show, stop and clean it up, in
 * ROOT/ID/record.json. It is written before anything outside ROOT/ID is made (phase "creating": the
 * journal) and again when the container is created, each time whole or not at all.
 */
#ifndef STATE_RECORD_H
#define STATE_RECORD_H

#include "state/cgroup/cgroup.h"
#include "state/spec/decode.h"
#include "state/base/err.h"
#include "state/format/json.h"
#include "state/base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define OCI_VERSION    "1.3.0" /* of the runtime-spec that hull implements */
#define RECORD_FILE    "record.json"
#define RECORD_CONFIG  "config.json" /* the bytes of the bundle's config.json, beside the record */
#define RECORD_DECODED "config.bin" /* the same, decoded (state/spec/spec_cache.h); may be absent */
#define RECORD_UNIT    "unit" /* whose systemd has its unit, "system" or "user"; absent without */
#define RECORD_TRACER \
	"tracer" /* there may be a process with CAP_SYS_PTRACE that config.json has not */
#define RECORD_SOCKET "start.sock" /* init waits here for `start`; gone once the program runs */

enum record_phase {
	RECORD_CREATING, /* the journal of a create that is under way, or was killed */
	RECORD_CREATED,
};

struct record {
	char *oci_version, *id, *bundle, *rootfs;
	enum record_phase phase;
	pid_t pid;	     /* of init, 0 until it is known */
	uint64_t start_time; /* field 22 of /proc/PID/stat */
	uint64_t inode;	     /* of its pidfd, as pidfd_inode() says */
	pid_t creator;	     /* the hull that creates it */
	uint64_t creator_start;
	char boot_id[40];
	int64_t created; /* nanoseconds since 1970, UTC */
	uid_t owner;
	char *rdt_group,
		*rdt_monitor; /* groups of resctrl that go with the container; NULL or "" */
	char *unit;	      /* of systemd; NULL or "": its cgroups are hull's own */
	bool unit_of_user;    /* that unit is the user's own systemd's */
	bool in_user_ns;      /* it has a user namespace of its own */
	bool in_pid_ns; /* it has a PID namespace of its own: init's death ends all its processes */
	/* The mount that rootfs was on before the container mounted it; 0 with a mount namespace. */
	uint64_t host_mount;
	/* Which of its standard streams came as pipes: their inode numbers, for a checkpoint; else 0. */
	uint64_t stdio_pipes[3];
	bool in_time_ns; /* criu has put it into a time namespace, of which config.json does not tell */
	bool has_listener; /* init will ask `start` to pass on a seccomp listener */
	struct cgroup cgroup;
	struct str_map annotations;

	/* Set by record_read: everything above points into it. */
	struct json json;
	bool in_memory; /* it was read from a file system that ends with the kernel: boot_id is this boot's */
};

#define auto_record __attribute__((cleanup(record_done)))
/* Frees what record_read has made, and the cgroup; strings that the caller had set are his own. */
void record_done(struct record *r);

/* pid is init, a child of the caller's, or of its own PID namespace: what proves it later. -1 and errno. */
must_check int record_note_pid(struct record *r, pid_t pid);
must_check int record_write(int dir_fd, const struct record *r, struct err *e);
/* A process is to come that may have CAP_SYS_PTRACE where the configuration gives it to nobody. */
must_check int record_note_tracer(int dir_fd, struct err *e);
bool record_has_tracer(int dir_fd);
/* e->code is ENOENT without a record (create was killed early), EBADMSG for a damaged one. */
must_check int record_read(int dir_fd, struct record *ret, struct err *e);

/*
 * For a container without a mount namespace, which mounts its root on itself on the host: the mount
 * that path is on, for host_mount; and, when it is gone, away with it and all that is on it.
 */
must_check int record_find_mount(const char *path, uint64_t *ret, struct err *e);
must_check int record_unmount_root(const struct record *r, struct err *e);
/* Remove the groups of resctrl that the container has, if any; costs nothing without. */
must_check int record_remove_rdt(const struct record *r, struct err *e);

/*
 * The state document, added to out: for hooks on one line (runtime.md, State), and as `state`
 * (indented, owner "") and `list` (owner a user's name) print it. status is of state/status.h.
 */
void record_hook_state(const struct record *r, const char *status, pid_t pid, struct str *out);
void record_state(const struct record *r, const char *status, pid_t pid, const char *owner,
		  bool indent, struct str *out);
/* "2026-09-01T12:00:00.5Z": RFC 3339 with as many digits as needed. */
const char *record_time(int64_t ns, char buf[static 40]);

must_check int boot_id_read(char buf[static 40], struct err *e);

/* Was it made since the machine has booted? If not, its PIDs and cgroups may be somebody else's. */
bool record_same_boot(const struct record *r);
/*
 * Is it still this process, and alive (a zombie is not)? Boot id and start time are compared. True also
 * when that cannot be found out (EMFILE, ENOMEM): what may run is not to be deleted.
 */
bool record_alive(const struct record *r, pid_t pid, uint64_t start_time);
/* A pidfd of init. e->code is ESRCH, "container not running", when it has ended. */
must_check int record_pidfd(const struct record *r, struct err *e);
/* The same of any process that is in the record; -1 and errno. */
int record_pidfd_of(const struct record *r, pid_t pid, uint64_t start_time);
/*
 * The number of the process that pidfd is of, which no other has until the machine boots again: of
 * pidfs (Linux 6.9, pidfd_open(2)). 0 where the kernel has none, or hull no room for it (32 bits).
 */
uint64_t pidfd_inode(int pidfd);
/* Wait until the process has ended: 1, or timeout_ms are over: 0. Negative: for ever. */
int pidfd_wait(int pidfd, int timeout_ms);

#endif

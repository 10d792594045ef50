/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bootstrap channel's two messages, encoded as netlink messages (netlink(7)): a header and
 * attributes of 16-bit type and length, padded to four bytes. See PROTOCOL.md.
 */
#ifndef NSEXEC_BOOTSTRAP_H
#define NSEXEC_BOOTSTRAP_H

#include "nsexec/plan.h"
#include "state/base/err.h"
#include "state/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What stage 0 needs to know. Strings are NULL when there is nothing to do. */
struct bootstrap {
	struct plan plan;
	const char *uid_map, *gid_map;	   /* the text for /proc/PID/{uid,gid}_map */
	const char *newuidmap, *newgidmap; /* absolute paths of the helpers, for EPERM */
	const char *oom_score_adj;	   /* the text for /proc/self/oom_score_adj */
	const char *time_offsets;	   /* the text for /proc/PID/timens_offsets */
	bool deny_setgroups; /* write "deny" to /proc/PID/setgroups before the gid map */
	bool debug;	     /* send log lines */
	bool trace;	     /* send spans */
	int arena_fd;	     /* the arguments of init (state/base/mem.h, shared arena) */
};

#define BOOTSTRAP_MAX 131072 /* bytes of an encoded message */

/*
 * Encode into out. EMSGSIZE when an attribute does not fit its 16-bit length: a longer one would
 * wrap around and forge the attributes behind it (CVE-2021-43784).
 */
must_check int bootstrap_encode(const struct bootstrap *b, struct str *out, struct err *e);
/*
 * Decode buf, which stays the owner of the strings. EBADMSG with the reason for whatever is not a
 * complete, well-formed message: every length is checked before it is used.
 */
must_check int bootstrap_decode(const char *buf, size_t n, struct bootstrap *ret, struct err *e);

/*
 * The report of stage 0, or of the one that it has become: PIDs as hull's PID namespace numbers
 * them; child 0 when stages 0 and 1 are one process, init 0 when stage 1 died early.
 */
struct bootstrap_pids {
	pid_t child, init;
};
#define BOOTSTRAP_PIDS_SIZE 32
void bootstrap_encode_pids(const struct bootstrap_pids *p, char buf[BOOTSTRAP_PIDS_SIZE]);
must_check int bootstrap_decode_pids(const char *buf, size_t n, struct bootstrap_pids *ret,
				     struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation with criu(8), which saves and restores processes: `criu swrk FD` speaks its RPC
 * (criu.org, "RPC"; rpc.proto) over a SEQPACKET socket. The options are put together by the caller.
 */
#ifndef NSEXEC_PROCESS_CRIU_H
#define NSEXEC_PROCESS_CRIU_H

#include "state/base/err.h"
#include "state/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* criu_req_type of rpc.proto. */
enum criu_type {
	CRIU_DUMP = 1,
	CRIU_RESTORE = 2,
	CRIU_PRE_DUMP = 4,
	CRIU_NOTIFY = 6,
	CRIU_FEATURE_CHECK = 9,
	CRIU_VERSION = 10,
};

struct criu {
	int sock;
	pid_t pid;	   /* of criu; 0 when it has been reaped */
	int version;	   /* 31701 for 3.17.1 */
	bool working;	   /* it has been asked for something that it would have to take back */
	bool refused;	   /* by us: the failure is in no log of criu's */
	char message[256]; /* what newer ones say of a failure, besides the log; may be empty */
};
#define CRIU_INIT          \
	{                  \
		.sock = -1 \
	}

struct criu_setup {
	bool own_stdio; /* /dev/null, not the caller's, which a restored container will have */
	/* Runs in the process that becomes criu, before that; may be NULL. */
	int (*prepare)(void *arg, struct err *e);
	void *arg;
	/*
	 * Inherited at the same numbers, beside stdio: what the options name. criu takes numbers for
	 * those of whoever made the socket, which is why that is done in its own process.
	 */
	const int *pass_fds;
	size_t n_pass_fds;
};

/*
 * Start the criu that is in PATH and ask for its version, which must be 3.0 or later. criu_end() is
 * owed, whatever happens.
 */
must_check int criu_start(struct criu *c, const struct criu_setup *s, struct err *e);

/* Fails with a sentence that has name in it when criu or the kernel lacks the feature. */
enum criu_feature { CRIU_FEATURE_MEM_TRACK = 1, CRIU_FEATURE_LAZY_PAGES = 2 };
must_check int criu_check_feature(struct criu *c, enum criu_feature feature, const char *name,
				  struct err *e);

/* What criu tells while it works. script is its name for the moment; fd, -1 mostly, is the callee's. */
struct criu_notify {
	int (*tell)(void *arg, const char *script, pid_t pid, int fd, struct err *e);
	void *arg;
};

/*
 * Have criu do it; opts is a message criu_opts, whose descriptors are among pass_fds. Returns when
 * all is done and criu has ended. A failure of tell() makes criu take everything back, and is
 * the error.
 */
must_check int criu_work(struct criu *c, enum criu_type type, const struct str *opts,
			 const struct criu_notify *n, struct err *e);

/* Have criu give up what it is at, and reap it; may be repeated. */
void criu_end(struct criu *c);

#endif

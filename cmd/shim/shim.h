/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd's shim (runtime v2): hull called containerd-shim-hull-v2. One process for a pod, with
 * one thread, that serves containerd's calls about the pod's containers; SHIM.md has its states.
 */
#ifndef CMD_SHIM_SHIM_H
#define CMD_SHIM_SHIM_H

#include <stdbool.h>

/* The name by which containerd calls a shim, from its last slash on. */
bool shim_is_called(const char *argv0);

/* Of the program that the shim is a part of. */
struct shim_host {
	int (*hull)(int argc, char **argv); /* main() without the shim, for the commands it runs */
	const char *version, *commit;
};
/* Returns the exit code. */
int shim_main(int argc, char **argv, const struct shim_host *host);

/* --- Internal to cmd/shim --- */

#include "state/base/err.h"
#include "state/format/protobuf.h"

#define SHIM_NAME    "io.containerd.hull.v2"
#define SHIM_PROGRAM "containerd-shim-hull-v2"
#define SHIM_ROOT    "/run/containerd/hull" /* hull's state directories, one for each namespace */
#define SHIM_STATE   "/run/containerd"	    /* of containerd, as Go's shim assumes it */
#define SHIM_SOCKET  3			    /* the server's, inherited */

/* What containerd gives on the command line. */
struct shim_flags {
	const char *ns, *address, *publish, *id, *bundle, *socket;
	bool debug, version, info;
	const char *action;
};

/* The calls that end at once. */
must_check int shim_start(const struct shim_flags *f, const char *self, struct err *e);
must_check int shim_delete(const struct shim_flags *f, struct err *e);
must_check int shim_info(const struct shim_host *host, struct err *e);
/* The process that stays. */
must_check int shim_serve(const struct shim_flags *f, struct err *e);

/* All of stdin, which may be 4 MB; the caller frees *ret. */
must_check int shim_read_stdin(char **ret, size_t *ret_n, struct err *e);

#endif

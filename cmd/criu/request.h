/* SPDX-License-Identifier: Apache-2.0 */
/* What `checkpoint` and `restore` ask of criu: their common options, and CRIU's criu_opts made of them. */
#ifndef CMD_CRIU_REQUEST_H
#define CMD_CRIU_REQUEST_H

#include "cmd/line/cmd.h"
#include "cmd/line/options.h"
#include "nsexec/process/criu.h"
#include "state/base/err.h"
#include "state/record.h"
#include "state/spec/spec.h"
#include "state/base/str.h"

#include <stdbool.h>

#define CRIU_DESCRIPTORS "descriptors.json" /* in the image directory; see write_descriptors() */

/* Both commands' options; each has rows for those that it knows. */
struct criu_options {
	const char *image_path, *work_path, *parent_path, *page_server, *status_fd;
	const char *cgroups_mode, *network_lock, *lsm_profile, *lsm_mount_context;
	struct strings empty_ns;
	bool leave_running, pre_dump, lazy_pages, auto_dedup, print_stats;
	bool tcp_established, tcp_skip_in_flight, tcp_close;
	bool link_remap, ext_unix_sk, shell_job, file_locks;
};

/* clang-format off */
/* A row of struct S, whose member criu is the struct criu_options; and those that both commands have. */
#define CRIU_ROW(S, m, name, kind, help) OPTION(S, criu.m, name, NULL, kind, help)
#define CRIU_ROWS(S) \
	CRIU_ROW(S, image_path, "image-path", OPT_STRING, \
		 "path for criu image files (default: ./checkpoint)"), \
	CRIU_ROW(S, work_path, "work-path", OPT_STRING, \
		 "path for saving work files and logs (default: the path of the image files)"), \
	CRIU_ROW(S, tcp_established, "tcp-established", OPT_FLAG, "allow open tcp connections"), \
	CRIU_ROW(S, ext_unix_sk, "ext-unix-sk", OPT_FLAG, "allow external unix sockets"), \
	CRIU_ROW(S, shell_job, "shell-job", OPT_FLAG, "allow shell jobs"), \
	CRIU_ROW(S, lazy_pages, "lazy-pages", OPT_FLAG, \
		 "use userfaultfd to lazily restore memory pages"), \
	CRIU_ROW(S, file_locks, "file-locks", OPT_FLAG, "handle file locks, for safety"), \
	CRIU_ROW(S, cgroups_mode, "manage-cgroups-mode", OPT_STRING, \
		 "cgroups mode: soft|full|strict|ignore (default: soft)"), \
	CRIU_ROW(S, network_lock, "network-lock", OPT_STRING, \
		 "how the network is kept silent meanwhile: iptables|nftables|skip (default: " \
		 "criu's)"), \
	CRIU_ROW(S, empty_ns, "empty-ns", OPT_STRINGS, \
		 "create a namespace, but don't restore its properties"), \
	CRIU_ROW(S, auto_dedup, "auto-dedup", OPT_FLAG, \
		 "enable auto deduplication of memory images")
/* clang-format on */

/* The directories of one request. */
struct criu_dirs {
	int images_fd, work_fd; /* -1: none; closed by the caller */
	char *images;		/* the path; allocated */
	const char *log; /* the path of the directory that the log is in: images or the other */
};
#define CRIU_DIRS_INIT                         \
	{                                      \
		.images_fd = -1, .work_fd = -1 \
	}
#define auto_criu_dirs __attribute__((cleanup(criu_dirs_done)))
void criu_dirs_done(struct criu_dirs *d);
/* Open them; the image directory is made, with its parents, when make is set, the work directory always. */
must_check int criu_open_dirs(const struct criu_options *o, bool make, struct criu_dirs *ret,
			      struct err *e);

/* At the same numbers, as the caller's mount namespace has them now. */
must_check int criu_reopen_dirs(const struct criu_dirs *d, struct err *e);

/* Whatever is wrong with the options that can be said before anything is done. */
must_check int criu_check_options(const struct criu_options *o, struct err *e);
/* What criu would lose in silence: a program confined by Landlock would be free when it is restored. */
must_check int criu_check_spec(const struct spec *s, struct err *e);
/* criu needs root, and is untested in a user namespace: an error, a warning. */
must_check int criu_check_user(const char *command, struct err *e);

/* The fields of criu_opts that both requests have. log_file is a name in the work directory. */
void criu_add_common(const struct criu_options *o, const struct spec *s, const struct cgroup *cg,
		     const struct criu_dirs *d, const char *log_file, struct str *out);
/* Numbers of rpc.proto that the two commands add by themselves. */
enum {
	CRIU_OPT_PID = 2,
	CRIU_OPT_LEAVE_RUNNING = 3,
	CRIU_OPT_EVASIVE_DEVICES = 6,
	CRIU_OPT_PAGE_SERVER = 11,
	CRIU_OPT_ROOT = 13,
	CRIU_OPT_PARENT_IMG = 14,
	CRIU_OPT_TRACK_MEM = 15,
	CRIU_OPT_LINK_REMAP = 18,
	CRIU_OPT_EXT_MNT = 23,
	CRIU_OPT_CG_ROOT = 25,
	CRIU_OPT_RST_SIBLING = 26,
	CRIU_OPT_INHERIT_FD = 27,
	CRIU_OPT_EXTERNAL = 37,
	CRIU_OPT_JOIN_NS = 39,
	CRIU_OPT_FREEZE_CGROUP = 44,
	CRIU_OPT_TCP_SKIP_IN_FLIGHT = 46,
	CRIU_OPT_STATUS_FD = 49,
	CRIU_OPT_TCP_CLOSE = 52,
	CRIU_OPT_LSM_PROFILE = 53,
	CRIU_OPT_LSM_MOUNT_CONTEXT = 63,
};
/*
 * How the network is kept silent during a dump, if not as criu does it by itself: --network-lock, or
 * where there is no iptables-restore another way. With a criu of this version.
 */
void criu_add_network_lock(const struct criu_options *o, int version, struct str *out);
/* A message of two strings: ext_mount_map, cgroup_root, join_namespace. */
void criu_add_pair(struct str *out, unsigned field, const char *first, const char *second);
/* ADDRESS:PORT; the port is the caller's to have checked with criu_check_options(). */
void criu_add_page_server(struct str *out, const char *page_server);

/*
 * The mounts that criu cannot make by itself, since what they show is the host's. The name of one in
 * the images is its place in the rootfs, links resolved. For a dump live_fd is the root as the
 * container's init has it, and what is there is named; for a restore, with live_fd -1, each name
 * is given its source on the host, relative to the bundle. notify is the directory of NOTIFY_SOCKET
 * (cmd/launch/notify.h), or NULL.
 */
must_check int criu_add_mounts(const struct spec *s, const struct record *r, int live_fd,
			       const char *notify, struct str *out, struct err *e);

/*
 * criu takes the flags of a mount from the images. Whoever moves directories in the container before a
 * checkpoint can have those of another mount put on what must be read-only: EPERM.
 */
must_check int criu_check_mounts(const struct spec *s, pid_t init, struct err *e);

/* "extRootNetNS", "extRootPidNS": the name in the images of a namespace that was there before. */
const char *criu_external_ns(int type);

/*
 * criu has failed with *e: what its log says was wrong goes to the warnings, and the first line of
 * that, or else what criu itself said, into *e. Returns -1.
 */
int criu_explain(const struct criu *c, const struct criu_dirs *d, const char *log_file,
		 struct err *e);

#endif

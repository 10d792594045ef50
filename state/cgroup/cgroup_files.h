/* SPDX-License-Identifier: Apache-2.0 */
/* Files in one cgroup directory; for state/cgroup/cgroup*.c only. */
#ifndef STATE_CGROUP_FILES_H
#define STATE_CGROUP_FILES_H

#include "state/cgroup/cgroup.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

/* dir/file with one write(2); -1 and errno. cgroup.h has the reading. */
int cgroup_write(const char *dir, const char *file, const char *text);

/* In text of lines "key value": what follows the n bytes of key and the blank, or NULL. */
const char *cgroup_find_key(const char *text, const char *key, size_t n);

/*
 * Make v2 controllers (names separated by blanks) usable in dir as far as its ancestors allow, and
 * add what dir has then to *have. false where dir is above the hierarchy's root.
 */
struct str;
bool cgroup_enable(const char *dir, const char *names, struct str *have);

/* The v2 controllers of the limits in res (may be NULL) that no v1 hierarchy of cg has, added to names: " a b". */
void cgroup_needs(const struct cgroup *cg, const struct spec_resources *res, struct str *names);

/* The processes in dir and below it, appended. A directory that is gone has none. */
must_check int cgroup_dir_pids(const char *dir, pid_t **pids, size_t *n, struct err *e);
/* dir is frozen by itself or by an ancestor. */
bool cgroup_dir_frozen(const char *dir, bool v2);
/* The cgroup above d is the root of its hierarchy, which cannot be frozen, nor threaded. */
bool cgroup_is_below_root(const struct cgroup_dir *d);
/* Which one was frozen then: dir, or the one above it; NULL when none was. The caller frees it. */
char *cgroup_freezing_dir(const char *dir, bool v2);

struct spec_device_rule;

/* The eBPF program for these rules and the default ones; the caller frees insns. */
struct bpf_insn;
struct device_program {
	struct bpf_insn *insns;
	size_t n, size;
	bool allows_all; /* it is not needed */
};
void device_program(const struct spec_device_rule *spec, size_t n, struct device_program *ret);

/* cgroup_program.c: a descriptor of it in the kernel, or -1 and errno. shared_fd is cgroup_apply_devices()'s. */
int device_program_get(const struct device_program *p, int shared_fd);
/* That of a program by its ID; ENOENT when it is gone. Needs CAP_SYS_ADMIN. */
int device_program_open(uint32_t id);

#endif

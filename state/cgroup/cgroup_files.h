/* SPDX-License-Identifier: Apache-2.0 */
/* Files in one cgroup directory; for state/cgroup/cgroup*.c only. */
#ifndef STATE_CGROUP_FILES_H
#define STATE_CGROUP_FILES_H

#include "state/cgroup/cgroup.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

/* dir/file with one write(2), or read without its last newline; -1 and errno. */
int cgroup_write(const char *dir, const char *file, const char *text);
ssize_t cgroup_read(const char *dir, const char *file, char *buf, size_t size);
/* The number after "key " at the start of a line of dir/file ("populated 1"); -1 if there is none. */
int64_t cgroup_read_key(const char *dir, const char *file, const char *key);

/* In text of lines "key value": what follows the n bytes of key and the blank, or NULL. */
const char *cgroup_find_key(const char *text, const char *key, size_t n);

/* list ("cpu,cpuacct" or "cpu io") contains name as a whole word. */
bool cgroup_has_word(const char *list, const char *name);
/* The directory whose files are for this controller: a v1 one, or else the unified one, or NULL. */
const struct cgroup_dir *cgroup_serving(const struct cgroup *cg, const char *controller,
					bool *ret_v2);
/*
 * Make v2 controllers (names separated by blanks) usable in dir as far as its ancestors allow, and
 * add what dir has then to *have. false where dir is above the hierarchy's root.
 */
struct str;
bool cgroup_enable(const char *dir, const char *names, struct str *have);

/* The processes in dir and below it, appended. A directory that is gone has none. */
must_check int cgroup_dir_pids(const char *dir, pid_t **pids, size_t *n, struct err *e);
/* dir is frozen by itself or by an ancestor. */
bool cgroup_dir_frozen(const char *dir, bool v2);

struct spec_device_rule;

/* The eBPF program for these rules and the default ones; the caller frees insns. */
struct bpf_insn;
struct device_program {
	struct bpf_insn *insns;
	size_t n, size;
	bool allows_all; /* it is not needed */
};
void device_program(const struct spec_device_rule *spec, size_t n, struct device_program *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Writing limits into cgroup files, with a memory of what was there; for state/cgroup/cgroup_*.c only. */
#ifndef STATE_CGROUP_PUT_H
#define STATE_CGROUP_PUT_H

#include "state/cgroup/cgroup_files.h"

struct journal;

struct target {
	const struct cgroup *cg;
	const char *controller;
	const struct cgroup_dir *dir; /* NULL: nothing serves the controller */
	const struct spec_resources *res;
	struct journal *journal; /* what update is to bring back if it fails; NULL for create */
};

enum missing { MISSING_FAILS, MISSING_IS_FINE };

/* Write text; -1 and errno, ENOENT also when there is no such controller. */
int put_try(const struct target *t, const char *file, const char *text);
/*
 * The sentence for a put_try that failed with errno; property ("memory/limit") becomes the pointer.
 * 0 where --missing-controllers says that it is no error.
 */
must_check int put_failed(const struct target *t, const char *property, const char *file,
			  const char *text, struct err *e);
must_check int put(const struct target *t, const char *property, const char *file, const char *text,
		   enum missing missing, struct err *e);
/*
 * The kernel refused what was written to dir/file: what it would take goes before the sentence, as far as
 * it is known. Returns -1.
 */
int put_explain(const char *dir, const char *file, struct err *e);
/* property as the pointer of *e. Returns -1. */
int put_at(struct err *e, const char *property);
/* A limit for which the machine has nothing; e has the sentence. -1, or 0 as put_failed. */
int put_missing(struct err *e);

bool put_has_controller(const struct target *t);
/*
 * Why a controller is not there, for a person, allocated: out of the texts of /proc/cgroups and of
 * cgroup.controllers at the root of cgroup v2, NULL where that is not mounted (cgroups(7)).
 */
char *cgroup_why_missing(const char *controller, const char *proc_cgroups,
			 const char *root_controllers);
/* The number in a file, 0 when there is none. */
uint64_t put_read_number(const struct target *t, const char *file);

#define NUMBER_MAX 24
const char *put_number(char buf[NUMBER_MAX], int64_t v);
const char *put_unsigned(char buf[NUMBER_MAX], uint64_t v);
/* v2 writes "no limit" as max. */
const char *put_number_or_max(char buf[NUMBER_MAX], int64_t v);

/* What was in the files before they were written. */
struct journal {
	size_t n;
	struct journal_entry {
		char *dir, *file, *written, *old;
	} * v;
};
/* Write back what was there, the last first. A file that refuses is a warning. */
void journal_undo(const struct journal *j);
void journal_done(struct journal *j);
/*
 * What brings old back after written was written: files with a line for each device take one at
 * a time. The caller frees it.
 */
char *journal_undo_text(const char *file, const char *written, const char *old);

/* The limits of cgroup_io.c, steps of the table in cgroup_limits.c. */
must_check int limit_io_v1(const struct target *t, struct err *e);
must_check int limit_io_v2(const struct target *t, struct err *e);
must_check int limit_net_class(const struct target *t, struct err *e);
must_check int limit_net_priorities(const struct target *t, struct err *e);
must_check int limit_rdma(const struct target *t, struct err *e);

#endif

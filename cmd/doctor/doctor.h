/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull doctor`: what this machine can do for containers, found by trying it, as hull will. Runs in
 * hull with its caller's rights; what has an effect is tried in children with namespaces of their own,
 * which take it with them, but for one cgroup, that is removed.
 */
#ifndef CMD_DOCTOR_DOCTOR_H
#define CMD_DOCTOR_DOCTOR_H

#include "cmd/line/cmd.h"
#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum verdict {
	DOCTOR_WORKS,
	DOCTOR_LIMITED,
	DOCTOR_MISSING,
	DOCTOR_UNSEEN, /* it could not be looked at */
};

struct finding {
	const char *group, *name;
	enum verdict verdict;
	bool needed; /* by a container of `hull spec` */
	char *seen, *cost, *advice;
};

struct doctor {
	struct finding *v;
	size_t n;
	const struct globals *g;
	bool root;	   /* the caller is user 0 */
	const char *group; /* of the findings that are added */
	bool needed;	   /* the next finding is about what a default container needs */
};

void doctor_works(struct doctor *d, const char *name, const char *seen, ...) printf_like(3, 4);
/* seen: what was found. cost: what a user will not have. advice: what to do, may be NULL. All are copied. */
void doctor_say(struct doctor *d, enum verdict v, const char *name, const char *seen,
		const char *cost, const char *advice);
/* The last finding is a DOCTOR_MISSING of what containers need. */
bool doctor_fails(const struct doctor *d);

struct str;
void doctor_text(const struct doctor *d, struct str *out);
void doctor_json(const struct doctor *d, struct str *out);

/* The number in a file of /proc/sys, or missing. */
long long doctor_sysctl(const char *path, long long missing);

/* --- Groups ----------------------------------------------------------------------------------- */

void doctor_namespaces(struct doctor *d);
void doctor_ids(struct doctor *d);
void doctor_cgroups(struct doctor *d);
void doctor_mounts(struct doctor *d);
void doctor_network(struct doctor *d);
void doctor_processes(struct doctor *d);
void doctor_seccomp(struct doctor *d);
void doctor_security(struct doctor *d);
void doctor_services(struct doctor *d);
void doctor_machine(struct doctor *d);
/* A whole container, by this program. */
void doctor_trial(struct doctor *d);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the container's first process may do. */
#include "cmd/explain/explain.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/base/proc.h"

static void add_caps(struct explain *x, const char *status, const char *key, const char *field)
{
	const char *at = explain_status(status, field);
	auto_str struct str names = { 0 };
	uint64_t mask;
	size_t n = 0;

	if (!*at)
		return;
	mask = strtoull(at, NULL, 16);
	for (int cap = 0; cap < 64; cap++) {
		const char *name = mask >> cap & 1 ? name_of(cap_names, cap) : NULL;

		n += mask >> cap & 1;
		if (name)
			str_addf(&names, "%s%s", names.n ? " " : "", name + strlen("CAP_"));
	}
	if (n >= 38)
		explain_row(x, key, "all");
	else
		explain_row(x, key, "%s", n ? str_get(&names) : "none");
}

static long number(const char *status, const char *field)
{
	const char *at = explain_status(status, field);

	return *at ? strtol(at, NULL, 10) : -1;
}

static void add_seccomp(struct explain *x, const char *status)
{
	long mode = number(status, "Seccomp"), filters = number(status, "Seccomp_filters");

	if (mode == 2 && filters > 0)
		explain_row(x, "seccomp", "%ld filter%s", filters, filters > 1 ? "s" : "");
	else
		explain_row(x, "seccomp", "%s",
			    mode == 2 ? "a filter" :
			    mode == 0 ? "none: every system call is allowed" :
					"strict");
}

static void add_label(struct explain *x)
{
	char path[PROC_PATH_SIZE], text[256];

	if (fd_read_small(AT_FDCWD, proc_path(path, x->init, "attr/current"), text, sizeof(text)) >
	    0)
		explain_row(x, "label", "%s", text);
}

static void add_score(struct explain *x)
{
	char path[PROC_PATH_SIZE], text[32];

	if (fd_read_small(AT_FDCWD, proc_path(path, x->init, "oom_score_adj"), text, sizeof(text)) >
	    0)
		explain_row(x, "oomScoreAdj", "%s", text);
}

void explain_rights(struct explain *x)
{
	char path[PROC_PATH_SIZE], status[4096];

	explain_begin(x, "rights");
	if (fd_read_small(AT_FDCWD, proc_path(path, x->init, "status"), status, sizeof(status)) >
	    0) {
		explain_row(x, "user", "%ld:%ld on the host", number(status, "Uid"),
			    number(status, "Gid"));
		add_caps(x, status, "effective", "CapEff");
		add_caps(x, status, "bounding", "CapBnd");
		explain_row(x, "noNewPrivileges", "%s",
			    number(status, "NoNewPrivs") == 1 ? "yes" : "no");
		add_seccomp(x, status);
		add_label(x);
		add_score(x);
	} else {
		explain_row(x, "user", "not to be looked at");
	}
	explain_end(x);
}

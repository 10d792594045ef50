/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/line/match.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/format/regex.h"

static int work_on(const char *id, int (*work)(void *arg, const char *id, struct err *e), void *arg,
		   bool failed, struct err *e)
{
	struct err own;

	if (work(arg, id, &own) >= 0)
		return 0;
	err_wrap(&own, "container %s", id);
	if (failed)
		log_warn("%s", own.chain);
	else
		*e = own;
	return -1;
}

int match_each(const struct root *root, const char *regex,
	       int (*work)(void *arg, const char *id, struct err *e), void *arg, struct err *e)
{
	auto_close int root_fd = -1;
	bool failed = false;
	char **ids;
	struct regex *re = regex_compile(regex, e);

	if (!re)
		return -1;
	root_fd = root_open(root, false, e);
	if (root_fd < 0 || root_list(root_fd, &ids, e) < 0) {
		regex_free(re);
		return root_fd < 0 && root->is_default && e->code == ENOENT ? 0 : -1;
	}
	for (size_t i = 0; ids[i]; i++) {
		if (regex_matches(re, ids[i]) && work_on(ids[i], work, arg, failed, e) < 0)
			failed = true;
		free(ids[i]);
	}
	free(ids);
	regex_free(re);
	return failed ? -1 : 0;
}

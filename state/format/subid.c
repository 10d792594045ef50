/* SPDX-License-Identifier: Apache-2.0 */
#include "state/format/subid.h"

#include "state/base/str.h"

#include <stdio.h>
#include <string.h>

bool subid_find(char *text, uid_t uid, const char *name, uint32_t *ret_start, uint32_t *ret_n)
{
	char *line, number[16];
	uint64_t start, n;

	snprintf(number, sizeof(number), "%u", (unsigned)uid);
	while ((line = strsep(&text, "\n"))) {
		const char *who = strsep(&line, ":"), *from = line ? strsep(&line, ":") : NULL;

		if (!from || !line ||
		    (strcmp(who, number) != 0 && (!name || strcmp(who, name) != 0)))
			continue;
		/* The last id of all, (uid_t)-1, is nobody's. */
		if (str_to_u64(from, &start) && str_to_u64(line, &n) && n && start < UINT32_MAX &&
		    n <= UINT32_MAX - start) {
			*ret_start = (uint32_t)start;
			*ret_n = (uint32_t)n;
			return true;
		}
	}
	return false;
}

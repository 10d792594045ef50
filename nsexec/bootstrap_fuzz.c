/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever arrives on the bootstrap channel is decoded within its bounds, or refused in words. */
#include "nsexec/bootstrap.h"

#include "state/base/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *buf = malloc(size ? size : 1); /* exact size: an over-read is seen */
	struct bootstrap b = { 0 };
	struct bootstrap_pids p;
	struct err e = { 0 };
	char text[256];

	memcpy(buf, data, size);
	if (bootstrap_decode(buf, size, &b, &e) == 0) {
		plan_print(&b.plan, text, sizeof(text));
		must(!b.uid_map || strlen(b.uid_map) < size);
	} else {
		must(e.chain[0]);
	}
	must(bootstrap_decode_pids(buf, size, &p, &e) < 0 || p.init > 0);
	free(buf);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever criu answers is read within its bounds, and comes to an end. */
#include "state/format/protobuf.h"

#include "state/base/fuzz.h"

#include <stdlib.h>
#include <string.h>

static volatile unsigned char sink;

static void walk(struct pb m, int depth)
{
	const char *end = m.end;
	struct pb_field f;

	while (pb_next(&m, &f) == 1) {
		must(f.number && m.p <= end);
		must(!f.s || (f.s >= end - (end - m.p) - f.n && f.s + f.n <= end));
		for (size_t i = 0; i < f.n; i++)
			sink ^= (unsigned char)f.s[i];
		if (depth < 8)
			walk(pb_inside(&f), depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *buf = malloc(size ? size : 1); /* exact size: an over-read is seen */

	memcpy(buf, data, size);
	walk((struct pb){ buf, buf + size }, 0);
	free(buf);
	return 0;
}

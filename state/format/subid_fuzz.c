/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever stands in /etc/subuid: a range of ids that a user namespace can have, or none. */
#include "state/format/subid.h"

#include "state/base/fuzz.h"
#include "state/base/mem.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xmalloc(size + 1);
	uint32_t start = 0, n = 0;

	memcpy(text, data, size);
	text[size] = '\0';
	if (subid_find(text, 0, "a", &start, &n))
		must(n > 0 && start < UINT32_MAX && n <= UINT32_MAX - start);
	else
		must(start == 0 && n == 0);
	return 0;
}

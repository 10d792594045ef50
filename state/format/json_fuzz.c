/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzer of the JSON reader. Besides memory errors: a failure always has a sentence, and what was
 * read has the shape that cJSON promises and strings that are UTF-8.
 */
#include "state/format/json.h"

#include "state/base/fuzz.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#include <stdlib.h>
#include <string.h>

static void walk(const cJSON *v, unsigned depth)
{
	const cJSON *last = NULL, *i;

	must(depth <= JSON_DEPTH_MAX);
	if (cJSON_IsString(v) || cJSON_IsNumber(v))
		must(v->valuestring && strlen(v->valuestring) <= JSON_FILE_MAX);
	cJSON_ArrayForEach(i, v)
	{
		must(!last || i->prev == last);
		must(!cJSON_IsObject(v) || i->string);
		walk(i, depth + 1);
		last = i;
	}
	must(!last || v->child->prev == last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xmalloc(size); /* of the exact size: an over-read is seen */
	struct json j auto_json = { 0 };
	struct err e = { 0 };

	memcpy(text, data, size);
	if (json_read(text, size, &j, &e) < 0)
		must(e.code && e.chain[0] && !j.root);
	else
		walk(j.root, 0);
	return 0;
}

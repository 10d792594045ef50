/* SPDX-License-Identifier: Apache-2.0 */
#include "state/spec/spec_merge.h"

#include <string.h>

#include "state/base/tap.h"

static const struct {
	const char *what, *config, *update, *result;
} rows[] = {
	{ "into nothing", "{}", "{\"pids\":{\"limit\":5}}",
	  "{\"linux\":{\"resources\":{\"pids\":{\"limit\":5}}}}" },
	{ "all else stays, to the last digit",
	  "{\"a\":[1.50,null,true,false,{\"x\":18446744073709551615},\"\\u00e9\\n\"],\"linux\":{\"n\":[],"
	  "\"resources\":{}}}",
	  "{}",
	  "{\"a\":[1.50,null,true,false,{\"x\":18446744073709551615},\"\xc3\xa9\\n\"],\"linux\":{\"n\":["
	  "],\"resources\":{}}}" },
	{ "members replace members",
	  "{\"linux\":{\"resources\":{\"cpu\":{\"shares\":1,\"quota\":2}}}}",
	  "{\"cpu\":{\"quota\":3,\"cpus\":\"0\"}}",
	  "{\"linux\":{\"resources\":{\"cpu\":{\"shares\":1,\"quota\":3,\"cpus\":\"0\"}}}}" },
	{ "null changes nothing", "{\"linux\":{\"resources\":{\"cpu\":{\"shares\":1}}}}",
	  "{\"cpu\":{\"shares\":null},\"pids\":null}",
	  "{\"linux\":{\"resources\":{\"cpu\":{\"shares\":1}}}}" },
	{ "an old null gives way", "{\"linux\":null}", "{\"pids\":{}}",
	  "{\"linux\":{\"resources\":{\"pids\":{}}}}" },
	{ "device rules stay", "{\"linux\":{\"resources\":{\"devices\":[{\"allow\":false}]}}}",
	  "{\"devices\":[{\"allow\":true}],\"unified\":{\"a.b\":\"1\"}}",
	  "{\"linux\":{\"resources\":{\"devices\":[{\"allow\":false}],\"unified\":{\"a.b\":\"1\"}}}}" },
	{ "entries for the same device",
	  "{\"linux\":{\"resources\":{\"blockIO\":{\"t\":[{\"major\":8,\"minor\":0,\"rate\":1},{\"major\":8,"
	  "\"minor\":1,\"rate\":2}]}}}}",
	  "{\"blockIO\":{\"t\":[{\"minor\":1,\"major\":8,\"rate\":7},{\"major\":9,\"minor\":1,\"rate\":8}]}}",
	  "{\"linux\":{\"resources\":{\"blockIO\":{\"t\":[{\"major\":8,\"minor\":0,\"rate\":1},{\"major\":8,"
	  "\"minor\":1,\"rate\":7},{\"major\":9,\"minor\":1,\"rate\":8}]}}}}" },
	{ "entries for the same page size",
	  "{\"linux\":{\"resources\":{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1}]}}}",
	  "{\"hugepageLimits\":[{\"pageSize\":\"1GB\",\"limit\":2},{\"pageSize\":\"2MB\",\"limit\":3}]}",
	  "{\"linux\":{\"resources\":{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":3},{\"pageSize\":"
	  "\"1GB\",\"limit\":2}]}}}" },
	{ "a list where there was none", "{\"linux\":{\"resources\":{\"hugepageLimits\":[]}}}",
	  "{\"hugepageLimits\":[{\"pageSize\":\"1GB\"},{\"pageSize\":\"2MB\"}]}",
	  "{\"linux\":{\"resources\":{\"hugepageLimits\":[{\"pageSize\":\"1GB\"},{\"pageSize\":\"2MB\"}]}}}" },
};

int main(void)
{
	struct err e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		auto_str struct str out = { 0 };

		ok(spec_merge_resources(rows[i].config, strlen(rows[i].config), rows[i].update,
					strlen(rows[i].update), &out, &e) == 0,
		   "%s", rows[i].what);
		is(str_get(&out), rows[i].result, rows[i].what);
	}
	return done_testing();
}

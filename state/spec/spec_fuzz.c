/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzer of everything from bytes to a checked config.json, process.json or resources.json. */
#include "state/spec/spec.h"

#include "state/base/fuzz.h"
#include "state/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 32768
#define MEMORY	  ((size_t)4 << 20) /* enough for any input of that size */

/* The promises of state/spec/spec.h that everyone after the decoder relies on. */
static void promises(const struct spec *s)
{
	must(s->root && s->root->path[0] && s->process && s->linux_);
	must(s->process->args.n && !s->process->args.v[s->process->args.n]);
	must(s->process->cwd[0] == '/' && s->process->user);
	for (size_t i = 0; i < s->mounts.n; i++)
		must(s->mounts.v[i].destination[0]);
	for (size_t i = 0; i < s->process->env.n; i++)
		must(strchr(s->process->env.v[i], '=') > s->process->env.v[i]);
	for (size_t i = 0; i < s->linux_->sysctl.n; i++) {
		auto_free char *path = spec_sysctl_path(s->linux_->sysctl.v[i].key);

		must(path[0] != '/' && !strstr(path, "/../") && strncmp(path, "../", 3) != 0);
	}
}

/* The memory of all inputs, zeroed as far as the last one used it. */
static struct arena *fresh(void)
{
	static _Alignas(16) char mem[MEMORY];
	static struct arena a = { .p = mem };

	memset(mem, 0, (size_t)(a.p - mem));
	a = (struct arena){ .base = mem, .p = mem, .end = mem + MEMORY, .fd = 0 };
	return &a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xmalloc(size);
	struct arena *a = fresh();
	struct spec *s = NULL;
	struct spec_process *p = NULL;
	struct spec_resources *r = NULL;
	struct err e = { 0 };

	if (size > INPUT_MAX)
		size = INPUT_MAX;
	memcpy(text, data, size);
	if (spec_read(text, size, a, &s, &e) == 0)
		promises(s);
	else
		must(e.code && e.chain[0]);
	if (spec_process_read(text, size, a, &p, &e) == 0)
		must(p->args.n && p->user);
	if (spec_resources_read(text, size, a, &r, &e) == 0)
		must(r != NULL);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A filter that somebody else has compiled, as crun takes it. Runs in hull. */
#include "init/seccomp/seccomp.h"

#include "state/format/base64.h"
#include "state/base/mem.h"

#include <errno.h>
#include <string.h>

int seccomp_ready(const char *text, struct arena *a, const struct sock_fprog **ret, struct err *e)
{
	size_t n = 0, room = strlen(text) / 4 * 3 + 1;
	struct sock_fprog *prog = arena_zalloc(a, sizeof(*prog));

	prog->filter = arena_zalloc(a, room);
	if (!base64_decode(text, (unsigned char *)prog->filter, &n))
		return err_set(e, EINVAL, "the value is not base64");
	if (!n || n % sizeof(struct sock_filter))
		return err_set(
			e, EINVAL,
			"a filter has at least one instruction of %zu bytes, and no part of one: "
			"these are %zu bytes",
			sizeof(struct sock_filter), n);
	if (n / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return err_set(e, E2BIG,
			       "the filter has %zu instructions and the kernel takes at most %d",
			       n / sizeof(struct sock_filter), BPF_MAXINSNS);
	prog->len = (unsigned short)(n / sizeof(struct sock_filter));
	*ret = prog;
	return 0;
}

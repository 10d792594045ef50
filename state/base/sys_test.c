/* SPDX-License-Identifier: Apache-2.0 */
#include "state/base/sys.h"
#include "state/base/mem.h"
#include "state/base/tap.h"

#include <unistd.h>

int main(void)
{
	/* IDs that 16 bits do not hold, whatever the processor */
	static const gid_t groups[] = { 70001, 4000000000 };
	gid_t got[4] = { 0 }, r, e, s;
	uid_t ru, eu, su;

	if (geteuid() != 0) {
		skip(1, "only root has other IDs");
		return done_testing();
	}
	ok(sys_setgroups(ARRAY_SIZE(groups), groups) == 0, "setgroups");
	ok(getgroups(ARRAY_SIZE(got), got) == 2 && got[0] == groups[0] && got[1] == groups[1],
	   "groups of 32 bits");
	ok(sys_setresgid(3000000000) == 0 && getresgid(&r, &e, &s) == 0 && r == 3000000000 &&
		   e == r && s == r,
	   "a group of 32 bits");
	ok(sys_setresuid(70000) == 0 && getresuid(&ru, &eu, &su) == 0 && ru == 70000 && eu == ru &&
		   su == ru,
	   "a user of 32 bits");
	return done_testing();
}

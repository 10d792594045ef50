/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swap A B: exchange what two names stand for, again and again (renameat2(2), RENAME_EXCHANGE), until
 * killed: who checks one and uses it then may find the other.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: swap A B");
	prctl(PR_SET_PDEATHSIG, 9);
	for (;;) {
		if (syscall(SYS_renameat2, AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) <
		    0)
			err(1, "exchange %s and %s", argv[1], argv[2]);
	}
}

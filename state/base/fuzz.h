/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For x_fuzz.c programs: libFuzzer's two functions, what must be so of any input, and a world of mounts
 * of their own.
 */
#ifndef STATE_FUZZ_H
#define STATE_FUZZ_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The fuzzer keeps an input that it is not so of. */
#define must(cond)                                                                         \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                           \
		}                                                                          \
	} while (0)

/* A mount namespace (mount_namespaces(7)) with a tmpfs at the path, gone with the process; as root. */
__attribute__((unused)) static void fuzz_tmpfs(const char *path)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", path, "tmpfs", 0, NULL) < 0) {
		perror(path);
		exit(1);
	}
}

#endif

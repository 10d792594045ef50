/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever stands in record.json: a record whose strings are there, and which is the same when it is
 * written and read again, or a sentence.
 */
#include "state/record.h"

#include "state/base/fd.h"
#include "state/base/fuzz.h"
#include "state/base/mem.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int dir_fd;

/* A tmpfs that goes with our mount namespace; needs root. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_tmpfs("/mnt");
	dir_fd = open("/mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(dir_fd >= 0);
	return 0;
}

static char *written(const struct record *r)
{
	struct err e = { 0 };
	char *text;

	must(record_write(dir_fd, r, &e) == 0 &&
	     fd_read_file(dir_fd, RECORD_FILE, 16 << 20, &text, NULL, &e) == 0);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_close int fd =
		openat(dir_fd, RECORD_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	auto_record struct record r = { 0 }, again = { 0 };
	auto_free char *first = NULL, *second = NULL;
	struct err e = { 0 };

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (record_read(dir_fd, &r, &e) < 0) {
		must(e.chain[0] && e.code);
		return 0;
	}
	must(r.id && r.bundle && r.rootfs && r.oci_version && r.pid >= 0);
	for (size_t i = 0; i < r.cgroup.n; i++)
		must(r.cgroup.dirs[i].controllers && r.cgroup.dirs[i].path);
	first = written(&r);
	must(record_read(dir_fd, &again, &e) == 0);
	second = written(&again);
	must(!strcmp(first, second));
	return 0;
}

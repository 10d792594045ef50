/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A config.bin that a crash, a full disk or a bad one has spoilt: what is read is what was written, or
 * nothing, and then the memory is as it was. Its sum is not a signature: it is left alone.
 *
 * An input is a row of changes of 4 bytes: what to do, where (two bytes, of the whole file and a bit more),
 * and a byte for it.
 */
#include "state/spec/spec_cache.h"

#include "state/base/fd.h"
#include "state/base/fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MEMORY	 ((size_t)1 << 20)
#define DIR_PATH "/mnt"
#define SUM	 8 /* bytes, the last before the configuration */

static const char config[] =
	"{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"},\"hostname\":\"box\","
	"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"}],"
	"\"process\":{\"cwd\":\"/\",\"args\":[\"true\"],\"env\":[\"A=b\"]},\"linux\":{"
	"\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\"}]}}";

static _Alignas(16) char memory[MEMORY];
static struct arena a = { .base = memory, .p = memory, .end = memory + MEMORY, .fd = -1 };
static unsigned char *file;
static size_t n_file, n_config;
static int dir = -1;

static void put(const char *name, const void *p, size_t n)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct spec *s = NULL;
	struct err e = { 0 };
	char *text = NULL;
	int fd;

	(void)argc;
	(void)argv;
	fuzz_tmpfs(DIR_PATH);
	dir = open(DIR_PATH, O_PATH | O_DIRECTORY | O_CLOEXEC);
	put("text", config, sizeof(config) - 1);
	must(spec_read(config, sizeof(config) - 1, &a, &s, &e) == 0);
	n_config = (size_t)(a.p - memory);
	fd = openat(dir, "text", O_RDONLY | O_CLOEXEC);
	spec_cache_write(dir, "good", fd, &a, memory, s);
	close(fd);
	must(fd_read_file(dir, "good", MEMORY, &text, &n_file, &e) == 0 && n_file > n_config + SUM);
	file = (unsigned char *)text;
	return 0;
}

static bool is_sum(size_t at)
{
	size_t end = n_file - n_config;

	return at < end && at >= end - SUM;
}

/* One change of the n bytes at p, which has room for one more; returns how many there are then. */
static size_t spoil(unsigned char *p, size_t n, const uint8_t change[4])
{
	size_t at = (size_t)(change[1] << 8 | change[2]) % (n + 1);

	switch (change[0] % 4) {
	case 0:
		return at; /* torn */
	case 1:
		for (size_t i = at; i < n && i < at + 16; i++)
			p[i] = is_sum(i) ? p[i] : change[3];
		return n;
	default:
		if (at == n_file && n == n_file)
			p[n++] = change[3];
		else if (at < n && !is_sum(at))
			p[at] ^= change[3];
		return n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char now[MEMORY];
	size_t n = n_file;
	struct spec *s;

	memcpy(now, file, n_file);
	for (; size >= 4; data += 4, size -= 4)
		n = spoil(now, n, data);
	put("now", now, n);
	memset(memory, 0, n_file);
	a.p = memory;
	s = spec_cache_read(dir, "now", "text", &a);
	if (n == n_file && !memcmp(now, file, n)) {
		must(s && a.p == memory + n_config &&
		     !memcmp(memory, file + n - n_config, n_config));
		return 0;
	}
	must(!s && a.p == memory);
	for (size_t i = 0; i < n_file; i++)
		must(memory[i] == 0);
	return 0;
}

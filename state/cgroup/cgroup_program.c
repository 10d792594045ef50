/* SPDX-License-Identifier: Apache-2.0 */
/* The eBPF program of device rules: loaded, or found with another container. Runs in hull itself, see cgroup_devices.c. */
#include "state/cgroup/cgroup_files.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

/* The verifier gives up for any signal that comes meanwhile, that of a stage's end, too (EAGAIN). */
#define LOAD_TRIES 5

static int load_program(const struct device_program *p)
{
	static const char name[] = "hull_devices";
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uintptr_t)p->insns,
		.insn_cnt = (uint32_t)p->n,
		.license = (uintptr_t) "Apache-2.0",
	};

	int fd, tries = LOAD_TRIES;

	memcpy(attr.prog_name, name, sizeof(name));
	do {
		fd = sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	} while (fd < 0 && errno == EAGAIN && --tries);
	return fd;
}

/*
 * Before Linux 5.11 a program counts as locked memory, and the answer to too much of it is EPERM.
 * Only then is the limit raised: changing it needs rights of its own, which runtimes that do it
 * first fail without need for.
 */
static int load_program_unlocked(const struct device_program *p)
{
	int fd = load_program(p), code = errno;
	struct rlimit old, raised;

	if (fd >= 0 || code != EPERM || getrlimit(RLIMIT_MEMLOCK, &old) < 0)
		return fd;
	raised = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	if (setrlimit(RLIMIT_MEMLOCK, &raised) < 0) {
		raised = (struct rlimit){ old.rlim_max, old.rlim_max };
		if (old.rlim_cur == old.rlim_max || setrlimit(RLIMIT_MEMLOCK, &raised) < 0) {
			errno = code;
			return -1;
		}
	}
	fd = load_program(p);
	code = errno;
	setrlimit(RLIMIT_MEMLOCK, &old); /* the container inherits ours */
	errno = code;
	return fd;
}

/*
 * Most containers of a machine have the same rules, and to have their program verified and compiled again takes
 * a twentieth of a run. So the ID of the last program is left beside the containers, in a link that leads nowhere:
 * it is made and read in one piece. Nothing of it is believed: what has that ID now must be, instruction by
 * instruction, the program that we would load. When the last container that has it ends, so does the program.
 */
#define SHARED_LINK	".@devices-%zx" /* no container's name */
#define SHARED_NAME_MAX 16
#define SHARED_NAMES	16  /* by the length of programs: a few sets of rules find each other */
#define SHARED_INSNS	128 /* the default rules take 47 */

static int program_info(int fd, struct bpf_prog_info *info)
{
	union bpf_attr attr = { .info = { .bpf_fd = (uint32_t)fd,
					  .info_len = sizeof(*info),
					  .info = (uintptr_t)info } };

	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
}

int device_program_open(uint32_t id)
{
	union bpf_attr attr = { .prog_id = id };

	return sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
}

/* The kernel shows the program as it runs, but where it adds instructions (32-bit processors). */
static bool is_program(int fd, const struct device_program *p)
{
	struct bpf_insn seen[SHARED_INSNS] = { 0 };
	struct bpf_prog_info info = { .xlated_prog_insns = (uintptr_t)seen,
				      .xlated_prog_len = sizeof(seen) };
	size_t size = p->n * sizeof(*p->insns);

	return p->n <= SHARED_INSNS && program_info(fd, &info) == 0 &&
	       info.type == BPF_PROG_TYPE_CGROUP_DEVICE && info.xlated_prog_insns &&
	       info.xlated_prog_len == size && !memcmp(seen, p->insns, size);
}

static int find_shared(const struct device_program *p, int dir_fd, const char *name)
{
	char text[16];
	ssize_t n = readlinkat(dir_fd, name, text, sizeof(text) - 1);
	auto_close int fd = -1;
	uint64_t id;

	if (n < 0)
		return -1;
	text[n] = '\0';
	if (!str_to_u64(text, &id) || id > UINT32_MAX)
		return -1;
	fd = device_program_open((uint32_t)id);
	return fd >= 0 && is_program(fd, p) ? take_fd(&fd) : -1;
}

/* Who comes between the two calls has the same, or its next program is not shared. */
static void share(int fd, int dir_fd, const char *name)
{
	struct bpf_prog_info info = { 0 };
	char text[16];

	if (program_info(fd, &info) < 0)
		return;
	snprintf(text, sizeof(text), "%u", info.id);
	unlinkat(dir_fd, name, 0);
	(void)!symlinkat(text, dir_fd, name);
}

int device_program_get(const struct device_program *p, int dir_fd)
{
	char name[SHARED_NAME_MAX];
	int fd;

	if (dir_fd < 0)
		return load_program_unlocked(p);
	snprintf(name, sizeof(name), SHARED_LINK, p->n % SHARED_NAMES);
	fd = find_shared(p, dir_fd, name);
	if (fd >= 0)
		return fd;
	fd = load_program_unlocked(p);
	if (fd >= 0)
		share(fd, dir_fd, name);
	return fd;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: what a container of the default `hull spec` bundle asks of the kernel, and nothing
 * else. Everything is hard-coded, there are no checks, no state, no record, no second program; a
 * runtime cannot be faster, only nearer.
 *
 *   floor run ROOTFS SECONDS V2 [V1...]   a container with /bin/true, or with /bin/sleep if
 *                                         SECONDS is not 0
 *   floor create ROOTFS SECONDS V2 [V1...]
 *                                         the same, and leaves it behind once it executes its program
 *   floor delete V2 [V1...]               its end
 *   floor exec PID V2 [V1...]             /bin/true in that container
 *   floor mounts SRC DST N                N bind mounts of SRC/0... on DST/0..., in a mount namespace
 *   floor least run|exec ...              the same objects and no more: no rules for devices, no limits
 *                                         and capabilities, no cgroup mount, the loopback interface
 *                                         down; but a short seccomp filter
 *
 * V2 and V1 are the container's cgroup directories: the unified one, or "-" without it, and one
 * for each v1 hierarchy. With no V1 it is a pure v2 machine, and the container gets a cgroup
 * namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MUST(x)	 ((x) < 0 ? fail(#x) : (void)0)

static int least;

static void fail(const char *what)
{
	perror(what);
	_exit(1);
}

/* --- cgroups --- */

static const char *v2; /* NULL: none */
static char **v1;
static int n_v1, v2_fd = -1, tasks[16];

static int open_in(const char *dir, const char *file, int flags)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return open(path, flags | O_CLOEXEC);
}

/* An empty v1 cpuset lets nobody in. */
static void copy_from_parent(const char *dir, const char *file)
{
	char up[64], text[256];
	int from, to;
	ssize_t n;

	snprintf(up, sizeof(up), "../%s", file);
	MUST(from = open_in(dir, up, O_RDONLY));
	MUST(n = read(from, text, sizeof(text)));
	MUST(to = open_in(dir, file, O_WRONLY));
	MUST(write(to, text, (size_t)n));
	close(from);
	close(to);
}

/* The default spec denies all; every runtime allows these. */
static void limit_devices_v1(const char *dir)
{
	static const char *const lines[] = { "c *:* m",	  "b *:* m",	 "c 1:3 rwm",	"c 1:8 rwm",
					     "c 1:7 rwm", "c 5:0 rwm",	 "c 1:5 rwm",	"c 1:9 rwm",
					     "c 5:2 rwm", "c 136:* rwm", "c 10:200 rwm" };
	int deny, allow;

	MUST(deny = open_in(dir, "devices.deny", O_WRONLY));
	MUST(write(deny, "a", 1));
	MUST(allow = open_in(dir, "devices.allow", O_WRONLY));
	for (size_t i = 0; i < COUNT(lines); i++)
		MUST(write(allow, lines[i], strlen(lines[i])));
	close(deny);
	close(allow);
}

#define INSN(c, d, s, o, i)                                                         \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}
#define LOAD(reg, member) \
	INSN(BPF_LDX | BPF_MEM | BPF_W, reg, 1, offsetof(struct bpf_cgroup_dev_ctx, member), 0)
#define ALU(op, reg, imm)      INSN(BPF_ALU64 | (op) | BPF_K, reg, 0, 0, imm)
#define JUMP(op, reg, imm, to) INSN(BPF_JMP | (op) | BPF_K, reg, 0, to, imm)
#define DEVICE(maj, min, to)   JUMP(BPF_JEQ, 3, (maj) << 20 | (min), to)

/* The same rules: mknod of everything, reading and writing of nine devices. */
static void limit_devices_v2(int dir)
{
	static const struct bpf_insn program[] = {
		LOAD(2, access_type),
		LOAD(3, major),
		LOAD(4, minor),
		ALU(BPF_LSH, 3, 20),
		INSN(BPF_ALU64 | BPF_OR | BPF_X, 3, 4, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 5, 2, 0, 0),
		ALU(BPF_AND, 5, (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE) << 16),
		JUMP(BPF_JEQ, 5, 0, 13),
		ALU(BPF_AND, 2, 0xffff),
		JUMP(BPF_JNE, 2, BPF_DEVCG_DEV_CHAR, 13),
		DEVICE(1, 3, 10),
		DEVICE(1, 8, 9),
		DEVICE(1, 7, 8),
		DEVICE(5, 0, 7),
		DEVICE(1, 5, 6),
		DEVICE(1, 9, 5),
		DEVICE(5, 2, 4),
		DEVICE(10, 200, 3),
		ALU(BPF_RSH, 3, 20),
		JUMP(BPF_JEQ, 3, 136, 1),
		JUMP(BPF_JA, 0, 0, 2),
		ALU(BPF_MOV, 0, 1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		ALU(BPF_MOV, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
				.insns = (uintptr_t)program,
				.insn_cnt = COUNT(program),
				.license = (uintptr_t) "Apache-2.0" };
	union bpf_attr attach = { .target_fd = (uint32_t)dir,
				  .attach_type = BPF_CGROUP_DEVICE,
				  .attach_flags = BPF_F_ALLOW_MULTI };
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));

	MUST(fd);
	attach.attach_bpf_fd = (uint32_t)fd;
	MUST(syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)));
	close(fd);
}

static void make_cgroups(void)
{
	if (v2)
		MUST(mkdir(v2, 0755));
	for (int i = 0; i < n_v1; i++) {
		MUST(mkdir(v1[i], 0755));
		if (strstr(v1[i], "/cpuset/")) {
			copy_from_parent(v1[i], "cpuset.cpus");
			copy_from_parent(v1[i], "cpuset.mems");
		}
		if (strstr(v1[i], "/devices/") && !least)
			limit_devices_v1(v1[i]);
	}
}

static void open_cgroups(void)
{
	if (v2)
		MUST(v2_fd = open(v2, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	for (int i = 0; i < n_v1; i++)
		MUST(tasks[i] = open_in(v1[i], "tasks", O_WRONLY));
}

static pid_t fork_into_cgroup(uint64_t namespaces)
{
	struct clone_args args = { .flags = namespaces | (v2 ? CLONE_INTO_CGROUP : 0),
				   .exit_signal = SIGCHLD,
				   .cgroup = v2 ? (uint64_t)v2_fd : 0 };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	MUST(pid);
	for (int i = 0; pid == 0 && i < n_v1; i++)
		MUST(write(tasks[i], "0", 1));
	return pid;
}

/* --- the container's file systems --- */

#define SAFE (MS_NOSUID | MS_NOEXEC | MS_NODEV)

static void mount_all(const char *rootfs)
{
	static const struct {
		const char *path, *type;
		unsigned long flags;
		const char *data;
	} mounts[] = {
		{ "proc", "proc", 0, NULL },
		{ "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k" },
		{ "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=0620,gid=5" },
		{ "dev/shm", "tmpfs", SAFE, "mode=1777,size=65536k" },
		{ "dev/mqueue", "mqueue", SAFE, NULL },
		{ "sys", "sysfs", SAFE | MS_RDONLY, NULL },
	};

	MUST(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL));
	MUST(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL));
	MUST(chdir(rootfs));
	for (size_t i = 0; i < COUNT(mounts); i++) {
		if (!strncmp(mounts[i].path, "dev/", 4))
			MUST(mkdir(mounts[i].path, 0755));
		MUST(mount(mounts[i].type, mounts[i].path, mounts[i].type, mounts[i].flags,
			   mounts[i].data));
	}
}

/* "/sys/fs/cgroup/memory/own/id" -> bound on "sys/fs/cgroup/memory" */
static void bind_cgroup(const char *dir)
{
	const unsigned long flags = SAFE | MS_RELATIME | MS_RDONLY;
	char path[64];

	snprintf(path, sizeof(path), "%.*s",
		 (int)(strcspn(dir + sizeof("/sys/fs/cgroup"), "/") + sizeof("sys/fs/cgroup")),
		 dir + 1);
	MUST(mkdir(path, 0755));
	MUST(mount(dir, path, NULL, MS_BIND, NULL));
	MUST(mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | flags, NULL));
}

static void mount_cgroups(void)
{
	static const char path[] = "sys/fs/cgroup";

	if (!n_v1) {
		MUST(mount("cgroup", path, "cgroup2", SAFE | MS_RELATIME | MS_RDONLY, NULL));
		return;
	}
	MUST(mount("tmpfs", path, "tmpfs", SAFE, "mode=755"));
	for (int i = 0; i < n_v1; i++)
		bind_cgroup(v1[i]);
	if (v2)
		bind_cgroup(v2);
	MUST(mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | SAFE | MS_RDONLY, NULL));
}

static void fill_dev(void)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} nodes[] = {
		{ "dev/null", 1, 3 },	{ "dev/zero", 1, 5 },	 { "dev/full", 1, 7 },
		{ "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 },
	};
	static const char *const links[][2] = {
		{ "/proc/self/fd", "dev/fd" },	     { "/proc/self/fd/0", "dev/stdin" },
		{ "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
		{ "pts/ptmx", "dev/ptmx" },
	};

	umask(0);
	for (size_t i = 0; i < COUNT(nodes); i++)
		MUST(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
	for (size_t i = 0; i < COUNT(links); i++)
		MUST(symlink(links[i][0], links[i][1]));
	umask(022);
}

static void protect_paths(void)
{
	static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
						"/proc/sysrq-trigger" };
	static const char *const masked[] = { "/proc/acpi",	     "/proc/asound",
					      "/proc/kcore",	     "/proc/keys",
					      "/proc/latency_stats", "/proc/timer_list",
					      "/proc/timer_stats",   "/proc/sched_debug",
					      "/sys/firmware",	     "/proc/scsi" };
	const char *empty = NULL; /* the first masked directory; the others get the same tmpfs */
	int r;

	for (size_t i = 0; i < COUNT(readonly); i++) {
		const char *path = readonly[i];

		r = mount(path, path, NULL, MS_BIND | MS_REC, NULL);
		if (r == 0)
			r = mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
		if (r < 0 && errno != ENOENT)
			fail(path);
	}
	for (size_t i = 0; i < COUNT(masked); i++) {
		r = mount("/dev/null", masked[i], NULL, MS_BIND, NULL);
		if (r < 0 && errno == ENOTDIR && empty)
			r = mount(empty, masked[i], NULL, MS_BIND, NULL);
		else if (r < 0 && errno == ENOTDIR)
			r = mount("tmpfs", empty = masked[i], "tmpfs", SAFE | MS_RDONLY,
				  "nr_blocks=1,nr_inodes=1");
		if (r < 0 && errno != ENOENT)
			fail(masked[i]);
	}
}

/* --- the program --- */

static void filter_reboot(void)
{
	static struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_reboot, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = COUNT(f), .filter = f };

	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static void become_program(const char *seconds)
{
	static const uint32_t caps = 1 << CAP_AUDIT_WRITE | 1 << CAP_KILL |
				     1 << CAP_NET_BIND_SERVICE;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { .effective = caps, .permitted = caps } };
	const struct rlimit files = { 1024, 1024 };
	const char *argv[] = { seconds ? "/bin/sleep" : "/bin/true", seconds, NULL };
	const char *env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			      "TERM=xterm", NULL };

	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (least) {
		filter_reboot();
		execve(argv[0], (char **)argv, (char **)env);
		fail(argv[0]);
	}
	MUST(setrlimit(RLIMIT_NOFILE, &files));
	for (int c = 0; c <= CAP_LAST_CAP; c++) {
		if (!(c < 32 && (caps & 1u << c)) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 &&
		    errno != EINVAL)
			fail("PR_CAPBSET_DROP");
	}
	MUST(syscall(SYS_capset, &head, sets));
	execve(argv[0], (char **)argv, (char **)env);
	fail(argv[0]);
}

static void container(const char *rootfs, const char *seconds)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int sock;

	if (!n_v1)
		MUST(syscall(SYS_unshare, CLONE_NEWCGROUP));
	if (!least) {
		MUST(sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
		MUST(ioctl(sock, SIOCSIFFLAGS, &lo));
	}
	mount_all(rootfs);
	if (!least)
		mount_cgroups();
	fill_dev();
	MUST(syscall(SYS_pivot_root, ".", "."));
	MUST(umount2(".", MNT_DETACH));
	MUST(chdir("/"));
	MUST(mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	MUST(sethostname("floor", 5));
	protect_paths();
	become_program(strcmp(seconds, "0") ? seconds : NULL);
}

static int wait_for(pid_t pid)
{
	int status;

	MUST(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int remove_cgroups(int status)
{
	for (int i = 0; i < n_v1; i++)
		MUST(rmdir(v1[i]));
	if (v2)
		MUST(rmdir(v2));
	return status;
}

/* The one process of the container is a child of nobody here. */
static int delete_container(void)
{
	struct pollfd init = { .events = POLLIN };
	char text[32] = "";
	int procs;

	MUST(procs = open_in(n_v1 ? v1[0] : v2, "cgroup.procs", O_RDONLY));
	MUST(read(procs, text, sizeof(text) - 1));
	MUST(init.fd = (int)syscall(SYS_pidfd_open, atoi(text), 0));
	MUST(syscall(SYS_pidfd_send_signal, init.fd, SIGKILL, NULL, 0));
	MUST(poll(&init, 1, -1));
	return remove_cgroups(0);
}

static int only_mounts(const char *src, const char *dst, int n)
{
	char from[4096], to[4096];

	MUST(syscall(SYS_unshare, CLONE_NEWNS));
	MUST(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
	for (int i = 0; i < n; i++) {
		snprintf(from, sizeof(from), "%s/%d", src, i);
		snprintf(to, sizeof(to), "%s/%d", dst, i);
		MUST(mount(from, to, NULL, MS_BIND, NULL));
	}
	return 0;
}

static int work(int argc, char **argv)
{
	const uint64_t namespaces = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
				    CLONE_NEWNS;
	int create = argc > 1 && !strcmp(argv[1], "create");
	int run = create || (argc > 1 && !strcmp(argv[1], "run"));
	int delete = argc > 1 && !strcmp(argv[1], "delete");
	int first = run ? 4 : delete ? 2 : 3, pidfd, status, executed[2];
	pid_t pid;

	if (argc <= first || argc - first > (int)COUNT(tasks))
		return 2;
	v2 = strcmp(argv[first], "-") ? argv[first] : NULL;
	v1 = argv + first + 1;
	n_v1 = argc - first - 1;
	if (delete)
		return delete_container();
	if (run)
		make_cgroups();
	open_cgroups();
	if (!run) {
		MUST(pidfd = (int)syscall(SYS_pidfd_open, atoi(argv[2]), 0));
		MUST(syscall(SYS_setns, pidfd, namespaces | (n_v1 ? 0 : CLONE_NEWCGROUP)));
		pid = fork_into_cgroup(0);
		if (pid == 0)
			become_program(NULL);
		return wait_for(pid);
	}
	if (v2 && !n_v1 && !least)
		limit_devices_v2(v2_fd);
	MUST(pipe2(executed, O_CLOEXEC));
	pid = fork_into_cgroup(namespaces);
	if (pid == 0)
		container(argv[2], argv[3]);
	if (create) {
		close(executed[1]);
		return (int)read(executed[0], &status, 1);
	}
	return remove_cgroups(wait_for(pid));
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "mounts"))
		return only_mounts(argv[2], argv[3], atoi(argv[4]));
	least = argc > 1 && !strcmp(argv[1], "least");
	return work(argc - least, argv + least);
}

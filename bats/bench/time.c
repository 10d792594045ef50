/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures commands.
 *
 *   time run ROUNDS BURST PAUSE -- LABEL COMMAND... [-- LABEL COMMAND...]...
 *
 *     In each of ROUNDS rounds every command has a turn, in a new random order, so that what
 *     disturbs the machine disturbs all alike. BURST 0: a turn is a pause of PAUSE ms and one run.
 *     Otherwise it is BURST runs without a pause, after one that does not count. A command may be
 *     a sequence, timed as one: "a + b" runs b after a, and "a ++ b" first waits until no
 *     descendant of a is left. Of "a -+ b" b alone is timed, of "a +- b" a alone.
 *     Prints for each command, with tabs between: LABEL, the median, the
 *     10th and the 90th percentile of the wall time, the median of user and system time (of all
 *     processes that ended), all in ms, and the number of runs.
 *
 *   time peak PAYLOAD -- COMMAND...
 *
 *     Runs the command once under ptrace and prints the peak resident memory (VmHWM) in kB and the
 *     name of each of its programs: one that ends by exit, and one that execve replaces, is looked
 *     at just before. Programs whose file is PAYLOAD are left out. VmHWM and not ru_maxrss: that
 *     counts what the parent had before execve.
 *
 *   time at-once N COMMAND...
 *
 *     Runs the command N times at the same time, and ends when all have; 1 if one failed.
 *
 *   time in-turn N COMMAND...
 *
 *     The same one after the other, as hooks run.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* --- run --- */

struct command {
	const char *label;
	char **argv; /* "+" and the like are still in it */
	size_t n;
	double *wall, *cpu; /* ms */
};

static int log_fd; /* what the commands print, shown when one fails */

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double cpu_ms(const struct rusage *ru)
{
	return (double)(ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) * 1e3 +
	       (double)(ru->ru_utime.tv_usec + ru->ru_stime.tv_usec) / 1e3;
}

static void failed(const struct command *c, char **argv, int status)
{
	char buf[4096];
	ssize_t n;

	fprintf(stderr, "%s: \"", c->label);
	for (; *argv; argv++)
		fprintf(stderr, "%s%s", *argv, argv[1] ? " " : "");
	fprintf(stderr, "\" ended with wait status %#x\n", (unsigned)status);
	lseek(log_fd, 0, SEEK_SET);
	while ((n = read(log_fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, stderr);
	exit(1);
}

/* One program to its end; returns the CPU time of it and of the descendants that it waited for. */
static double run_program(const struct command *c, char **argv)
{
	posix_spawn_file_actions_t actions;
	struct rusage ru;
	int status, r;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, log_fd, 1);
	posix_spawn_file_actions_adddup2(&actions, log_fd, 2);
	r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	errno = r;
	if (r)
		die(argv[0]);
	while (wait4(pid, &status, 0, &ru) < 0) {
		if (errno != EINTR)
			die("wait4");
	}
	if (status)
		failed(c, argv, status);
	return cpu_ms(&ru);
}

/* Orphans come to us, since we are a subreaper. */
static double reap(int flags)
{
	struct rusage ru;
	double cpu = 0;

	while (wait4(-1, NULL, flags, &ru) > 0)
		cpu += cpu_ms(&ru);
	return cpu;
}

static int is_between(const char *word)
{
	return !word || !strcmp(word, "+") || !strcmp(word, "++") || !strcmp(word, "-+") ||
	       !strcmp(word, "+-");
}

static void run_once(const struct command *c, double *ret_wall, double *ret_cpu)
{
	double start = now_ms(), end = 0, cpu = 0, used;
	char **argv = c->argv;

	for (size_t i = 0; i <= c->n; i++) {
		char *word = c->argv[i];

		if (!is_between(word))
			continue;
		c->argv[i] = NULL;
		used = run_program(c, argv);
		cpu += end > 0 ? 0 : used;
		if (word && !strcmp(word, "++")) {
			cpu += reap(0);
		} else if (word && !strcmp(word, "-+")) {
			cpu = 0;
			start = now_ms();
		} else if (word && !strcmp(word, "+-")) {
			end = now_ms();
		}
		c->argv[i] = word;
		argv = c->argv + i + 1;
	}
	*ret_wall = (end > 0 ? end : now_ms()) - start;
	used = reap(WNOHANG);
	*ret_cpu = cpu + (end > 0 ? 0 : used);
	if (ftruncate(log_fd, 0) < 0 || lseek(log_fd, 0, SEEK_SET) < 0)
		die("empty the log");
}

static void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static void turn(struct command *c, size_t done, size_t burst, long pause)
{
	double ignored;

	if (burst)
		run_once(c, &ignored, &ignored);
	else
		sleep_ms(pause);
	for (size_t i = 0; i < (burst ? burst : 1); i++)
		run_once(c, &c->wall[done + i], &c->cpu[done + i]);
}

static void shuffle(size_t *order, size_t n)
{
	static uint32_t x = 2463534242u; /* Marsaglia's xorshift: the same order in each session */

	for (size_t i = n; i-- > 1;) {
		size_t j, t = order[i];

		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		j = x % (i + 1);
		order[i] = order[j];
		order[j] = t;
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static size_t parse_commands(char **argv, struct command *commands, size_t max)
{
	size_t n = 0;

	while (*argv && n < max) {
		struct command *c = &commands[n++];

		if (strcmp(*argv, "--") || !argv[1] || !argv[2]) {
			fprintf(stderr, "time: expected -- LABEL COMMAND\n");
			exit(2);
		}
		*argv++ = NULL; /* ends the command before */
		c->label = *argv++;
		c->argv = argv;
		while (*argv && strcmp(*argv, "--"))
			argv++;
		c->n = (size_t)(argv - c->argv);
	}
	return n;
}

static int run(char **argv)
{
	size_t rounds = strtoul(argv[0], NULL, 10), burst = strtoul(argv[1], NULL, 10);
	size_t runs = rounds * (burst ? burst : 1), order[8], n;
	long pause = strtol(argv[2], NULL, 10);
	struct command commands[8];
	double ignored;

	n = parse_commands(argv + 3, commands, 8);
	log_fd = memfd_create("log", MFD_CLOEXEC);
	if (!runs || !n || log_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		die("time");
	for (size_t i = 0; i < n; i++) {
		order[i] = i;
		commands[i].wall = calloc(runs, sizeof(double));
		commands[i].cpu = calloc(runs, sizeof(double));
		if (!commands[i].wall || !commands[i].cpu)
			die("calloc");
		run_once(&commands[i], &ignored, &ignored);
	}
	for (size_t r = 0; r < rounds; r++) {
		shuffle(order, n);
		for (size_t i = 0; i < n; i++)
			turn(&commands[order[i]], r * (burst ? burst : 1), burst, pause);
	}
	for (size_t i = 0; i < n; i++) {
		struct command *c = &commands[i];

		qsort(c->wall, runs, sizeof(double), compare);
		qsort(c->cpu, runs, sizeof(double), compare);
		printf("%s\t%.3f\t%.3f\t%.3f\t%.3f\t%zu\n", c->label, c->wall[runs / 2],
		       c->wall[runs / 10], c->wall[runs * 9 / 10], c->cpu[runs / 2], runs);
	}
	return 0;
}

/* --- peak --- */

static struct stat payload;

/* Prints VmHWM and the name of the program that this process is just now. */
static void report(pid_t pid)
{
	char path[64], line[256], name[64] = "?";
	struct stat st;
	long peak = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat(path, &st) < 0 || (st.st_dev == payload.st_dev && st.st_ino == payload.st_ino))
		return;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Name:", 5))
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(line + 6, "\n"),
				 line + 6);
		else if (!strncmp(line, "VmHWM:", 6))
			peak = strtol(line + 6, NULL, 10);
	}
	fclose(f);
	if (peak)
		printf("%ld\t%s\n", peak, name);
}

static int at_execve(pid_t pid)
{
	struct __ptrace_syscall_info info;

	return ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
	       info.op == PTRACE_SYSCALL_INFO_ENTRY &&
	       (info.entry.nr == SYS_execve || info.entry.nr == SYS_execveat);
}

static pid_t start_traced(char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT |
			     PTRACE_O_EXITKILL;
	int go[2], null;
	char byte = 0;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		die("fork");
	if (pid == 0) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (read(go[0], &byte, 1) != 1 || dup2(null, 0) < 0 || dup2(2, 1) < 0)
			_exit(127);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (ptrace(PTRACE_SEIZE, pid, 0, options) < 0)
		die("PTRACE_SEIZE");
	if (write(go[1], &byte, 1) != 1)
		die("write");
	return pid;
}

static int peak(char **argv)
{
	int status, result = 1, begun = 0;
	pid_t first, pid;

	if (!argv[0] || !argv[1] || strcmp(argv[1], "--") || !argv[2] || stat(argv[0], &payload))
		die("time peak PAYLOAD -- COMMAND");
	first = start_traced(argv + 2);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		int sig = 0;

		if (!WIFSTOPPED(status)) {
			if (pid == first)
				result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
			continue;
		}
		if (status >> 16 == PTRACE_EVENT_EXIT)
			report(pid);
		else if (status >> 16)
			begun |= status >> 16 ==
				 PTRACE_EVENT_EXEC; /* from here on it is the command, not we */
		else if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			sig = WSTOPSIG(status);
		else if (begun && at_execve(pid))
			report(pid);
		ptrace(PTRACE_SYSCALL, pid, 0, sig);
	}
	return result;
}

/* --- at-once, in-turn --- */

static int many(int at_once, char **argv)
{
	int n = atoi(argv[0]), failures = 0, status;
	pid_t pid;

	for (int i = 0; i < n; i++) {
		errno = posix_spawnp(&pid, argv[1], NULL, NULL, argv + 1, environ);
		if (errno)
			die(argv[1]);
		if (!at_once && waitpid(pid, &status, 0) == pid)
			failures += status != 0;
	}
	while (waitpid(-1, &status, 0) > 0)
		failures += status != 0;
	return failures > 0;
}

int main(int argc, char **argv)
{
	if (argc > 3 && (!strcmp(argv[1], "at-once") || !strcmp(argv[1], "in-turn")))
		return many(!strcmp(argv[1], "at-once"), argv + 2);
	if (argc > 5 && !strcmp(argv[1], "run"))
		return run(argv + 2);
	if (argc > 4 && !strcmp(argv[1], "peak"))
		return peak(argv + 2);
	fprintf(stderr, "usage: see the head of time.c\n");
	return 2;
}

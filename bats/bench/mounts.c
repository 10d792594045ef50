/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts ROUNDS SRC DST N -- COMMAND0... -- COMMAND1...: what N bind mounts of SRC/0.. on DST/0.. add
 * to a process that makes them by N calls of mount(2), and what they add from COMMAND0 to COMMAND1.
 * All four take turns. Prints both in microseconds, each the difference of the tenths' quantiles.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX 1000

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

_Noreturn static void bare(const char *src, const char *dst, int n)
{
	char from[4096], to[4096];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		err(1, "unshare");
	for (int i = 0; i < n; i++) {
		snprintf(from, sizeof(from), "%s/%d", src, i);
		snprintf(to, sizeof(to), "%s/%d", dst, i);
		if (mount(from, to, NULL, MS_BIND, NULL) < 0)
			err(1, "mount %s", to);
	}
	_exit(0);
}

/* Microseconds until the child has ended: the command, or n mounts. */
static double one(char **argv, const char *src, const char *dst, int n)
{
	double start = now();
	int status;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid == 0 && !argv)
		bare(src, dst, n);
	if (pid == 0) {
		execv(argv[0], argv);
		err(1, "execute %s", argv[0]);
	}
	if (waitpid(pid, &status, 0) < 0 || status)
		errx(1, "a run failed");
	return now() - start;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static double took[4][ROUNDS_MAX];
	int rounds, n, c0 = 6, c1;

	if (argc < 9 || strcmp(argv[5], "--"))
		errx(2, "usage: mounts ROUNDS SRC DST N -- COMMAND0... -- COMMAND1...");
	rounds = atoi(argv[1]);
	n = atoi(argv[4]);
	for (c1 = c0; c1 < argc && strcmp(argv[c1], "--"); c1++)
		;
	if (rounds < 1 || rounds > ROUNDS_MAX || c1 >= argc - 1)
		errx(2, "wrong arguments");
	argv[c1++] = NULL;
	for (int i = 0; i < rounds; i++) {
		took[0][i] = one(NULL, argv[2], argv[3], 0);
		took[1][i] = one(NULL, argv[2], argv[3], n);
		took[2][i] = one(argv + c0, NULL, NULL, 0);
		took[3][i] = one(argv + c1, NULL, NULL, 0);
	}
	for (int k = 0; k < 4; k++)
		qsort(took[k], (size_t)rounds, sizeof(double), by_value);
	printf("%.0f %.0f\n", took[1][rounds / 10] - took[0][rounds / 10],
	       took[3][rounds / 10] - took[2][rounds / 10]);
	return 0;
}

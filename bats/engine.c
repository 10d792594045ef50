/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handler for the tests: says how it was called and what it may do. With "probe" as its last argument it
 * tries to open its own program for writing, by every way there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void status(const char *key)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, strlen(key)))
			printf("%s", line);
	}
	if (f)
		fclose(f);
}

static void probe(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	printf("%s: %s\n", path, fd < 0 ? strerror(errno) : "open for writing");
}

int main(int argc, char **argv)
{
	printf("engine");
	for (int i = 0; i < argc; i++)
		printf(" [%s]", argv[i]);
	printf("\nuid %d gid %d\n", (int)getuid(), (int)getgid());
	status("CapEff:");
	status("NoNewPrivs:");
	status("Seccomp:");
	for (int fd = 3; fd < 64; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			printf("descriptor %d is open\n", fd);
	}
	if (!access("/dev/kvm", F_OK))
		printf("kvm\n");
	if (argc > 1 && !strcmp(argv[argc - 1], "probe"))
		probe("/proc/self/exe");
	if (argc > 1 && !strcmp(argv[argc - 1], "wait")) {
		fflush(stdout);
		pause();
	}
	return 7;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of the container as a tree, and what each is doing. */
#include "cmd/explain/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/cgroup/cgroup.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/proc.h"

struct process {
	pid_t pid, parent, tracer;
	char state;
	unsigned uid;
	uint64_t rss, threads, pending; /* bytes; signals that wait for it, as a mask */
	char waits[64];			/* the function of the kernel that it sleeps in */
	char *command;
	bool told;
};

static const char *state_word(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "uninterruptible";
	case 'T':
		return "stopped";
	case 't':
		return "traced";
	case 'Z':
		return "zombie";
	case 'I':
		return "idle";
	default:
		return "ending";
	}
}

/* The value of "Key:\t" in /proc/PID/status; "" without. */
const char *explain_status(const char *status, const char *key)
{
	size_t n = strlen(key);

	for (const char *l = status; *l; l += strcspn(l, "\n"), l += *l == '\n') {
		if (!strncmp(l, key, n) && l[n] == ':')
			return l + n + 1 + strspn(l + n + 1, " \t");
	}
	return "";
}

/* The words of a command line are apart by NUL; kernel threads and zombies have none, but a name. */
static char *read_command(pid_t pid, const char *status)
{
	const char *name = explain_status(status, "Name");
	char path[PROC_PATH_SIZE];
	char text[512];
	ssize_t n = fd_read_small(AT_FDCWD, proc_path(path, pid, "cmdline"), text, sizeof(text));

	if (n <= 0)
		return xasprintf("[%.*s]", (int)strcspn(name, "\n"), name);
	while (n > 0 && !text[n - 1])
		n--;
	for (ssize_t i = 0; i < n; i++) {
		if (!text[i] || (unsigned char)text[i] < ' ')
			text[i] = ' ';
	}
	return xstrndup(text, (size_t)n);
}

static bool read_process(pid_t pid, struct process *p)
{
	char path[PROC_PATH_SIZE], status[4096];

	if (fd_read_small(AT_FDCWD, proc_path(path, pid, "status"), status, sizeof(status)) <= 0)
		return false;
	*p = (struct process){
		.pid = pid,
		.parent = (pid_t)strtol(explain_status(status, "PPid"), NULL, 10),
		.tracer = (pid_t)strtol(explain_status(status, "TracerPid"), NULL, 10),
		.state = *explain_status(status, "State"),
		.uid = (unsigned)strtoul(explain_status(status, "Uid"), NULL, 10),
		.rss = strtoull(explain_status(status, "VmRSS"), NULL, 10) * 1024,
		.threads = strtoull(explain_status(status, "Threads"), NULL, 10),
		.pending = strtoull(explain_status(status, "SigPnd"), NULL, 16) |
			   strtoull(explain_status(status, "ShdPnd"), NULL, 16),
		.command = read_command(pid, status),
	};
	if (fd_read_small(AT_FDCWD, proc_path(path, pid, "wchan"), p->waits, sizeof(p->waits)) <=
		    0 ||
	    !strcmp(p->waits, "0"))
		p->waits[0] = '\0';
	return true;
}

static void tell(struct explain *x, struct process *p, int depth)
{
	struct json_out *j = &x->json;
	char rss[32];

	p->told = true;
	str_addf(&x->text, "  %7d %6u %-15s %9s  %-22s %*s%s%s\n", (int)p->pid, p->uid,
		 state_word(p->state), explain_bytes(rss, p->rss), p->waits, depth * 2, "",
		 p->command, p->pid == x->init ? "   <- init" : "");
	json_begin(j, NULL, "{");
	json_add_number(j, "pid", p->pid);
	json_add_number(j, "parent", p->parent);
	json_add_number(j, "uid", p->uid);
	json_add_text(j, "state", state_word(p->state));
	json_add_text_if(j, "waitsIn", p->waits);
	json_add_number(j, "rss", (int64_t)p->rss);
	json_add_number(j, "threads", (int64_t)p->threads);
	if (p->tracer)
		json_add_number(j, "tracer", p->tracer);
	json_add_text(j, "command", p->command);
	json_end(j, "}");
}

/* Below a parent; a tree of processes is as deep as it likes, so the depth that is shown ends. */
static void tell_children(struct explain *x, struct process *all, size_t n, pid_t parent, int depth)
{
	for (size_t i = 0; i < n; i++) {
		if (all[i].told || all[i].parent != parent)
			continue;
		tell(x, &all[i], depth);
		if (depth < 40)
			tell_children(x, all, n, all[i].pid, depth + 1);
	}
}

static void find_trouble(struct explain *x, const struct process *p)
{
	bool killed = p->pending & 1u << 8; /* SIGKILL */

	if (p->tracer)
		explain_trouble(x, "process %d is traced by process %d", (int)p->pid,
				(int)p->tracer);
	if (killed && p->state == 'D')
		explain_trouble(
			x,
			"process %d was killed and cannot die while it waits in %s: a file system "
			"(NFS, FUSE) or a device does not answer",
			(int)p->pid, *p->waits ? p->waits : "the kernel");
	else if (p->state == 'D' && x->status != STATUS_PAUSED)
		explain_trouble(x, "process %d waits uninterruptibly%s%s", (int)p->pid,
				*p->waits ? " in " : "", p->waits);
	if (p->state == 'T')
		explain_trouble(x, "process %d is stopped: SIGCONT lets it go on", (int)p->pid);
}

static void count_zombies(struct explain *x, const struct process *all, size_t n)
{
	size_t zombies = 0;

	for (size_t i = 0; i < n; i++)
		zombies += all[i].state == 'Z';
	if (zombies > 10)
		explain_trouble(x, "%zu zombies: its first process does not wait for its children",
				zombies);
}

static void tell_all(struct explain *x, struct process *all, size_t n)
{
	str_addf(&x->text, "  %7s %6s %-15s %9s  %-22s %s\n", "PID", "UID", "STATE", "RSS",
		 "WAITS IN", "COMMAND");
	for (size_t i = 0; i < n; i++) {
		if (all[i].pid != x->init)
			continue;
		tell(x, &all[i], 0);
		tell_children(x, all, n, x->init, 1);
	}
	/* Others came in by exec, or have lost their parent. */
	for (size_t i = 0; i < n; i++) {
		if (all[i].told)
			continue;
		tell(x, &all[i], 0);
		tell_children(x, all, n, all[i].pid, 1);
	}
	for (size_t i = 0; i < n; i++)
		find_trouble(x, &all[i]);
	count_zombies(x, all, n);
}

void explain_processes(struct explain *x)
{
	auto_free struct process *all = NULL;
	auto_free pid_t *pids = NULL;
	size_t n = 0, found = 0;
	struct err e;

	if (x->r->cgroup.n == 0 || cgroup_pids(&x->r->cgroup, &pids, &n, &e) < 0 || !n) {
		pids = xmalloc(sizeof(*pids));
		pids[0] = x->init;
		n = 1;
	}
	all = xzalloc(n * sizeof(*all));
	for (size_t i = 0; i < n; i++)
		found += read_process(pids[i], &all[found]);
	str_add(&x->text, "\nprocesses\n");
	json_begin(&x->json, "processes", "[");
	tell_all(x, all, found);
	json_end(&x->json, "]");
	for (size_t i = 0; i < found; i++)
		free(all[i].command);
}

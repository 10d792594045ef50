/* SPDX-License-Identifier: Apache-2.0 */
/* `hull ps`: the processes in a container's cgroups, as the host's ps shows them or as numbers. */
#include "cmd/line/cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/line/options.h"
#include "nsexec/process/process.h"
#include "state/cgroup/cgroup.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/pid_ns.h"
#include "state/record.h"
#include "state/status.h"
#include "state/base/str.h"

#define OUTPUT_MAX ((size_t)64 << 20)

struct options {
	const char *format;
};

static const struct option_row options[] = {
	{ "format", "f", OPT_STRING, offsetof(struct options, format),
	  "select one of: table or json", "\"table\"", 0, NULL },
	{ 0 },
};

static int print_json(const pid_t *pids, size_t n, struct err *e)
{
	auto_str struct str out = { 0 };

	for (size_t i = 0; i < n; i++)
		str_addf(&out, "%s%d", i ? "," : "[", (int)pids[i]);
	str_add(&out, n ? "]\n" : "null\n");
	return cmd_print(&out, e);
}

/* What ps prints when it is run with these options; the caller frees it. */
static int run_ps(char **args, char **ret, struct err *e)
{
	static char name[] = "ps", all[] = "-ef", *by_default[] = { all, NULL };
	auto_close int out = memfd_create("hull-ps", MFD_CLOEXEC);
	auto_free char *ps = fd_find_program("ps");
	auto_free char **argv = NULL;
	struct process_result result;
	size_t n = 0;

	if (!ps)
		return err_set(e, ENOENT, "exec: \"ps\": executable file not found in $PATH");
	if (out < 0)
		return err_sys(e, "memfd_create");
	args = *args ? args : by_default;
	while (args[n])
		n++;
	argv = xmalloc((n + 2) * sizeof(*argv));
	argv[0] = name;
	memcpy(argv + 1, args, (n + 1) * sizeof(*argv));
	struct process p = { .path = ps, .argv = argv, .stdout_fd = out };
	if (process_run(&p, &result, e) < 0)
		return -1;
	if (!process_succeeded(&result))
		return err_set(e, EINVAL, "ps: %s: %s", result.how, result.errors);
	if (lseek(out, 0, SEEK_SET) < 0)
		return err_sys(e, "read the output of ps");
	return fd_read_all(out, OUTPUT_MAX, ret, NULL, e);
}

/* The start of the n-th word of line, or NULL. */
static const char *word(const char *line, int n)
{
	for (;; n--) {
		line += strspn(line, " \t");
		if (!*line || !n)
			return *line ? line : NULL;
		line += strcspn(line, " \t");
	}
}

static int pid_column(const char *title)
{
	const char *w;

	for (int i = 0; (w = word(title, i)); i++) {
		if (!strncmp(w, "PID", 3) && (!w[3] || strchr(" \t", w[3])))
			return i;
	}
	return -1;
}

static bool is_among(const char *line, int column, const pid_t *pids, size_t n)
{
	const char *w = word(line, column);
	long pid = w ? strtol(w, NULL, 10) : 0;

	for (size_t i = 0; i < n; i++) {
		if (pids[i] == pid)
			return true;
	}
	return false;
}

static int print_table(char *text, const pid_t *pids, size_t n, struct err *e)
{
	auto_str struct str out = { 0 };
	char *line = strsep(&text, "\n");
	int column = pid_column(line);

	if (column < 0)
		return err_set(e, EINVAL, "couldn't find PID field in ps output");
	str_addf(&out, "%s\n", line);
	while ((line = strsep(&text, "\n"))) {
		if (is_among(line, column, pids, n))
			str_addf(&out, "%s\n", line);
	}
	return cmd_print(&out, e);
}

static int find_pids(const struct container *c, const struct record *r, pid_t **ret, size_t *ret_n,
		     struct err *e)
{
	if (!record_same_boot(r))
		return 0;
	if (r->cgroup.n == 0) {
		if (status_of(c, r, NULL) == STATUS_STOPPED)
			return 0;
		if (r->in_pid_ns && pid_ns_pids(r->pid, ret, ret_n, e) == 0)
			return 0;
		return err_set(e, ENOTSUP,
			       "unable to get all container pids: the container has no cgroup%s",
			       r->in_pid_ns ? "" : " and no PID namespace of its own");
	}
	if (cgroup_pids(&r->cgroup, ret, ret_n, e) < 0)
		return err_wrap(e, "unable to get all container pids");
	return 0;
}

static int run(struct invocation *inv, struct err *e)
{
	const struct options *o = inv->options;
	auto_container struct container c = CONTAINER_INIT;
	auto_record struct record r = { 0 };
	auto_free pid_t *pids = NULL;
	auto_free char *text = NULL;
	size_t n = 0;

	if (status_load(&inv->globals->root, inv->args[0], STATUS_NO_LOCK, &c, &r, NULL, e) < 0 ||
	    find_pids(&c, &r, &pids, &n, e) < 0)
		return -1;
	if (o->format && !strcmp(o->format, "json"))
		return print_json(pids, n, e);
	if (o->format && strcmp(o->format, "table") != 0)
		return err_set(e, EINVAL, "invalid format option");
	if (run_ps(inv->args + 1, &text, e) < 0)
		return -1;
	return print_table(text, pids, n, e);
}

const struct command ps_command = {
	.name = "ps",
	.args = "<container-id> [ps options]",
	.usage = "ps displays the processes running inside a container",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = -1,
	.stop_at_arg = 1,
	.run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* The command, and a container as the last proof. */
#include "cmd/doctor/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/line/json_out.h"
#include "cmd/line/options.h"
#include "nsexec/process/process.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

/* --- A container ------------------------------------------------------------------------------ */

/* Of the line 'time="..." level=error msg="words"' the words. */
static char *message_of(const char *line)
{
	const char *at = strstr(line, "msg=\"");
	auto_str struct str out = { 0 };

	if (!at)
		return xstrdup(line);
	for (at += strlen("msg=\""); *at && *at != '"'; at++) {
		at += *at == '\\' && at[1];
		str_add_n(&out, at, 1);
	}
	return xstrdup(str_get(&out));
}

/* A root file system that is empty but for hull itself, as the program. */
static int run_container(const struct doctor *d, const char *dir, char **ret_said)
{
	auto_free char *state = path_join(dir, "state"), *rootfs = path_join(dir, "rootfs");
	char *const argv[] = { (char[]){ "hull" },
			       (char[]){ "--root" },
			       state,
			       (char[]){ "--cgroup-manager" },
			       (char *)(uintptr_t)(d->g->no_cgroup	? "disabled" :
						   d->g->systemd_cgroup ? "systemd" :
									  "cgroupfs"),
			       (char[]){ "run" },
			       (char[]){ "--rootfs" },
			       rootfs,
			       (char[]){ "-v" },
			       (char[]){ "/proc/self/exe:/hull" },
			       (char[]){ "hull-doctor" },
			       (char[]){ "/hull" },
			       (char[]){ "--version" },
			       NULL };
	struct process_result res = { 0 };
	struct err e;

	if (mkdir(rootfs, 0755) < 0) {
		*ret_said = xasprintf("%s: %s", rootfs, errno_text(errno));
		return -1;
	}
	if (process_run(&(struct process){ .path = "/proc/self/exe",
					   .argv = argv,
					   .timeout_ms = 10000 },
			&res, &e) < 0)
		*ret_said = xstrdup(e.chain);
	else if (!process_succeeded(&res))
		*ret_said = *res.errors ? message_of(res.errors) : xstrdup(res.how);
	return *ret_said ? -1 : 0;
}

/* What is for the next container, of which there will be none (cgroup_program.c). */
static void empty_state(const char *path)
{
	auto_free char *name = path_join(path, "state");
	DIR *d = opendir(name);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
}

/* A tree without links to follow: what hull made below rootfs as mount points. */
static void remove_tree(const char *path)
{
	static const char *const made[] = { "rootfs/hull",
					    "rootfs/proc",
					    "rootfs/dev",
					    "rootfs/sys",
					    "rootfs/etc/resolv.conf",
					    "rootfs/etc/hosts",
					    "rootfs/etc",
					    "rootfs",
					    "state",
					    "" };

	empty_state(path);
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		auto_free char *name = path_join(path, made[i]);

		if (unlink(name) < 0)
			rmdir(name);
	}
}

void doctor_trial(struct doctor *d)
{
	auto_free char *dir = xasprintf("%s.doctor-XXXXXX", d->g->root.path), *said = NULL;
	int64_t began;
	struct err e;

	d->needed = true;
	/* Its program is hull itself, which has to do without a loader. */
	if (getauxval(AT_BASE)) {
		doctor_say(d, DOCTOR_UNSEEN, "a container", "this hull is not a static program",
			   NULL, NULL);
		return;
	}
	if (fd_make_parents(dir, &e) < 0 || !mkdtemp(dir)) {
		auto_free char *seen = xasprintf("%s: %s", dir, errno_text(errno));

		doctor_say(d, DOCTOR_MISSING, "a container", seen, "none can be made", NULL);
		return;
	}
	began = sys_now_ms();
	if (run_container(d, dir, &said) == 0)
		doctor_works(d, "a container", "made, run and deleted in %lld ms",
			     (long long)(sys_now_ms() - began));
	else
		doctor_say(d, DOCTOR_MISSING, "a container", said,
			   "the configuration of \"hull spec\" does not run here", NULL);
	remove_tree(dir);
}

/* --- The command ------------------------------------------------------------------------------ */

struct options {
	const char *format;
};

static const struct option_row options[] = {
	OPTION(options, format, "format", "f", OPT_STRING, "'text' (default) or 'json'"),
	{ 0 },
};

static const struct {
	const char *name;
	void (*look)(struct doctor *d);
} groups[] = {
	{ "machine", doctor_machine }, { "namespaces", doctor_namespaces },
	{ "ids", doctor_ids },	       { "cgroups", doctor_cgroups },
	{ "mounts", doctor_mounts },   { "processes", doctor_processes },
	{ "seccomp", doctor_seccomp }, { "security", doctor_security },
	{ "network", doctor_network }, { "services", doctor_services },
	{ "trial", doctor_trial },
};

static void hold_signals(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, old);
}

static void done(struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].seen);
		free(d->v[i].cost);
		free(d->v[i].advice);
	}
	free(d->v);
}

static int run(struct invocation *inv, struct err *e)
{
	const struct options *o = inv->options;
	struct doctor d = { .g = inv->globals, .root = geteuid() == 0 };
	bool json;
	auto_str struct str out = { 0 };
	sigset_t old;
	int r;

	if (json_wanted(o->format, &json, e) < 0)
		return -1;
	/* What was made for a trial is removed before an end that is asked for. */
	hold_signals(&old);
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		d.group = groups[i].name;
		groups[i].look(&d);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (json)
		doctor_json(&d, &out);
	else
		doctor_text(&d, &out);
	r = cmd_print(&out, e) < 0 ? -1 : doctor_fails(&d);
	done(&d);
	return r;
}

const struct command doctor_command = {
	.name = "doctor",
	.usage =
		"tries what this machine can do for containers, and says what to do about the rest",
	.description =
		"Each line is about one thing that hull uses: \"works\"; \"limited\" or\n"
		"   \"missing\", with what that costs and, behind \"->\", what to do; or\n"
		"   \"unseen\", what could not be looked at. All is tried and nothing is left\n"
		"   behind. The exit status is 0 when a default container (hull spec) runs\n"
		"   here for the user who asks, and 1 when not.",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 0,
	.max_args = 0,
	.run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hull's main: global options, then the row of the command does the rest. An error ends here, as
 * one line of the log. The stages of a container's birth come here, too, behind the constructor in
 * nsexec/nsexec.c, and are sent on to init/.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cmd/line/cmd.h"
#include "cmd/line/help.h"
#include "cmd/line/options.h"
#include "cmd/shim/shim.h"
#include "init/init.h"
#include "nsexec/nsexec.h"
#include "state/cgroup/cgroup.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/systemd/systemd.h"
#include "state/base/trace.h"

#define EXIT_UNKNOWN_COMMAND 3

/*
 * A descriptor that hull opens must not become the container's stdin because the caller had none.
 * One poll(2) finds all that are closed (POLLNVAL).
 */
static void open_stdio(void)
{
	struct pollfd p[3] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };

	if (poll(p, 3, 0) <= 0)
		return;
	for (int i = 0; i < 3; i++) {
		/* The lowest free number is i: all below it are open by now. */
		if ((p[i].revents & POLLNVAL) &&
		    open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC) == i)
			fd_set_cloexec(i, false);
	}
}

__attribute__((noinline)) static int print(const struct str *s)
{
	struct err e;

	if (cmd_print(s, &e) == 0)
		return 0;
	log_error(&e);
	return 1;
}

static int fail(const struct err *e, int code)
{
	log_error(e);
	return code;
}

/* A wrong command line: what is wrong and the help on stdout, and the error in the log. */
static int bad_usage(const char *sep, const char *detail, const struct err *e,
		     const struct command *c)
{
	auto_str struct str out = { 0 };

	str_addf(&out, "Incorrect Usage%s%s\n\n", sep, detail);
	if (c)
		help_command(c, &out);
	else
		help_app(&out);
	(void)print(&out);
	return fail(e, 1);
}

static int show_help(const struct command *c)
{
	auto_str struct str out = { 0 };

	if (c)
		help_command(c, &out);
	else
		help_app(&out);
	return print(&out);
}

static const struct command *find_command(const char *name)
{
	for (const struct command *const *c = commands; *c; c++) {
		if (!strcmp((*c)->name, name))
			return *c;
	}
	return NULL;
}

/*
 * `help`, `help COMMAND`, no command at all, or an unknown one. Not inlined, as print() and run_traced():
 * their errors would take room on the stack of every command.
 */
__attribute__((noinline)) static int run_help(char **args, int n_args)
{
	const char *topic = n_args ? args[0] : NULL;
	const struct command *c;
	struct err e;

	if (topic && (!strcmp(topic, "help") || !strcmp(topic, "h")))
		topic = n_args > 1 ? args[1] : NULL;
	if (!topic)
		return show_help(NULL);
	c = find_command(topic);
	if (c)
		return show_help(c);
	err_set(&e, EINVAL, "No help topic for '%s'", topic);
	return fail(&e, EXIT_UNKNOWN_COMMAND);
}

static int check_count(const struct command *c, const void *options, int n, struct err *e)
{
	if (n >= c->min_args && c->takes_command && c->takes_command(options))
		return 0;
	if (c->min_args == c->max_args && n != c->min_args)
		return err_set(e, EINVAL, "%s: \"%s\" requires exactly %d argument(s)",
			       program_name, c->name, c->min_args);
	if (n < c->min_args)
		return err_set(e, EINVAL, "hull: \"%s\" requires a minimum of %d argument(s)",
			       c->name, c->min_args);
	if (c->max_args >= 0 && n > c->max_args)
		return err_set(e, EINVAL, "hull: \"%s\" requires a maximum of %d argument(s)",
			       c->name, c->max_args);
	return 0;
}

/* The options live until hull ends; malloc(3) would ask the kernel for a page for some of them. */
static void *options_space(size_t n)
{
	static _Alignas(16) char space[512];

	return n <= sizeof(space) ? space : xzalloc(n);
}

/* --trace before the command, or among its options. */
static const char *trace_wish(const struct globals *g, const struct command *c, const void *options)
{
	for (const struct option_row *o = option_first(c->options); o; o = option_next(o)) {
		const char *wish;

		if (strcmp(o->name, "trace") != 0)
			continue;
		memcpy(&wish, (const char *)options + o->offset, sizeof(wish));
		return str_empty(wish) ? g->trace : wish;
	}
	return g->trace;
}

__attribute__((noinline)) static int run_traced(struct invocation *inv, const char *file,
						int fail_code)
{
	auto_free char *name = xasprintf("hull %s%s%s", inv->command->name, inv->n_args ? " " : "",
					 inv->n_args ? inv->args[0] : "");
	struct err e, second;
	int64_t began;
	int r;

	trace_on = true;
	began = trace_clock();
	r = inv->command->run(inv, &e);
	trace_add("hull", name, began, trace_clock());
	/* What the command was for has been done: no trace is not its failure. */
	if (trace_write(file, name, &second) < 0)
		log_warn("%s", second.chain);
	return r < 0 ? fail(&e, fail_code) : r;
}

static int run_command_row(struct globals *g, const struct command *c, char **argv, struct err *e)
{
	void *options = options_space(c->options_size);
	struct parse p = { .rows = c->options, .dst = options, .stop_at_arg = c->stop_at_arg };
	struct invocation inv = { .globals = g, .command = c, .options = options, .args = argv };
	int code = c->fail_code ? c->fail_code : 1, r;

	if (options_parse(&p, argv, e) < 0)
		return bad_usage(": ", e->chain, e, c);
	if (p.help)
		return show_help(c);
	if (check_count(c, options, p.n_args, e) < 0)
		return bad_usage(".", "", e, c);
	if (root_find(g->root_option, &g->root, e) < 0)
		return fail(e, 1);
	inv.n_args = p.n_args;
	inv.dashes_first = p.dashes_first;
	if (!str_empty(trace_wish(g, c, options)))
		return run_traced(&inv, trace_wish(g, c, options), code);
	r = c->run(&inv, e);
	return r < 0 ? fail(e, code) : r;
}

static int check_rootless(const struct globals *g, struct err *e)
{
	static const char *const words[] = { "auto", "true", "false", "1", "0", "" };

	for (size_t i = 0; g->rootless && i < ARRAY_SIZE(words); i++) {
		if (!strcmp(g->rootless, words[i]))
			return 0;
	}
	if (!g->rootless)
		return 0;
	return err_set(e, EINVAL, "invalid --rootless: \"%s\" is not true, false or auto",
		       g->rootless);
}

static int set_missing_controllers(const char *word, struct err *e)
{
	static const char *const words[] = {
		[CGROUP_MISSING_ERROR] = "error",
		[CGROUP_MISSING_WARN] = "warn",
		[CGROUP_MISSING_IGNORE] = "ignore",
	};

	for (size_t i = 0; word && i < ARRAY_SIZE(words); i++) {
		if (!strcmp(word, words[i])) {
			cgroup_set_missing((enum cgroup_missing)i);
			return 0;
		}
	}
	return !word ? 0 :
		       err_set(e, EINVAL,
			       "invalid --missing-controllers: \"%s\" is not error, warn or ignore",
			       word);
}

static int set_cgroup_manager(struct globals *g, struct err *e)
{
	const char *name = g->cgroup_manager;

	if (!name)
		return 0;
	if (!strcmp(name, "systemd")) {
		g->systemd_cgroup = true;
		return 0;
	}
	g->no_cgroup = !strcmp(name, "disabled");
	if (!g->no_cgroup && strcmp(name, "cgroupfs") != 0)
		return err_set(e, EINVAL,
			       "invalid --cgroup-manager: \"%s\" is not cgroupfs, systemd or "
			       "disabled",
			       name);
	if (g->systemd_cgroup)
		return err_set(e, EINVAL, "--systemd-cgroup excludes --cgroup-manager %s", name);
	return 0;
}

static int set_systemd_timeout(const char *text, struct err *e)
{
	uint64_t seconds;

	if (!text)
		return 0;
	if (!str_to_u64(text, &seconds) || !seconds || seconds > 86400)
		return err_set(e, EINVAL,
			       "invalid --systemd-timeout: \"%s\" is not a number of seconds, 1 to "
			       "86400",
			       text);
	systemd_set_timeout((int)seconds * 1000);
	return 0;
}

static int open_log(const struct globals *g, struct err *e)
{
	bool json = g->log_format && !strcmp(g->log_format, "json");

	if (!str_empty(g->log_format) && !json && strcmp(g->log_format, "text") != 0)
		return err_set(e, EINVAL, "invalid log-format: %s", g->log_format);
	return log_open(g->log, json, g->debug, g->log_level, e);
}

/* "hull-NAME" and "crun-NAME" (of the packages crun-wasm and crun-krun) ask for a handler. */
static void find_own_name(struct globals *g, const char *called)
{
	const char *slash = strrchr(called, '/');

	const char *name = slash ? slash + 1 : called;

	if (!strcmp(name, "runc"))
		program_name = "runc";
	else if (!strcmp(name, "crun"))
		program_name = "crun";
	else if (str_starts(name, "hull-") || str_starts(name, "crun-"))
		g->handler = name + strlen("hull-");
}

static int hull_main(int argc, char **argv)
{
	struct globals g = { 0 };
	struct parse p = { .rows = global_options, .dst = &g, .stop_at_arg = 1 };
	const struct command *c;
	struct err e;

	if (argc > 0)
		find_own_name(&g, argv[0]);
	open_stdio();
	/* Ignored by the caller, it would take the exit codes of our children away. */
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	argv += argc > 0;
	if (options_parse(&p, argv, &e) < 0)
		return bad_usage(". ", e.chain, &e, NULL);
	if (p.help)
		return show_help(NULL);
	if (g.version) {
		auto_str struct str out = { 0 };

		version_text(g.verbose, &out);
		return print(&out);
	}
	if (open_log(&g, &e) < 0 || check_rootless(&g, &e) < 0 ||
	    set_missing_controllers(g.missing_controllers, &e) < 0 ||
	    set_cgroup_manager(&g, &e) < 0 || set_systemd_timeout(g.systemd_timeout, &e) < 0)
		return fail(&e, 1);
	if (!str_empty(g.criu))
		log_debug("--criu is ignored: criu is looked up in PATH");
	c = p.n_args ? find_command(argv[0]) : NULL;
	return c ? run_command_row(&g, c, argv + 1, &e) : run_help(argv, p.n_args);
}

int main(int argc, char **argv)
{
	const struct shim_host host = { hull_main, hull_version, hull_commit };

	if (nsexec_sync_sock() >= 0)
		init_main();
	if (argc > 0 && shim_is_called(argv[0]))
		return shim_main(argc, argv, &host);
	return hull_main(argc, argv);
}

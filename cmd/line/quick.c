/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --rootfs: from options to the default configuration (cmd/line/compose.h). Runs in hull, with the
 * rights of its caller, before anything is made. Memory that is allocated here stays until hull ends.
 */
#include "cmd/line/quick.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init/mount/mount_options.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#define MEMORY_MIN   (512 << 10) /* bytes: the least with which bats/run.bats starts a container */
#define ENV_FILE_MAX ((size_t)1 << 20)
#define RO_TREE	     "ro,rro" /* docker's ro: this mount, and those below it */

int quick_check(const struct option_row *rows, const void *options, const struct quick_options *o,
		const char *bundle, const char *config_file, struct err *e)
{
	if (!o->rootfs)
		return options_check_flag(rows, options, OPTION_QUICK, "goes with --rootfs only",
					  e);
	if (!*o->rootfs)
		return err_set(e, EINVAL, "--rootfs needs the name of a directory");
	if (config_file)
		return err_set(
			e, EINVAL,
			"--rootfs and --config exclude each other: one makes what the other names");
	if (bundle)
		return err_set(e, EINVAL,
			       "--rootfs and --bundle exclude each other: a bundle names its own "
			       "root file system");
	return 0;
}

/* --- Environment ------------------------------------------------------------------------------ */

/* entry is NAME=VALUE; it takes the place of one with this name. */
static void put_env(struct strings *env, const char *entry)
{
	size_t name = strcspn(entry, "=") + 1, i = 0;

	while (i < env->n && strncmp(env->v[i], entry, name) != 0)
		i++;
	if (i == env->n) {
		env->v = xrealloc(env->v, (env->n + 2) * sizeof(*env->v));
		env->v[++env->n] = NULL;
	}
	env->v[i] = entry;
}

/* NAME=VALUE, or NAME, which is left out when it is not set here. */
static int add_env(struct strings *env, const char *entry, struct err *e)
{
	const char *value;

	if (!*entry || *entry == '=')
		return err_set(e, EINVAL, "\"%s\" has no name before the \"=\"", entry);
	if (strchr(entry, '=')) {
		put_env(env, entry);
		return 0;
	}
	value = getenv(entry);
	if (value)
		put_env(env, xasprintf("%s=%s", entry, value));
	return 0;
}

/* Lines as docker takes them: nothing is quoted, # begins a comment in the first column. */
static int add_env_file(struct strings *env, const char *path, struct err *e)
{
	char *text, *rest, *line;
	int n = 0;

	if (fd_read_file(AT_FDCWD, path, ENV_FILE_MAX, &text, NULL, e) < 0)
		return err_wrap(e, "--env-file");
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		size_t name;

		n++;
		line[strcspn(line, "\r")] = '\0';
		line += strspn(line, " \t");
		name = strcspn(line, "=");
		if (!*line || *line == '#')
			continue;
		if (strcspn(line, " \t") < name)
			return err_set(e, EINVAL,
				       "--env-file %s, line %d: \"%.*s\" is no name of a variable",
				       path, n, (int)name, line);
		if (add_env(env, line, e) < 0)
			return err_wrap(e, "--env-file %s, line %d", path, n);
	}
	return 0;
}

static int parse_env(const struct quick_options *o, struct compose *c, struct err *e)
{
	for (const char *const *d = compose_default_env; *d; d++)
		put_env(&c->env, *d);
	for (size_t i = 0; i < o->env_files.n; i++) {
		if (add_env_file(&c->env, o->env_files.v[i], e) < 0)
			return -1;
	}
	for (size_t i = 0; i < o->env.n; i++) {
		if (add_env(&c->env, o->env.v[i], e) < 0)
			return err_wrap(e, "--env");
	}
	return 0;
}

/* --- Volumes ---------------------------------------------------------------------------------- */

static bool is_mount_option(const char *o, size_t n)
{
	const char *name;

	for (unsigned i = 0; (name = mount_option_name(i)); i++) {
		if (strlen(name) == n && !strncmp(name, o, n))
			return true;
	}
	return !strncmp(o, "idmap=", 6) || !strncmp(o, "ridmap=", 7);
}

/* *ret is what the mount gets: "ro" means all below, too. */
static int parse_mount_options(const char *options, const char **ret, struct err *e)
{
	struct str out = { 0 };

	for (const char *o = options; o && *o; o += *o == ',') {
		size_t n = strcspn(o, ",");
		bool ro = n == 2 && !strncmp(o, "ro", 2);

		if (n && !is_mount_option(o, n))
			return err_set(e, EINVAL, "\"%.*s\" is no mount option", (int)n, o);
		if (n && out.n)
			str_add(&out, ",");
		str_add_n(&out, ro ? RO_TREE : o, ro ? strlen(RO_TREE) : n);
		o += n;
	}
	*ret = out.s;
	return 0;
}

static int parse_volume(const char *value, struct compose_bind *ret, struct err *e)
{
	char *parts[4], *rest = xstrdup(value);
	size_t n = 0;

	while (rest && n < ARRAY_SIZE(parts))
		parts[n++] = strsep(&rest, ":");
	if (n < 2 || n > 3 || !*parts[0] || !*parts[1])
		return err_set(e, EINVAL,
			       "expected SRC:DST or SRC:DST:OPTIONS (a path with a colon in it "
			       "cannot be given)");
	if (*parts[1] != '/')
		return err_set(e, EINVAL, "%s is not an absolute path in the container", parts[1]);
	ret->source = parts[0];
	ret->destination = path_clean(parts[1]);
	if (!strcmp(ret->destination, "/"))
		return err_set(e, EINVAL, "the container's root is given by --rootfs");
	return n < 3 ? 0 : parse_mount_options(parts[2], &ret->options, e);
}

/* The host's name server and names, for a container in its network. */
static const struct compose_bind host_files[] = {
	{ "/etc/resolv.conf", "/etc/resolv.conf", RO_TREE },
	{ "/etc/hosts", "/etc/hosts", RO_TREE },
};

static int parse_volumes(const struct quick_options *o, struct compose *c, struct err *e)
{
	struct compose_bind *binds =
		xzalloc((o->volumes.n + ARRAY_SIZE(host_files)) * sizeof(*binds));

	c->binds = binds;
	for (size_t i = 0; i < ARRAY_SIZE(host_files) && !c->own_net; i++)
		binds[c->n_binds++] = host_files[i];
	for (size_t i = 0; i < o->volumes.n; i++) {
		if (parse_volume(o->volumes.v[i], &binds[c->n_binds++], e) < 0)
			return err_wrap(e, "--volume %s", o->volumes.v[i]);
	}
	return 0;
}

/* --- Numbers and words ------------------------------------------------------------------------ */

/* 1024, 64m, 1.5G, 512MiB: the units are powers of 1024 in every spelling, as docker has them. */
static int parse_memory(const char *s, int64_t *ret, struct err *e)
{
	static const char units[] = "bkmgt";
	double v;
	size_t n = str_decimal(s, &v);
	const char *unit = s + n, *which = *unit ? strchr(units, *unit | 0x20) : units;
	const char *rest = *unit ? unit + 1 : unit;

	if (!n || !which || (*rest && strcasecmp(rest, "b") != 0 && strcasecmp(rest, "ib") != 0) ||
	    (*rest && which == units))
		return err_set(e, EINVAL,
			       "--memory %s: expected a number of bytes, or one with the "
			       "unit k, m or g, such as 64m",
			       s);
	for (; which > units; which--)
		v *= 1024;
	if (v < MEMORY_MIN)
		return err_set(e, EINVAL,
			       "--memory %s: %.0f bytes are too few, it takes 512k at "
			       "least (64m are 64 MiB)",
			       s, v);
	if (v >= 9.2e18)
		return err_set(e, ERANGE, "--memory %s is out of range", s);
	*ret = (int64_t)v;
	return 0;
}

static int parse_cpus(const char *s, int64_t *ret, struct err *e)
{
	double v;
	size_t n = str_decimal(s, &v);

	if (!n || s[n])
		return err_set(e, EINVAL, "--cpus %s: expected a number, such as 0.5 or 2", s);
	/* The kernel takes no quota below 1 ms. */
	if (v < 0.01 || v > 10000)
		return err_set(e, ERANGE, "--cpus %s: expected 0.01 to 10000", s);
	*ret = (int64_t)(v * COMPOSE_CPU_PERIOD + 0.5);
	return 0;
}

static bool parse_id(const char *s, uint32_t *ret)
{
	uint64_t v;

	if (!str_to_u64(s, &v) || v >= UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static int parse_user(const char *s, struct compose *c, struct err *e)
{
	auto_free char *copy = xstrdup(s);
	char *gid = copy, *uid = strsep(&gid, ":");

	if (!parse_id(uid, &c->uid) || (gid && !parse_id(gid, &c->gid)))
		return err_set(e, EINVAL,
			       "--user %s: expected the numbers UID or UID:GID (names are not "
			       "looked up)",
			       s);
	return 0;
}

static int parse_net(const char *s, bool *ret_own, struct err *e)
{
	*ret_own = str_empty(s) || !strcmp(s, "none");
	if (*ret_own || !strcmp(s, "host"))
		return 0;
	return err_set(e, EINVAL, "--net %s: expected none or host (other networks need a bundle)",
		       s);
}

static char *const default_args[] = { (char[]){ "sh" }, NULL };

int quick_parse(const struct quick_options *o, char **args, struct compose *ret, struct err *e)
{
	*ret = (struct compose){
		.rootfs = o->rootfs,
		.cwd = str_empty(o->cwd) ? "/" : o->cwd,
		.hostname = str_empty(o->hostname) ? "hull" : o->hostname,
		.args = (const char *const *)(*args ? args : default_args),
		.terminal = o->tty,
		.readonly = o->readonly,
		.rootless = o->rootless,
	};
	if (*ret->cwd != '/')
		return err_set(e, EINVAL, "--workdir %s: expected an absolute path", ret->cwd);
	if (parse_net(o->net, &ret->own_net, e) < 0 || parse_env(o, ret, e) < 0 ||
	    parse_volumes(o, ret, e) < 0)
		return -1;
	if (!str_empty(o->user) && parse_user(o->user, ret, e) < 0)
		return -1;
	if (!str_empty(o->memory) && parse_memory(o->memory, &ret->memory, e) < 0)
		return -1;
	return str_empty(o->cpus) ? 0 : parse_cpus(o->cpus, &ret->cpu_quota, e);
}

/* --- What the machine says -------------------------------------------------------------------- */

void quick_host(struct compose *c)
{
	struct err ignored;
	auto_close int fd = fd_open(AT_FDCWD, "/sys/fs/cgroup", O_PATH | O_DIRECTORY, 0, &ignored);

	c->v2 = fd >= 0 && fd_is_on(fd, CGROUP2_SUPER_MAGIC);
	c->host_uid = geteuid();
	c->host_gid = getegid();
}

static int locate_rootfs(const char **rootfs, struct err *e)
{
	auto_close int fd = open(*rootfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *real = fd < 0 ? NULL : realpath(*rootfs, NULL);

	if (!real || faccessat(fd, ".", X_OK, AT_EACCESS) < 0)
		return err_sys(e, "--rootfs %s", *rootfs);
	*rootfs = real;
	return 0;
}

/* The files of host_files need not be there; what the user named must be, and is not made. */
static int locate_binds(struct compose *c, struct err *e)
{
	struct compose_bind *found = xzalloc((c->n_binds + 1) * sizeof(*found));
	size_t n = 0;

	for (size_t i = 0; i < c->n_binds; i++) {
		const char *source = c->binds[i].source, *real = realpath(source, NULL);

		if (!real && !c->own_net && i < ARRAY_SIZE(host_files))
			continue;
		if (!real)
			return err_sys(e, "--volume %s", source);
		found[n] = c->binds[i];
		found[n++].source = real;
	}
	c->binds = found;
	c->n_binds = n;
	return 0;
}

int quick_locate(struct compose *c, struct err *e)
{
	quick_host(c);
	c->rootless = c->rootless || c->host_uid != 0;
	if (c->rootless && (c->uid || c->gid))
		return err_set(
			e, EINVAL,
			"--user %u:%u: a container without root's rights has no user but 0:0",
			(unsigned)c->uid, (unsigned)c->gid);
	return locate_rootfs(&c->rootfs, e) < 0 || locate_binds(c, e) < 0 ? -1 : 0;
}

int quick_config(const struct quick_options *o, char **args, struct str *out, struct err *e)
{
	struct compose c;

	if (quick_parse(o, args, &c, e) < 0 || quick_locate(&c, e) < 0)
		return -1;
	compose_config(&c, out);
	/* str_add_json() has put U+FFFD where it was not. */
	if (strstr(out->s, "\xef\xbf\xbd"))
		return err_set(e, EILSEQ,
			       "an argument, a variable or a path is not UTF-8, which "
			       "config.json cannot hold");
	return 0;
}

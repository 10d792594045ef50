/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules between properties of config.json, each with the clause that it comes from. What is
 * wrong with one value alone is found by the check of its type. Rules that need to look at the
 * host (is that path my own namespace?) are not here: this is pure.
 *
 * The texts of runc's validator are kept where clients and test suites look for them.
 */
#include "state/spec/annotations.h"
#include "state/base/mem.h"
#include "state/spec/spec_types.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAP_LINES_MAX	340  /* user_namespaces(7), since Linux 4.15 */
#define HOST_NAME_LEN	64   /* the kernel's __NEW_UTS_LEN */
#define DEVICE_NAME_LEN 15   /* IFNAMSIZ without its end */
#define ERRNO_MAX	4095 /* the kernel's MAX_ERRNO */

/* --- Failures, when all are wanted ------------------------------------------------------------ */

typedef void finding(void *arg, const struct err *e);

/* Where they go while spec_check_all() runs; prefix: a step before their pointers, or NULL. */
static struct told {
	finding *fn;
	void *arg;
	const char *prefix;
	size_t n;
} all;

/* Is the failure of a rule, or of an element of a list, one of many? Then it has been told. */
static bool told(struct err *e)
{
	if (!all.fn)
		return false;
	if (all.prefix)
		err_at_key(e, all.prefix);
	all.fn(all.arg, e);
	all.n++;
	return true;
}

/* --- process -------------------------------------------------------------------------------- */

/* config.md, POSIX process: "If rlimits contains duplicated entries with same type, the runtime MUST generate an error." */
static int check_rlimits(const struct spec_rlimits *limits, struct err *e)
{
	const struct spec_rlimit *l;
	unsigned seen = 0;

	for (size_t i = 0; i < limits->n; i++) {
		l = &limits->v[i];
		if (seen & 1u << l->type) {
			err_set(e, EINVAL, "%s is there twice", name_of(rlimit_names, l->type));
			err_at_key(e, "type");
		} else if (l->soft.v > l->hard.v) { /* setrlimit(2): EINVAL */
			err_set(e, EINVAL, "%" PRIu64 " is larger than the hard limit %" PRIu64,
				l->soft.v, l->hard.v);
			err_at_key(e, "soft");
		} else {
			seen |= 1u << l->type;
			continue;
		}
		err_at_index(e, i);
		return err_at_key(e, "rlimits");
	}
	return 0;
}

int spec_process_check(const struct spec_process *p, struct err *e)
{
	return check_rlimits(&p->rlimits, e);
}

/* --- top level ------------------------------------------------------------------------------ */

/*
 * config.md, Specification version: SemVer 2.0.0. A minor version that is newer than hull is no
 * error: what it adds are unknown properties, which MUST be ignored (Extensibility).
 */
static int check_version(const struct spec *s, struct err *e)
{
	const char *v = s->oci_version;

	for (int part = 0; part < 3; part++) {
		if (!isdigit((unsigned char)*v) || (v[0] == '0' && isdigit((unsigned char)v[1])))
			goto bad;
		v += strspn(v, "0123456789");
		if (part < 2 && *v++ != '.')
			goto bad;
	}
	if (*v && *v != '-' && *v != '+')
		goto bad;
	/* The specification's own examples still say 0.1.0 and 0.5.0-dev. */
	if (str_starts(s->oci_version, "0.") || str_starts(s->oci_version, "1."))
		return 0;
	decode_bad(e, s->oci_version, "is not supported, only versions 1.x are");
	return err_at_key(e, "ociVersion");
bad:
	decode_bad(e, s->oci_version, "is not a version such as 1.3.0");
	return err_at_key(e, "ociVersion");
}

/* config.md, Hostname and Domainname; config-linux.md, Namespaces: without one it would be the host's. */
static int check_uts(const struct spec *s, struct err *e)
{
	const char *const keys[] = { "hostname", "domainname" };
	const char *const values[] = { s->hostname, s->domainname };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!values[i])
			continue;
		if (!spec_namespace(s, CLONE_NEWUTS))
			err_set(e, EINVAL, "unable to set %s without a private UTS namespace",
				keys[i]);
		else if (strlen(values[i]) > HOST_NAME_LEN)
			err_set(e, EINVAL, "is longer than %d bytes", HOST_NAME_LEN);
		else
			continue;
		return err_at_key(e, keys[i]);
	}
	return 0;
}

/* --- linux: pointers start there -------------------------------------------------------------- */

/* config-linux.md, Namespaces: "If a namespaces field contains duplicated namespaces with same type, the runtime MUST generate an error." */
static int check_namespaces(const struct spec *s, struct err *e)
{
	const struct spec_namespaces *ns = &s->linux_->namespaces;
	int seen = 0;

	for (size_t i = 0; i < ns->n; i++) {
		if (seen & ns->v[i].type) {
			err_set(e, EINVAL, "malformed spec file: duplicated ns \"%s\"",
				name_of(namespace_names, ns->v[i].type));
			err_at_index(e, i);
			return err_at_key(e, "namespaces");
		}
		seen |= ns->v[i].type;
	}
	return 0;
}

static bool overlap(const struct opt_uint *a, const struct opt_uint *a_size,
		    const struct opt_uint *b, const struct opt_uint *b_size)
{
	return a->v < b->v + b_size->v && b->v < a->v + a_size->v;
}

/* user_namespaces(7), Defining user and group ID mappings: the kernel says only EINVAL. */
static int check_map(const struct spec_id_maps *maps, struct err *e)
{
	const struct spec_id_map *m = maps->v;

	if (maps->n > MAP_LINES_MAX)
		return err_set(e, EINVAL, "has %zu lines, the kernel takes at most %d", maps->n,
			       MAP_LINES_MAX);
	for (size_t i = 1; i < maps->n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!overlap(&m[i].container_id, &m[i].size, &m[j].container_id,
				     &m[j].size) &&
			    !overlap(&m[i].host_id, &m[i].size, &m[j].host_id, &m[j].size))
				continue;
			err_set(e, EINVAL, "overlaps with mapping %zu", j);
			return err_at_index(e, i);
		}
	}
	return 0;
}

/* config-linux.md, User namespace mappings. */
static int check_user_namespace(const struct spec *s, struct err *e)
{
	const struct spec_namespace *user = spec_namespace(s, CLONE_NEWUSER);
	const struct spec_linux *l = s->linux_;
	const char *wrong;

	if (!user && (l->uid_mappings.n || l->gid_mappings.n)) {
		err_set(e, EINVAL,
			"user namespace mappings specified, but user namespace isn't enabled in the config");
		return err_at_key(e, l->uid_mappings.n ? "uidMappings" : "gidMappings");
	}
	if (user && !user->path && !l->uid_mappings.n && !l->gid_mappings.n) {
		err_set(e, EINVAL,
			"user namespaces enabled, but no namespace path to join nor mappings to apply specified");
		return err_at_key(e, "namespaces");
	}
	if (!l->uid_mappings.n != !l->gid_mappings.n) {
		wrong = l->uid_mappings.n ? "gidMappings" : "uidMappings";
		err_set(e, EINVAL, "is required beside %s",
			l->uid_mappings.n ? "uidMappings" : "gidMappings");
		return err_at_key(e, wrong);
	}
	if (check_map(&l->uid_mappings, e) < 0)
		return err_at_key(e, "uidMappings");
	if (check_map(&l->gid_mappings, e) < 0)
		return err_at_key(e, "gidMappings");
	return 0;
}

/* config-linux.md, Offset for Time Namespace: offsets can only be set before a process is in it. */
static int check_time_namespace(const struct spec *s, struct err *e)
{
	const struct spec_time_offsets *offsets = s->linux_->time_offsets;
	const struct spec_namespace *ns = spec_namespace(s, CLONE_NEWTIME);

	if (!offsets || (!offsets->monotonic && !offsets->boottime))
		return 0;
	if (!ns)
		err_set(e, EINVAL,
			"time namespace offsets specified, but time namespace isn't enabled in the config");
	else if (ns->path)
		err_set(e, EINVAL,
			"time namespace enabled, but both namespace path and time offsets specified -- you may only provide one");
	else
		return 0;
	return err_at_key(e, "timeOffsets");
}

/* The kernel's dev_valid_name(), and for a new name the template of config-linux.md, "eth%d". */
static bool is_device_name(const char *name, bool template)
{
	const char *percent = strchr(name, '%');
	size_t n = strlen(name);

	if (!n || n > DEVICE_NAME_LEN || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	if (percent && (!template || percent[1] != 'd' || strchr(percent + 1, '%')))
		return false;
	for (; *name; name++) {
		if (*name == '/' || *name == ':' || isspace((unsigned char)*name))
			return false;
	}
	return true;
}

static bool find_device_name(const struct spec_net_devices *d, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(str_empty(d->v[i].name) ? d->v[i].key : d->v[i].name, name))
			return true;
	}
	return false;
}

static int check_net_device(const struct spec_net_devices *d, size_t i, struct err *e)
{
	const char *name = str_empty(d->v[i].name) ? d->v[i].key : d->v[i].name;

	if (!is_device_name(d->v[i].key, false))
		return err_set(e, EINVAL, "invalid network device name \"%.64s\"", d->v[i].key);
	if (!is_device_name(name, true))
		err_set(e, EINVAL, "invalid network device name \"%.64s\"", name);
	else if (!strchr(name, '%') && find_device_name(d, i, name))
		err_set(e, EINVAL, "two devices cannot both be \"%s\"", name);
	else
		return 0;
	return err_at_key(e, "name");
}

/* config-linux.md, Network Devices. */
static int check_net_devices(const struct spec *s, struct err *e)
{
	const struct spec_net_devices *d = &s->linux_->net_devices;

	if (d->n && !spec_namespace(s, CLONE_NEWNET)) {
		err_set(e, EINVAL, "unable to move network devices without a NET namespace");
		return err_at_key(e, "netDevices");
	}
	for (size_t i = 0; i < d->n; i++) {
		if (check_net_device(d, i, e) < 0) {
			err_at_key(e, d->v[i].key);
			return err_at_key(e, "netDevices");
		}
	}
	return 0;
}

/* config-linux.md, Masked Paths and Readonly Paths: without a mount namespace they would hit the host. */
static int check_paths(const struct spec *s, struct err *e)
{
	const struct spec_linux *l = s->linux_;

	if (spec_namespace(s, CLONE_NEWNS) || (!l->masked_paths.n && !l->readonly_paths.n))
		return 0;
	err_set(e, EINVAL, "unable to restrict sys entries without a private MNT namespace");
	return err_at_key(e, l->masked_paths.n ? "maskedPaths" : "readonlyPaths");
}

/* Which namespace a sysctl belongs to: rows ending in '.' are prefixes (namespaces(7), proc(5)). */
static const struct sysctl_rule {
	const char *key;
	int type;
	const char *before,
		*after; /* around the key, in the complaint that the namespace is missing */
} sysctl_rules[] = {
#define IPC CLONE_NEWIPC, "sysctl \"", "\" is not allowed in the hosts ipc namespace"
	{ "kernel.msgmax", IPC },
	{ "kernel.msgmnb", IPC },
	{ "kernel.msgmni", IPC },
	{ "kernel.sem", IPC },
	{ "kernel.shmall", IPC },
	{ "kernel.shmmax", IPC },
	{ "kernel.shmmni", IPC },
	{ "kernel.shm_rmid_forced", IPC },
	{ "fs.mqueue.", IPC },
#undef IPC
	{ "net.", CLONE_NEWNET, "sysctl \"", "\" not allowed in host network namespace" },
	{ "user.", CLONE_NEWUSER, "setting ucounts without a user namespace not allowed: ", "" },
	{ "kernel.domainname", CLONE_NEWUTS, "sysctl \"",
	  "\" is not in a separate kernel namespace" },
};

static bool sysctl_matches(const struct sysctl_rule *rule, const char *key)
{
	size_t n = strlen(rule->key);

	return rule->key[n - 1] == '.' ? !strncmp(rule->key, key, n) : !strcmp(rule->key, key);
}

int spec_sysctl_namespace(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(sysctl_rules); i++) {
		if (sysctl_matches(&sysctl_rules[i], key))
			return sysctl_rules[i].type;
	}
	return 0;
}

/* No way out of the folder that the rule looked at: "net.//.kernel.core_pattern" is net/../kernel/... */
static bool sysctl_path_is_plain(const char *key)
{
	auto_free char *path = spec_sysctl_path(key);
	const char *p = path;

	for (;;) {
		size_t n = strcspn(p, "/");

		if (!n || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		for (size_t i = 0; i < n; i++) {
			if ((unsigned char)p[i] <= ' ' || p[i] == 0x7f)
				return false;
		}
		if (!p[n])
			return true;
		p += n + 1;
	}
}

/* config-linux.md, Sysctl; only what a namespace of the container confines (CVE-2022-0811). */
static int check_one_sysctl(const struct spec *s, const struct map_entry *entry, struct err *e)
{
	const char *key = entry->key;

	if (!sysctl_path_is_plain(key))
		return decode_bad(e, key, "is not the name of a sysctl");
	if (strchr(entry->value, '\n'))
		return err_set(e, EINVAL, "the value must not contain a newline");
	for (size_t i = 0; i < ARRAY_SIZE(sysctl_rules); i++) {
		if (!sysctl_matches(&sysctl_rules[i], key))
			continue;
		if (spec_namespace(s, sysctl_rules[i].type))
			return 0;
		return err_set(e, EINVAL, "%s%.200s%s", sysctl_rules[i].before, key,
			       sysctl_rules[i].after);
	}
	if (!strcmp(key, "kernel.hostname") && spec_namespace(s, CLONE_NEWUTS))
		return err_set(
			e, EINVAL,
			"sysctl \"%s\" is not allowed as it conflicts with the OCI \"hostname\" field",
			key);
	return err_set(e, EINVAL, "sysctl \"%.200s\" is not in a separate kernel namespace", key);
}

static int check_sysctl(const struct spec *s, struct err *e)
{
	const struct str_map *map = &s->linux_->sysctl;

	for (size_t i = 0; i < map->n; i++) {
		if (check_one_sysctl(s, &map->v[i], e) < 0) {
			err_at_key(e, map->v[i].key);
			err_at_key(e, "sysctl");
			if (!told(e))
				return -1;
		}
	}
	return 0;
}

/* config-linux.md, Seccomp: "When the action doesn't support an errno, the runtime MUST print and error and fail." */
static int check_errno_ret(int action, const struct opt_uint *ret, const char *key, struct err *e)
{
	uint64_t max = action == SC_ACT_TRACE ? UINT16_MAX : ERRNO_MAX; /* SECCOMP_RET_DATA */

	if (!ret->set)
		return 0;
	if (action != SC_ACT_ERRNO && action != SC_ACT_TRACE)
		err_set(e, EINVAL, "errno value specified for action %s",
			name_of(seccomp_action_names, action));
	else if (ret->v > max)
		err_set(e, ERANGE, "%" PRIu64 " is out of range (0 to %" PRIu64 ")", ret->v, max);
	else
		return 0;
	return err_at_key(e, key);
}

/* The agent's descriptor is sent with write(2), which would wait for the agent for ever. */
static int check_notify(const struct spec_seccomp *sc, const struct spec_syscall *call,
			struct err *e)
{
	if (call->action != SC_ACT_NOTIFY)
		return 0;
	for (size_t i = 0; i < call->names.n; i++) {
		if (!strcmp(call->names.v[i], "write")) {
			err_set(e, EINVAL, "SCMP_ACT_NOTIFY cannot be used for the write syscall");
			err_at_index(e, i);
			return err_at_key(e, "names");
		}
	}
	if (!str_empty(sc->listener_path))
		return 0;
	err_set(e, EINVAL, "seccomp listenerPath is not set");
	return err_at_key(e, "action");
}

static int check_syscalls(const struct spec_seccomp *sc, struct err *e)
{
	const struct spec_syscall *call;

	for (size_t i = 0; i < sc->syscalls.n; i++) {
		call = &sc->syscalls.v[i];
		if (check_errno_ret(call->action, &call->errno_ret, "errnoRet", e) < 0 ||
		    check_notify(sc, call, e) < 0) {
			err_at_index(e, i);
			return err_at_key(e, "syscalls");
		}
	}
	return 0;
}

static int check_seccomp(const struct spec *s, struct err *e)
{
	const struct spec_seccomp *sc = s->linux_->seccomp;

	if (!sc)
		return 0;
	if (sc->default_action == SC_ACT_NOTIFY) {
		err_set(e, EINVAL, "SCMP_ACT_NOTIFY cannot be used as default action");
		err_at_key(e, "defaultAction");
	} else if (sc->listener_metadata &&
		   str_empty(
			   sc->listener_path)) { /* "MUST NOT be set if listenerPath is not set" */
		err_set(e, EINVAL, "is set without listenerPath");
		err_at_key(e, "listenerMetadata");
	} else if (!check_errno_ret(sc->default_action, &sc->default_errno_ret, "defaultErrnoRet",
				    e) &&
		   !check_syscalls(sc, e)) {
		return 0;
	}
	return err_at_key(e, "seccomp");
}

/* config-linux.md, Memory: swap is "memory+Swap usage". */
int spec_resources_check(const struct spec_resources *r, struct err *e)
{
	const struct spec_memory *m = r->memory;

	if (m && m->swap.v > 0 && m->limit.v > m->swap.v) {
		err_set(e, EINVAL,
			"memory+swap limit should be >= memory limit, and %" PRId64
			" is less than %" PRId64,
			m->swap.v, m->limit.v);
		err_at_key(e, "swap");
		return err_at_key(e, "memory");
	}
	return 0;
}

static int check_resources(const struct spec *s, struct err *e)
{
	if (s->linux_->resources && spec_resources_check(s->linux_->resources, e) < 0)
		return err_at_key(e, "resources");
	return 0;
}

/*
 * sched(7): a process with a deadline cannot fork, unless its children are to have none. The hooks
 * come when the program's rights are all that is left, and with those no deadline can be set after.
 */
static int check_deadline(const struct spec *s, struct err *e)
{
	const struct spec_scheduler *p = s->process->scheduler;

	if (!s->hooks || !s->hooks->start_container.n || !p || p->policy != POLICY_DEADLINE ||
	    (p->flags.mask & 1u << SCHED_BIT_RESET_ON_FORK))
		return 0;
	err_set(e, EINVAL,
		"SCHED_DEADLINE needs SCHED_FLAG_RESET_ON_FORK where there are startContainer hooks");
	err_at_key(e, "scheduler");
	return err_at_key(e, "process");
}

/* --- all of it ------------------------------------------------------------------------------ */

typedef int rule(const struct spec *s, struct err *e);

/* --- mounts: pointers start there ------------------------------------------------------------- */

static bool is_idmap(const char *option)
{
	return !strcmp(option, "idmap") || !strcmp(option, "ridmap") ||
	       str_starts(option, "idmap=") || str_starts(option, "ridmap=");
}

/* config.md, Linux mount options: without mappings of its own a mount takes those of the container. */
static int check_idmap_option(const struct spec *s, const struct spec_mount *m, size_t i,
			      struct err *e)
{
	const char *option = m->options.v[i];

	if (!is_idmap(option))
		return 0;
	if (!spec_mount_is_bind(m))
		err_set(e, EINVAL, "id-mapped mounts are only supported for bind-mounts");
	else if (!m->uid_mappings.n && !strchr(option, '=') && !spec_namespace(s, CLONE_NEWUSER))
		err_set(e, EINVAL,
			"%s needs uidMappings and gidMappings, or a user namespace to take them from",
			option);
	else
		return 0;
	err_at_index(e, i);
	return err_at_key(e, "options");
}

/* config.md, Mounts: uidMappings and gidMappings. */
static int check_mount(const struct spec *s, const struct spec_mount *m, struct err *e)
{
	const char *key = m->uid_mappings.n ? "uidMappings" : "gidMappings";

	for (size_t i = 0; i < m->options.n; i++) {
		if (check_idmap_option(s, m, i, e) < 0)
			return -1;
	}
	if (!m->uid_mappings.n && !m->gid_mappings.n)
		return 0;
	if (!m->uid_mappings.n || !m->gid_mappings.n)
		err_set(e, EINVAL,
			"id-mapped mounts must have both uid and gid mappings specified");
	else if (!spec_mount_is_bind(m))
		err_set(e, EINVAL, "id-mapped mounts are only supported for bind-mounts");
	else if (check_map(&m->uid_mappings, e) == 0) {
		if (check_map(&m->gid_mappings, e) == 0)
			return 0;
		key = "gidMappings";
	}
	return err_at_key(e, key);
}

static int check_mounts(const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < s->mounts.n; i++) {
		if (check_mount(s, &s->mounts.v[i], e) < 0) {
			err_at_index(e, i);
			err_at_key(e, "mounts");
			if (!told(e))
				return -1;
		}
	}
	return 0;
}

static rule *const rules[] = { check_version, check_uts, check_mounts, annotations_check,
			       check_deadline };
static rule *const linux_rules[] = {
	check_namespaces, check_user_namespace, check_time_namespace, check_net_devices,
	check_paths,	  check_sysctl,		check_seccomp,	      check_resources,
};

/* All of them: 0, or -1 for the first failure that is not told. */
static int check_rules(const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (rules[i](s, e) < 0 && !told(e))
			return -1;
	}
	if (spec_process_check(s->process, e) < 0) {
		err_at_key(e, "process");
		if (!told(e))
			return -1;
	}
	all.prefix = "linux";
	for (size_t i = 0; i < ARRAY_SIZE(linux_rules); i++) {
		if (linux_rules[i](s, e) < 0 && !told(e))
			return err_at_key(e, "linux");
	}
	return 0;
}

int spec_check(const struct spec *s, struct err *e)
{
	return check_rules(s, e);
}

size_t spec_check_all(const struct spec *s, finding *fn, void *arg)
{
	struct err e;

	all = (struct told){ .fn = fn, .arg = arg };
	(void)check_rules(s, &e); /* whose failures are told */
	all.fn = NULL;
	return all.n;
}

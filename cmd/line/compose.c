/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default configuration. Runs in hull and touches nothing: what depends on the machine is in
 * struct compose.
 */
#include "cmd/line/compose.h"

#include <string.h>

#include "state/base/mem.h"
#include "state/record.h"
#include "state/base/str.h"

#define CAPS "['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE']"

const char *const compose_default_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"TERM=xterm",
	NULL,
};

/* "key":"value", with the comma before it. */
static void add_string(struct str *out, const char *before, const char *s)
{
	str_add(out, before);
	str_add_json(out, s);
}

static void add_list(const char *const *v, struct str *out)
{
	str_add(out, "[");
	for (size_t i = 0; v[i]; i++)
		add_string(out, i ? "," : "", v[i]);
	str_add(out, "]");
}

static void add_process(const struct compose *c, struct str *out)
{
	str_addf(out, "\"terminal\":%s,\"user\":{\"uid\":%u,\"gid\":%u},\"args\":",
		 c->terminal ? "true" : "false", (unsigned)c->uid, (unsigned)c->gid);
	add_list(c->args, out);
	str_add(out, ",\"env\":");
	add_list(c->env.v, out);
	add_string(out, ",\"cwd\":", c->cwd);
}

static void add_root(const struct compose *c, struct str *out)
{
	add_string(out, "\"root\":{\"path\":", c->rootfs);
	str_addf(out, ",\"readonly\":%s},", c->readonly ? "true" : "false");
	add_string(out, "\"hostname\":", c->hostname);
}

static void add_options(const char *options, struct str *out)
{
	for (const char *o = options; o && *o; o += *o == ',') {
		size_t n = strcspn(o, ",");

		if (n) {
			str_add(out, ",");
			str_add_json_n(out, o, n);
		}
		o += n;
	}
}

static void add_binds(const struct compose *c, struct str *out)
{
	for (size_t i = 0; i < c->n_binds; i++) {
		add_string(out, ",{\"destination\":", c->binds[i].destination);
		add_string(out, ",\"type\":\"bind\",\"source\":", c->binds[i].source);
		str_add(out, ",\"options\":[\"rbind\",\"rprivate\"");
		add_options(c->binds[i].options, out);
		str_add(out, "]}");
	}
}

static void add_maps(const struct compose *c, struct str *out)
{
	str_addf(out,
		 "\"uidMappings\":[{\"containerID\":0,\"hostID\":%u,\"size\":1}],"
		 "\"gidMappings\":[{\"containerID\":0,\"hostID\":%u,\"size\":1}],",
		 (unsigned)c->host_uid, (unsigned)c->host_gid);
}

/* A rootless container has none, unless they are asked for: they need a cgroup, and the right to it. */
static void add_resources(const struct compose *c, struct str *out)
{
	const char *comma = "";

	if (c->rootless && !c->memory && !c->cpu_quota)
		return;
	str_add(out, "\"resources\":{");
	if (!c->rootless) {
		str_add(out, "\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]");
		comma = ",";
	}
	if (c->memory) {
		str_addf(out, "%s\"memory\":{\"limit\":%lld}", comma, (long long)c->memory);
		comma = ",";
	}
	if (c->cpu_quota)
		str_addf(out, "%s\"cpu\":{\"quota\":%lld,\"period\":%d}", comma,
			 (long long)c->cpu_quota, COMPOSE_CPU_PERIOD);
	str_add(out, "},");
}

enum when { ALWAYS, AS_ROOT, ROOTLESS, ON_V2, OWN_NET, SYSFS, HOST_SYSFS };

/* JSON with ' for ", and then what a function adds, if there is one. */
static const struct piece {
	enum when when;
	const char *text;
	void (*add)(const struct compose *c, struct str *out);
} pieces[] = {
	{ ALWAYS, "{'ociVersion':'" OCI_VERSION "','process':{", add_process },
	{ ALWAYS,
	  ",'capabilities':{'bounding':" CAPS ",'effective':" CAPS ",'permitted':" CAPS "},"
	  "'rlimits':[{'type':'RLIMIT_NOFILE','hard':1024,'soft':1024}],"
	  "'noNewPrivileges':true},",
	  add_root },
	{ ALWAYS,
	  ",'mounts':["
	  "{'destination':'/proc','type':'proc','source':'proc'},"
	  "{'destination':'/dev','type':'tmpfs','source':'tmpfs',"
	  "'options':['nosuid','strictatime','mode=755','size=65536k']},"
	  "{'destination':'/dev/pts','type':'devpts','source':'devpts',"
	  "'options':['nosuid','noexec','newinstance','ptmxmode=0666','mode=0620'",
	  NULL },
	{ AS_ROOT, ",'gid=5'", NULL },
	{ ALWAYS,
	  "]},"
	  "{'destination':'/dev/shm','type':'tmpfs','source':'shm',"
	  "'options':['nosuid','noexec','nodev','mode=1777','size=65536k']},"
	  "{'destination':'/dev/mqueue','type':'mqueue','source':'mqueue',"
	  "'options':['nosuid','noexec','nodev']},",
	  NULL },
	{ SYSFS,
	  "{'destination':'/sys','type':'sysfs','source':'sysfs',"
	  "'options':['nosuid','noexec','nodev','ro']},",
	  NULL },
	/* sysfs can be mounted only by the owner of the network namespace, which is the host's. */
	{ HOST_SYSFS,
	  "{'destination':'/sys','type':'none','source':'/sys',"
	  "'options':['rbind','nosuid','noexec','nodev','ro']},",
	  NULL },
	{ ALWAYS,
	  "{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup',"
	  "'options':['nosuid','noexec','nodev','relatime','ro']}",
	  add_binds },
	{ ALWAYS, "],'linux':{", NULL },
	{ ROOTLESS, "", add_maps },
	{ ALWAYS, "", add_resources },
	{ ALWAYS, "'namespaces':[{'type':'pid'},", NULL },
	{ OWN_NET, "{'type':'network'},", NULL },
	{ ALWAYS, "{'type':'ipc'},{'type':'uts'},{'type':'mount'}", NULL },
	{ ON_V2, ",{'type':'cgroup'}", NULL },
	{ ROOTLESS, ",{'type':'user'}", NULL },
	{ ALWAYS,
	  "],"
	  "'maskedPaths':['/proc/acpi','/proc/asound','/proc/kcore','/proc/keys',"
	  "'/proc/latency_stats','/proc/timer_list','/proc/timer_stats','/proc/sched_debug',"
	  "'/sys/firmware','/proc/scsi'],"
	  "'readonlyPaths':['/proc/bus','/proc/fs','/proc/irq','/proc/sys','/proc/sysrq-trigger']"
	  "}}",
	  NULL },
};

static void add_quoted(const char *text, struct str *out)
{
	for (; *text; text++)
		str_add_n(out, *text == '\'' ? "\"" : text, 1);
}

void compose_config(const struct compose *c, struct str *out)
{
	const bool use[] = {
		[ALWAYS] = true,
		[AS_ROOT] = !c->rootless,
		[ROOTLESS] = c->rootless,
		[ON_V2] = c->v2,
		[OWN_NET] = c->own_net,
		[SYSFS] = !c->rootless || c->own_net,
		[HOST_SYSFS] = c->rootless && !c->own_net,
	};

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		if (!use[pieces[i].when])
			continue;
		add_quoted(pieces[i].text, out);
		if (pieces[i].add)
			pieces[i].add(c, out);
	}
}

static void break_line(struct str *out, int depth)
{
	str_add(out, "\n");
	while (depth-- > 0)
		str_add(out, "\t");
}

/* The length of the string literal at s, quotes included. */
static size_t literal(const char *s)
{
	size_t n = 1;

	while (s[n] && s[n] != '"')
		n += s[n] == '\\' && s[n + 1] ? 2 : 1;
	return n + (s[n] == '"');
}

void compose_pretty(const char *s, struct str *out)
{
	int depth = 0;

	while (*s) {
		size_t n = *s == '"' ? literal(s) : 1;

		if (*s == ']' || *s == '}')
			break_line(out, --depth);
		str_add_n(out, s, n);
		if (*s == ':')
			str_add(out, " ");
		if (*s == '[' || *s == '{')
			break_line(out, ++depth);
		if (*s == ',')
			break_line(out, depth);
		s += n;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* `hull spec`: a config.json to begin with. */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/options.h"
#include "state/fd.h"
#include "state/mem.h"
#include "state/record.h"
#include "state/str.h"
#include "state/sys.h"

struct options {
	const char *bundle;
	bool rootless;
};

static const struct option_row options[] = {
	OPTION(options, bundle, "bundle", "b", OPT_STRING,
	       "path to the root of the bundle directory"),
	OPTION(options, rootless, "rootless", NULL, OPT_FLAG,
	       "generate a configuration for a rootless container"),
	{ 0 },
};

#define CONFIG_FILE "config.json"

enum when { ALWAYS, AS_ROOT, ROOTLESS, ON_V2, ID_MAPS };

#define CAPS "['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE']"

/* JSON with ' for ", which print_pretty() puts in, like line breaks. */
static const struct piece {
	enum when when;
	const char *text;
} pieces[] = {
	{ ALWAYS,
	  "{'ociVersion':'" OCI_VERSION "',"
	  "'process':{"
	  "'terminal':true,"
	  "'user':{'uid':0,'gid':0},"
	  "'args':['sh'],"
	  "'env':['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin','TERM=xterm'],"
	  "'cwd':'/',"
	  "'capabilities':{'bounding':" CAPS ",'effective':" CAPS ",'permitted':" CAPS "},"
	  "'rlimits':[{'type':'RLIMIT_NOFILE','hard':1024,'soft':1024}],"
	  "'noNewPrivileges':true},"
	  "'root':{'path':'rootfs','readonly':true},"
	  "'hostname':'hull',"
	  "'mounts':["
	  "{'destination':'/proc','type':'proc','source':'proc'},"
	  "{'destination':'/dev','type':'tmpfs','source':'tmpfs',"
	  "'options':['nosuid','strictatime','mode=755','size=65536k']},"
	  "{'destination':'/dev/pts','type':'devpts','source':'devpts',"
	  "'options':['nosuid','noexec','newinstance','ptmxmode=0666','mode=0620'" },
	{ AS_ROOT, ",'gid=5'" },
	{ ALWAYS, "]},"
		  "{'destination':'/dev/shm','type':'tmpfs','source':'shm',"
		  "'options':['nosuid','noexec','nodev','mode=1777','size=65536k']},"
		  "{'destination':'/dev/mqueue','type':'mqueue','source':'mqueue',"
		  "'options':['nosuid','noexec','nodev']}," },
	{ AS_ROOT, "{'destination':'/sys','type':'sysfs','source':'sysfs',"
		   "'options':['nosuid','noexec','nodev','ro']}," },
	/* sysfs can be mounted only by the owner of the network namespace, which is the host's. */
	{ ROOTLESS, "{'destination':'/sys','type':'none','source':'/sys',"
		    "'options':['rbind','nosuid','noexec','nodev','ro']}," },
	{ ALWAYS, "{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup',"
		  "'options':['nosuid','noexec','nodev','relatime','ro']}],"
		  "'linux':{" },
	{ ID_MAPS, NULL },
	{ AS_ROOT, "'resources':{'devices':[{'allow':false,'access':'rwm'}]}," },
	{ ALWAYS, "'namespaces':[{'type':'pid'}," },
	{ AS_ROOT, "{'type':'network'}," },
	{ ALWAYS, "{'type':'ipc'},{'type':'uts'},{'type':'mount'}" },
	{ ON_V2, ",{'type':'cgroup'}" },
	{ ROOTLESS, ",{'type':'user'}" },
	{ ALWAYS,
	  "],"
	  "'maskedPaths':['/proc/acpi','/proc/asound','/proc/kcore','/proc/keys',"
	  "'/proc/latency_stats','/proc/timer_list','/proc/timer_stats','/proc/sched_debug',"
	  "'/sys/firmware','/proc/scsi'],"
	  "'readonlyPaths':['/proc/bus','/proc/fs','/proc/irq','/proc/sys','/proc/sysrq-trigger']"
	  "}}" },
};

static bool is_v2(void)
{
	struct err ignored;
	auto_close int fd = fd_open(AT_FDCWD, "/sys/fs/cgroup", O_PATH | O_DIRECTORY, 0, &ignored);

	return fd >= 0 && fd_is_on(fd, CGROUP2_SUPER_MAGIC);
}

static void compose(bool rootless, struct str *out)
{
	const bool use[] = {
		[ALWAYS] = true,   [AS_ROOT] = !rootless, [ROOTLESS] = rootless,
		[ON_V2] = is_v2(), [ID_MAPS] = rootless,
	};

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		if (!use[pieces[i].when])
			continue;
		if (pieces[i].when != ID_MAPS)
			str_add(out, pieces[i].text);
		else
			str_addf(out,
				 "'uidMappings':[{'containerID':0,'hostID':%u,'size':1}],"
				 "'gidMappings':[{'containerID':0,'hostID':%u,'size':1}],",
				 (unsigned)geteuid(), (unsigned)getegid());
	}
}

static void break_line(struct str *out, int depth)
{
	str_add(out, "\n");
	while (depth-- > 0)
		str_add(out, "\t");
}

/* One value a line, tabs, "key": value. No string of ours holds a bracket, ',' or ':' but PATH. */
static void print_pretty(const char *s, struct str *out)
{
	bool in_string = false;
	int depth = 0;

	for (; *s; s++) {
		if (*s == '\'')
			in_string = !in_string;
		if (!in_string && strchr("]}", *s))
			break_line(out, --depth);
		str_add_n(out, *s == '\'' ? "\"" : s, 1);
		if (in_string)
			continue;
		if (*s == ':')
			str_add(out, " ");
		if (strchr("[{,", *s))
			break_line(out, depth += *s != ',');
	}
}

/* Never over a file that is there, by whatever kind of link. */
static int write_new(int dir_fd, const struct str *text, struct err *e)
{
	auto_close int fd =
		openat(dir_fd, CONFIG_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0 && errno == EEXIST)
		return err_set(e, EEXIST, "File %s exists. Remove it first", CONFIG_FILE);
	if (fd < 0)
		return err_sys(e, "create %s", CONFIG_FILE);
	if (fd_write_all(fd, text->s, text->n) < 0) {
		err_sys(e, "write %s", CONFIG_FILE);
		unlinkat(dir_fd, CONFIG_FILE, 0);
		return -1;
	}
	return 0;
}

static int run(struct invocation *inv, struct err *e)
{
	const struct options *o = inv->options;
	const char *dir = str_empty(o->bundle) ? "." : o->bundle;
	auto_close int dir_fd = fd_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0, e);
	auto_str struct str compact = { 0 }, text = { 0 };

	if (dir_fd < 0)
		return -1;
	compose(o->rootless, &compact);
	print_pretty(compact.s, &text);
	return write_new(dir_fd, &text, e);
}

const struct command spec_command = {
	.name = "spec",
	.args = "",
	.usage = "create a new specification file",
	.description =
		"The spec command creates the new specification file named \"config.json\" for\n"
		"   the bundle.\n"
		"\n"
		"   The spec generated is just a starter file. Editing of the spec is required to\n"
		"   achieve desired results. For example, the newly generated spec includes an args\n"
		"   parameter that is initially set to call the \"sh\" command when the container is\n"
		"   started. Calling \"sh\" may work for an ubuntu container or busybox, but will not\n"
		"   work for containers that do not include the \"sh\" program.\n"
		"\n"
		"   The parameter --rootless makes a specification for a container that is run\n"
		"   without root privileges.",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 0,
	.max_args = 0,
	.run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* The options that go with --rootfs: what they become, and what is said of wrong ones. */
#include "cmd/line/quick.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/spec/spec.h"
#include "state/base/str.h"
#include "state/base/tap.h"

/* All that a row of cases may set; the rest is not given. */
struct given {
	const char *memory, *cpus, *net, *cwd, *user, *hostname, *env[3], *env_file, *volumes[3];
	bool readonly, tty, rootless;
	const char *args[3];
};

static struct strings list(const char *const *v, size_t max)
{
	struct strings s = { .v = (const char **)(uintptr_t)v };

	while (s.n < max && v[s.n])
		s.n++;
	return s;
}

static int configure(const struct given *g, struct str *out, struct err *e)
{
	struct quick_options o = {
		.rootfs = "/some/tree",
		.memory = g->memory,
		.cpus = g->cpus,
		.net = g->net,
		.cwd = g->cwd,
		.user = g->user,
		.hostname = g->hostname,
		.env = list(g->env, ARRAY_SIZE(g->env)),
		.env_files = list(&g->env_file, 1),
		.volumes = list(g->volumes, ARRAY_SIZE(g->volumes)),
		.readonly = g->readonly,
		.tty = g->tty,
		.rootless = g->rootless,
	};
	struct compose c;

	if (quick_parse(&o, (char **)(uintptr_t)g->args, &c, e) < 0)
		return -1;
	c.host_uid = 1000;
	c.host_gid = 1001;
	compose_config(&c, out);
	return 0;
}

/* What is in the JSON (has), and what is not (lacks); or the whole error. */
static const struct {
	struct given given;
	const char *has, *lacks, *error;
} cases[] = {
	{ { 0 }, "\"args\":[\"sh\"]", "memory", NULL },
	{ { 0 }, "\"root\":{\"path\":\"/some/tree\",\"readonly\":false}", "rprivate", NULL },
	{ { 0 }, "{\"type\":\"network\"}", "/etc/hosts", NULL },
	{ { 0 }, "\"terminal\":false,\"user\":{\"uid\":0,\"gid\":0}", "{\"type\":\"user\"}", NULL },
	{ { .args = { "ls", "a \"b\"" } }, "\"args\":[\"ls\",\"a \\\"b\\\"\"]", NULL, NULL },
	{ { .args = { "it's" } }, "\"args\":[\"it's\"]", NULL, NULL },
	{ { .tty = true }, "\"terminal\":true", NULL, NULL },
	{ { .readonly = true }, "\"readonly\":true", NULL, NULL },
	{ { .rootless = true },
	  "\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":1}],"
	  "\"gidMappings\":[{\"containerID\":0,\"hostID\":1001,\"size\":1}],",
	  "resources",
	  NULL },
	{ { .rootless = true }, "\"type\":\"sysfs\"", "gid=5", NULL },
	{ { .rootless = true, .net = "host" }, "\"source\":\"/sys\"", "\"type\":\"sysfs\"", NULL },
	{ { .rootless = true, .memory = "1m" },
	  "\"resources\":{\"memory\":{\"limit\":1048576}}",
	  "devices",
	  NULL },
	{ { .net = "host" },
	  "{\"destination\":\"/etc/resolv.conf\",\"type\":\"bind\",\"source\":"
	  "\"/etc/resolv.conf\",\"options\":[\"rbind\",\"rprivate\",\"ro\",\"rro\"]}",
	  "\"network\"",
	  NULL },
	{ { .net = "none" }, "\"network\"", "resolv.conf", NULL },
	{ { .net = "bridge" },
	  NULL,
	  NULL,
	  "--net bridge: expected none or host (other networks need a bundle)" },
	{ { .cwd = "/tmp" }, "\"cwd\":\"/tmp\"", NULL, NULL },
	{ { .cwd = "tmp" }, NULL, NULL, "--workdir tmp: expected an absolute path" },
	{ { .hostname = "box" }, "\"hostname\":\"box\"", NULL, NULL },
	{ { .user = "5" }, "\"user\":{\"uid\":5,\"gid\":0}", NULL, NULL },
	{ { .user = "5:4294967294" }, "\"user\":{\"uid\":5,\"gid\":4294967294}", NULL, NULL },
	{ { .user = "5:4294967295" },
	  NULL,
	  NULL,
	  "--user 5:4294967295: expected the numbers UID or UID:GID (names are not looked up)" },
	{ { .user = "bob" },
	  NULL,
	  NULL,
	  "--user bob: expected the numbers UID or UID:GID (names are not looked up)" },
	{ { .user = "5:" },
	  NULL,
	  NULL,
	  "--user 5:: expected the numbers UID or UID:GID (names are not looked up)" },
	/* Environment. */
	{ { .env = { "A=b=c" } }, "\"TERM=xterm\",\"A=b=c\"]", NULL, NULL },
	{ { .env = { "A=1", "A=2" } }, "\"TERM=xterm\",\"A=2\"]", "A=1", NULL },
	{ { .env = { "TERM=vt100" } }, ",\"TERM=vt100\"]", "xterm", NULL },
	{ { .env = { "AB=1", "A=2" } }, "\"AB=1\",\"A=2\"]", NULL, NULL },
	{ { .env = { "QUICK_SET" } }, "\"QUICK_SET=from here\"]", NULL, NULL },
	{ { .env = { "QUICK_UNSET" } }, "\"TERM=xterm\"]", "QUICK", NULL },
	{ { .env = { "A=" } }, "\"A=\"]", NULL, NULL },
	{ { .env = { "=x" } }, NULL, NULL, "--env: \"=x\" has no name before the \"=\"" },
	{ { .env = { "" } }, NULL, NULL, "--env: \"\" has no name before the \"=\"" },
	{ { .env_file = "good", .env = { "C=3" } },
	  "\"A=\\\"1\\\" # x\",\"B=2\",\"QUICK_SET=from here\",\"C=3\"]",
	  "comment",
	  NULL },
	{ { .env_file = "bad" },
	  NULL,
	  NULL,
	  "--env-file bad, line 2: \"two words\" is no name of a variable" },
	{ { .env_file = "nameless" },
	  NULL,
	  NULL,
	  "--env-file nameless, line 1: \"=x\" has no name before the \"=\"" },
	{ { .env_file = "nowhere" },
	  NULL,
	  NULL,
	  "--env-file: open nowhere: no such file or directory" },
	/* Volumes. */
	{ { .volumes = { "a:/b" } },
	  "{\"destination\":\"/b\",\"type\":\"bind\",\"source\":\"a\","
	  "\"options\":[\"rbind\",\"rprivate\"]}]",
	  NULL,
	  NULL },
	{ { .volumes = { "/a:/b//c/:ro,noexec" } },
	  "{\"destination\":\"/b/c\",\"type\":\"bind\",\"source\":\"/a\","
	  "\"options\":[\"rbind\",\"rprivate\",\"ro\",\"rro\",\"noexec\"]}]",
	  NULL,
	  NULL },
	{ { .volumes = { "/a:/b:rw,idmap=uids=0-1-10" } },
	  "\"rw\",\"idmap=uids=0-1-10\"]",
	  NULL,
	  NULL },
	{ { .volumes = { "/a:/b:,,rw,", "/c:/d" } }, "\"rprivate\",\"rw\"]},{", NULL, NULL },
	{ { .volumes = { "/a:/b:" } }, "\"rprivate\"]}]", NULL, NULL },
	{ { .volumes = { "/a:/b:Z" } }, NULL, NULL, "--volume /a:/b:Z: \"Z\" is no mount option" },
	{ { .volumes = { "/a:/b:r" } }, NULL, NULL, "--volume /a:/b:r: \"r\" is no mount option" },
	{ { .volumes = { "/a:b" } },
	  NULL,
	  NULL,
	  "--volume /a:b: b is not an absolute path in the container" },
	{ { .volumes = { "/a:/x/.." } },
	  NULL,
	  NULL,
	  "--volume /a:/x/..: the container's root is given by --rootfs" },
#define SHAPE "expected SRC:DST or SRC:DST:OPTIONS (a path with a colon in it cannot be given)"
	{ { .volumes = { "/a" } }, NULL, NULL, "--volume /a: " SHAPE },
	{ { .volumes = { ":/a" } }, NULL, NULL, "--volume :/a: " SHAPE },
	{ { .volumes = { "/a:" } }, NULL, NULL, "--volume /a:: " SHAPE },
	{ { .volumes = { "a:b:c:d" } }, NULL, NULL, "--volume a:b:c:d: " SHAPE },
	{ { .volumes = { "a:b:c:d:e" } }, NULL, NULL, "--volume a:b:c:d:e: " SHAPE },
	/* Memory. */
	{ { .memory = "1048576" }, "\"memory\":{\"limit\":1048576}", NULL, NULL },
	{ { .memory = "1048576b" }, "\"memory\":{\"limit\":1048576}", NULL, NULL },
	{ { .memory = "512k" }, "\"memory\":{\"limit\":524288}", NULL, NULL },
	{ { .memory = "64M" }, "\"memory\":{\"limit\":67108864}", NULL, NULL },
	{ { .memory = "64mb" }, "\"memory\":{\"limit\":67108864}", NULL, NULL },
	{ { .memory = "64MiB" }, "\"memory\":{\"limit\":67108864}", NULL, NULL },
	{ { .memory = "1.5g" }, "\"memory\":{\"limit\":1610612736}", NULL, NULL },
	{ { .memory = "1t" }, "\"memory\":{\"limit\":1099511627776}", NULL, NULL },
	{ { .memory = "64" },
	  NULL,
	  NULL,
	  "--memory 64: 64 bytes are too few, it takes 512k at least (64m are 64 MiB)" },
	{ { .memory = "9999999999g" }, NULL, NULL, "--memory 9999999999g is out of range" },
#define BYTES ": expected a number of bytes, or one with the unit k, m or g, such as 64m"
	{ { .memory = "m" }, NULL, NULL, "--memory m" BYTES },
	{ { .memory = "-1" }, NULL, NULL, "--memory -1" BYTES },
	{ { .memory = "64x" }, NULL, NULL, "--memory 64x" BYTES },
	{ { .memory = "64mm" }, NULL, NULL, "--memory 64mm" BYTES },
	{ { .memory = "64bb" }, NULL, NULL, "--memory 64bb" BYTES },
	{ { .memory = "64 m" }, NULL, NULL, "--memory 64 m" BYTES },
	/* Processors. */
	{ { .cpus = "0.5" }, "\"cpu\":{\"quota\":50000,\"period\":100000}", "memory", NULL },
	{ { .cpus = "2" }, "\"cpu\":{\"quota\":200000,\"period\":100000}", NULL, NULL },
	{ { .cpus = "0.29" }, "\"cpu\":{\"quota\":29000,\"period\":100000}", NULL, NULL },
	{ { .cpus = "0.001" }, NULL, NULL, "--cpus 0.001: expected 0.01 to 10000" },
	{ { .cpus = "20000" }, NULL, NULL, "--cpus 20000: expected 0.01 to 10000" },
	{ { .cpus = "x" }, NULL, NULL, "--cpus x: expected a number, such as 0.5 or 2" },
	{ { .cpus = "1x" }, NULL, NULL, "--cpus 1x: expected a number, such as 0.5 or 2" },
};

/* Whatever the options: hull reads it, and the printed form is the same JSON. */
static void check_json(const struct str *json, size_t i)
{
	auto_str struct str pretty = { 0 }, squeezed = { 0 };
	bool in_string = false;
	struct arena arena;
	struct spec *spec;
	struct err e = { 0 };

	arena_init(&arena);
	ok(spec_read(json->s, json->n, &arena, &spec, &e) == 0, "case %zu: is a configuration (%s)",
	   i, e.chain);
	compose_pretty(json->s, &pretty);
	for (const char *p = pretty.s; *p; p++) {
		if (*p == '"' && p[-1] != '\\')
			in_string = !in_string;
		if (in_string || !strchr("\n\t ", *p))
			str_add_n(&squeezed, p, 1);
	}
	is(squeezed.s, json->s, "its printed form differs in white space alone");
}

static void check(size_t i)
{
	auto_str struct str json = { 0 };
	struct err e = { 0 };

	if (configure(&cases[i].given, &json, &e) < 0) {
		is(e.chain, cases[i].error, "the error");
		return;
	}
	if (cases[i].error) {
		ok(false, "case %zu: no error, but: %s", i, cases[i].error);
		return;
	}
	if (!ok(strstr(json.s, cases[i].has) != NULL, "case %zu: %s", i, cases[i].has))
		note("%s", json.s);
	if (cases[i].lacks &&
	    !ok(!strstr(json.s, cases[i].lacks), "case %zu: no %s", i, cases[i].lacks))
		note("%s", json.s);
	check_json(&json, i);
}

static void write_file(const char *name, const char *text)
{
	struct err e;
	int fd = fd_open(AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, 0600, &e);

	ok(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0, "%s is written", name);
	close(fd);
}

int main(void)
{
	char dir[] = "/tmp/quick_test.XXXXXX";

	if (!ok(mkdtemp(dir) && chdir(dir) == 0, "a directory for the files"))
		return done_testing();
	setenv("QUICK_SET", "from here", 1);
	unsetenv("QUICK_UNSET");
	write_file("good", "# comment\n\nA=\"1\" # x\r\n  B=2\nQUICK_SET\nQUICK_UNSET");
	write_file("bad", "A=1\ntwo words=2\n");
	write_file("nameless", "=x\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check(i);
	unlink("good");
	unlink("bad");
	unlink("nameless");
	ok(chdir("/") == 0 && rmdir(dir) == 0, "nothing is left");
	return done_testing();
}

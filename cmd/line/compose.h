/* SPDX-License-Identifier: Apache-2.0 */
/* The default config.json, as `hull spec` writes it and `hull run --rootfs` uses it. Pure. */
#ifndef CMD_LINE_COMPOSE_H
#define CMD_LINE_COMPOSE_H

#include "cmd/line/cmd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str;

struct compose_bind {
	const char *source, *destination;
	const char *options; /* with commas between them; may be NULL */
};

/* What may differ in it. The strings are the caller's, in UTF-8. */
struct compose {
	const char *rootfs, *cwd, *hostname;
	const char *const *args; /* ended by NULL */
	struct strings env;	 /* NAME=VALUE, each name once */
	const struct compose_bind *binds;
	size_t n_binds;
	bool terminal, readonly;
	bool own_net;	   /* a network namespace of its own, with nothing but loopback */
	bool rootless;	   /* in a user namespace with no ids but 0, ... */
	uint32_t host_uid; /* ... which are these on the host */
	uint32_t host_gid;
	bool v2; /* cgroup2 is what is mounted at /sys/fs/cgroup */
	uint32_t uid, gid;
	int64_t memory;	   /* bytes; 0: no limit */
	int64_t cpu_quota; /* microseconds in COMPOSE_CPU_PERIOD; 0: no limit */
};

#define COMPOSE_CPU_PERIOD 100000 /* microseconds, the kernel's default */

extern const char *const compose_default_env[]; /* ended by NULL */

/* One line of JSON. */
void compose_config(const struct compose *c, struct str *out);
/* The same JSON with a value a line and tabs, as Go's json.MarshalIndent writes it. */
void compose_pretty(const char *json, struct str *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for containerd's log. Runs in the shim. */
#include "cmd/shim/log.h"

#include "state/base/mem.h"
#include "state/base/str.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char *log_bundle;

void shim_log_init(const char *bundle)
{
	log_bundle = bundle;
}

void shim_log(const char *level, const char *fmt, ...)
{
	auto_free char *path = log_bundle ? xasprintf("%s/log", log_bundle) : NULL;
	auto_close int fd = path ? open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC) : -1;
	auto_str struct str line = { 0 };
	char text[1024], when[32] = "";
	time_t now = time(NULL);
	struct tm tm;
	va_list ap;

	if (fd < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	str_addf(&line, "time=\"%s\" level=%s msg=", when, level);
	str_add_json(&line, text);
	str_add(&line, " runtime=io.containerd.hull.v2\n");
	(void)!write(fd, line.s, line.n);
}

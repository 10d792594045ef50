/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/wire/messages.h"
#include "cmd/wire/ttrpc.h"
#include "state/base/tap.h"

#include <string.h>

static char seen[256];

static bool take_note(void *arg, const struct frame *f)
{
	(void)arg;
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%u/%u/%u:%.*s ", f->stream,
		 f->type, f->flags, f->n > FRAME_MAX ? 3 : (int)f->n,
		 f->n > FRAME_MAX ? "big" :
		 f->data	  ? f->data :
				    "");
	return !strstr(seen, "stop");
}

static const char two[] = "\0\0\0\3\0\0\0\1\1\0abc\0\0\0\0\0\0\1\3\2\4";

/* However the bytes come. */
static void pieces(void)
{
	for (size_t step = 1; step <= sizeof(two); step++) {
		struct frames f = { 0 };

		*seen = '\0';
		for (size_t at = 0; at < sizeof(two) - 1; at += step) {
			size_t left = sizeof(two) - 1 - at;

			frames_feed(&f, two + at, left < step ? left : step, take_note, NULL);
		}
		ok(!strcmp(seen, "1/1/0:abc 259/2/4: ") && !f.part.n, "pieces of %zu bytes: %s",
		   step, seen);
		frames_done(&f);
	}
}

/* One that is too long is told of at once, and passed over; what follows is heard. */
static void too_long(void)
{
	static const char head[] = "\0\x40\0\1\0\0\0\1\1\0";
	static char data[FRAME_MAX + 1];
	struct frames f = { 0 };

	*seen = '\0';
	frames_feed(&f, head, 10, take_note, NULL);
	ok(!strcmp(seen, "1/1/0:big "), "a frame that is too long is told of");
	frames_feed(&f, data, sizeof(data), take_note, NULL);
	ok(!f.part.n && !f.skip, "its data is kept nowhere");
	frames_feed(&f, two, sizeof(two) - 1, take_note, NULL);
	ok(!strcmp(seen, "1/1/0:big 1/1/0:abc 259/2/4: "), "what follows is heard");
	frames_done(&f);
}

static void stops(void)
{
	static const char text[] = "\0\0\0\4\0\0\0\1\1\0stop\0\0\0\1\0\0\0\3\1\0x";
	struct frames f = { 0 };

	*seen = '\0';
	frames_feed(&f, text, sizeof(text) - 1, take_note, NULL);
	ok(!strcmp(seen, "1/1/0:stop ") && !f.part.n, "after a hang-up nothing more is looked at");
	frames_done(&f);
}

/* What containerd 1.6 sends for Kill, byte by byte. */
static void messages(void)
{
	static const char kill[] = "\x0a\x03one\x18\x0f\x20\x01";
	struct task_request r = { 0 };
	struct task_response s = { .exit_status = 137, .exited_at = shim_time_of(5000000007) };
	auto_str struct str out = { 0 };

	ok(pb_read((struct pb_bytes){ kill, sizeof(kill) - 1 }, task_kill_rows, &r) &&
		   pb_is(r.id, "one") && r.signal == 15 && r.all && !r.exec_id.n,
	   "a KillRequest is read");
	pb_write(&out, task_wait_rows, &s);
	ok(out.n == 9 && !memcmp(out.s, "\x08\x89\x01\x12\x04\x08\x05\x10\x07", 9),
	   "a WaitResponse is written");
}

int main(void)
{
	pieces();
	too_long();
	stops();
	messages();
	return done_testing();
}

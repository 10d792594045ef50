/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames in pieces of any size, and the messages in them by every table: no byte is read that is not
 * there, whatever a client sends; and what is written from what was read reads the same again.
 */
#include "cmd/wire/messages.h"

#include "cmd/wire/ttrpc.h"
#include "state/base/fuzz.h"
#include "state/base/mem.h"

#include <stdlib.h>
#include <string.h>

static const struct pb_row *const requests[] = {
	task_id_rows,	 task_create_rows,     task_exec_rows,	 task_resize_rows,   task_kill_rows,
	task_close_rows, task_checkpoint_rows, task_update_rows, task_shutdown_rows,
};

static void read_mounts(struct pb list)
{
	struct pb_bytes m, option;

	while (pb_each(&list, TASK_MOUNTS, &m)) {
		struct shim_mount mount = { 0 };

		if (!pb_read(m, shim_mount_rows, &mount))
			continue;
		while (pb_each(&mount.options, MOUNT_OPTIONS, &option))
			free(pb_dup(option));
	}
}

static void read_request(struct pb_bytes payload)
{
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct task_request r = { 0 }, again = { 0 };
		auto_str struct str out = { 0 };

		if (!pb_read(payload, requests[i], &r))
			continue;
		read_mounts(r.mounts);
		r.mounts = (struct pb){ NULL, NULL };
		pb_write(&out, requests[i], &r);
		must(pb_read((struct pb_bytes){ out.s, out.n }, requests[i], &again));
		must(again.id.n == r.id.n && again.signal == r.signal && again.all == r.all);
	}
}

static bool got(void *arg, const struct frame *f)
{
	size_t *n = arg;
	struct shim_request r = { 0 };

	if (f->n > FRAME_MAX)
		return true;
	*n += f->n;
	if (pb_read((struct pb_bytes){ f->data, f->n }, shim_request_rows, &r))
		read_request(r.payload);
	/* A server may hang up at any frame. */
	return f->type != 0xff;
}

/* The first byte says how long the pieces are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frames f = { 0 };
	size_t step = size ? data[0] + 1u : 1, bytes = 0;

	for (size_t at = 1; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;
		char *piece = malloc(n);

		if (!piece)
			break;
		memcpy(piece, data + at, n);
		frames_feed(&f, piece, n, got, &bytes);
		free(piece);
	}
	frames_done(&f);
	return 0;
}

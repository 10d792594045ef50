/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoded configuration beside its text: what `exec` would otherwise read, check and decode
 * again on every call, while it can only have changed with the hull that reads it. It is the part
 * of a shared arena (state/base/mem.h) that holds the decoded configuration, byte by byte, so reading it
 * is one call that puts it where it was. It is used by the very binary that wrote it, and never
 * relied on: whoever finds none that fits decodes the text.
 */
#ifndef STATE_SPEC_CACHE_H
#define STATE_SPEC_CACHE_H

#include "state/base/mem.h"
#include "state/spec/spec.h"

/*
 * Write what a holds from the given place on, all of it belonging to s, which was decoded from the
 * text behind text_fd, as the file into dir_fd. Best effort: without the file nothing but time is
 * lost.
 */
void spec_cache_write(int dir_fd, const char *file, int text_fd, const struct arena *a,
		      const char *from, const struct spec *s);

/*
 * Put the file's configuration into a, whose next free place must be where it was written from.
 * NULL when there is none, it is another binary's, of another text in dir_fd, or damaged.
 */
struct spec *spec_cache_read(int dir_fd, const char *file, const char *text, struct arena *a);

#endif

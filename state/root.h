/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory ROOT and the directory ROOT/ID of each container, whose existence makes the
 * id taken and whose lock (flock(2)) keeps commands that change the container apart.
 */
#ifndef STATE_ROOT_H
#define STATE_ROOT_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct root {
	char *path;	 /* absolute and clean */
	bool is_default; /* not chosen with --root */
	bool sticky;	 /* below XDG_RUNTIME_DIR: keeps cleaners of old files away */
};

/* Where it is; touches no file. option is the value of --root, NULL or "" without it. */
must_check int root_find(const char *option, struct root *ret, struct err *e);
void root_done(struct root *r);
/* The caller is root, but in a user namespace that has not all ids: no more than an ordinary user. */
bool root_is_of_user_ns(void);
/* A descriptor of the directory; create makes it with its parents. e->code is ENOENT without it. */
must_check int root_open(const struct root *r, bool create, struct err *e);
/* The ids in ROOT, sorted, ended by NULL; the caller frees each, and the list. */
must_check int root_list(int root_fd, char ***ret, struct err *e);
must_check int root_check_id(const char *id, struct err *e);

struct container {
	char *id;
	int root_fd, dir_fd;
	bool locked;
};
#define CONTAINER_INIT ((struct container){ .root_fd = -1, .dir_fd = -1 })
#define auto_container __attribute__((cleanup(container_close)))
void container_close(struct container *c); /* gives the lock back; may be repeated */

/* Make ROOT/ID, locked. e->code is EEXIST when the id is in use. */
must_check int container_create(const struct root *r, const char *id, struct container *ret,
				struct err *e);
/* Open ROOT/ID, not locked. e->code is ENOENT for "container does not exist". */
must_check int container_open(const struct root *r, const char *id, struct container *ret,
			      struct err *e);
must_check int container_open_at(int root_fd, const char *id, struct container *ret, struct err *e);
/*
 * Wait for the lock, at most timeout_ms. e->code is ETIMEDOUT when another command still holds it,
 * ENOENT when that command has removed the container.
 */
must_check int container_lock(struct container *c, int timeout_ms, struct err *e);
void container_unlock(struct container *c);
#define CONTAINER_LOCK_MS 30000 /* more than the slowest command that holds a lock needs */

/*
 * Remove ROOT/ID with all that is in it, the record last: a remove that was killed can be repeated.
 * The container must be locked.
 */
must_check int container_remove(struct container *c, struct err *e);

#endif

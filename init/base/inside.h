/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths below the container's root. The root's content belongs to the image and, through shared
 * volumes, to other containers that may change it while we look (CVE-2021-30465): a path is
 * resolved once, as if the root were "/", and from then on only its descriptor is used.
 */
#ifndef INIT_BASE_INSIDE_H
#define INIT_BASE_INSIDE_H

#include "state/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

enum inside_kind { INSIDE_DIR, INSIDE_FILE };

/*
 * O_PATH descriptor of path; what is missing is made: directories 0755, at its end a directory
 * or an empty file. Symbolic links are followed inside the root, dangling ones too.
 */
must_check int inside_make(int root_fd, const char *path, enum inside_kind kind, struct err *e);

/* The same, for a path that was just found not to exist. */
must_check int inside_make_missing(int root_fd, const char *path, enum inside_kind kind,
				   struct err *e);

/*
 * O_PATH|O_DIRECTORY descriptor of the directory that holds the last component of path, made when
 * missing; *ret_name points at that component within path. The component itself is not looked at.
 */
must_check int inside_make_parent(int root_fd, const char *path, const char **ret_name,
				  struct err *e);

/*
 * O_PATH descriptor of /dev/null: no link, and the character device 1:3. Another file of that name,
 * of the image's choice, could be one of /proc (CVE-2025-31133) or of the host (CVE-2026-88265).
 */
must_check int inside_open_null(int root_fd, struct err *e);

/* An existing path as O_PATH | flags, links followed inside the root; -1 and errno. */
int inside_open(int root_fd, const char *path, int flags);

#endif

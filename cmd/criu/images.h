/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a restore has to know of CRIU's image files (criu's images/mnt.proto) before it begins: the
 * mounts that are for somebody else to bring, and who can read the files.
 */
#ifndef CMD_CRIU_IMAGES_H
#define CMD_CRIU_IMAGES_H

#include "state/base/err.h"
#include "state/base/str.h"
#include "state/spec/spec.h"

/*
 * crun masks with binds of the host's, which it leaves out of the images: name the source of each
 * such mount of maskedPaths in opts, a message criu_opts that has all other external mounts already.
 * empty_dir: the absolute path of what is to be seen at a masked directory. A mount of the images
 * that nobody brings is an error (EINVAL) that names it. 1: empty_dir is needed, 0: it is not.
 */
must_check int criu_add_masks(const struct spec *s, int images_fd, const char *empty_dir,
			      struct str *opts, struct err *e);

/*
 * criu reads the images as the host's root and, where a user namespace is made, as the container's:
 * what that one may not read is an error (EACCES) that names it. (An id-mapped mount of them does not
 * help: criu begins to read before it has written the maps, and is nobody's owner then.)
 */
must_check int criu_check_images(const struct spec *s, const char *path, int images_fd,
				 struct err *e);

#endif

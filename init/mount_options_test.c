/* SPDX-License-Identifier: Apache-2.0 */
#include "init/mount_options.h"
#include "state/mem.h"
#include "state/sys.h"
#include "state/tap.h"

#include <string.h>

static struct mount_options parse(const char *text)
{
	static char buf[512];
	static char *v[32];
	struct str_array a = { 0, v };
	struct mount_options o;
	char *save = NULL;

	snprintf(buf, sizeof(buf), "%s", text);
	for (char *w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save))
		v[a.n++] = w;
	mount_options_parse(&a, &o);
	return o;
}

int main(void)
{
	struct mount_options o = parse("rbind ro nosuid rprivate");

	ok(o.bind && o.recursive_bind, "rbind is a recursive bind");
	ok(o.attr_set == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID) && !o.attr_clr,
	   "ro and nosuid are attributes");
	ok(o.propagation[1] == MS_PRIVATE && !o.propagation[0], "rprivate is recursive");
	ok(!o.data.n, "nothing is left for the file system");
	o = parse("nosuid noexec mode=755 size=65536k strictatime");
	ok(!strcmp(o.data.s, "mode=755,size=65536k"), "unknown options are data, in order: %s",
	   o.data.s);
	ok(o.attr_set == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_STRICTATIME) &&
		   o.attr_clr == MOUNT_ATTR__ATIME,
	   "an atime attribute clears the others of its field");
	mount_options_done(&o);
	o = parse("ro rw");
	ok(!o.attr_set && o.attr_clr == MOUNT_ATTR_RDONLY && !(o.ms_flags & MS_RDONLY) &&
		   !o.super_set,
	   "the last of ro, rw wins");
	o = parse("rw ro");
	ok(o.attr_set == MOUNT_ATTR_RDONLY && !o.attr_clr && (o.ms_flags & MS_RDONLY),
	   "and the other way round");
	o = parse("rro rnosuid");
	ok(o.rec_attr_set == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID) && !o.attr_set,
	   "recursive attributes are apart");
	o = parse("slave rshared");
	ok(o.propagation[0] == MS_SLAVE && o.propagation[1] == MS_SHARED,
	   "two kinds of propagation");
	o = parse("tmpcopyup copy-symlink src-nofollow dest-nofollow idmap remount");
	ok(o.tmpcopyup && o.copy_symlink && o.src_nofollow && o.dest_nofollow && o.idmap &&
		   o.remount,
	   "special ones");
	o = parse("sync dirsync lazytime mand silent");
	ok(__builtin_popcount(o.super_set) == 5 && !o.data.n, "flags of the superblock");
	o = parse("defaults iversion loud async");
	ok(!o.data.n && !o.attr_set, "words that ask for the default");
	for (unsigned i = 1; mount_option_name(i); i++) {
		if (strcmp(mount_option_name(i - 1), mount_option_name(i)) >= 0)
			ok(false, "the table is not sorted at %s", mount_option_name(i));
	}
	ok(true, "the table is sorted");
	return done_testing();
}

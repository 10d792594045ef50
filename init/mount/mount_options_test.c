/* SPDX-License-Identifier: Apache-2.0 */
#include "init/mount/mount_options.h"
#include "state/base/mem.h"
#include "state/base/sys.h"
#include "state/base/tap.h"

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

static void test_context(void)
{
	char quoted[] = "context=\"u:r:t:s0:c1,c2\",mode=755", other[] = "size=1,context=\"x\"";
	char open[] = "context=\"a,b", not_ours[] = "opt=\"a,b\",c", value[] = "\"a,b\"",
	     bare[] = "\"";

	is(mount_skip_context(quoted), ",mode=755", "the commas of a label are no end of it");
	ok(mount_skip_context(other) == other, "only a first option is skipped");
	ok(mount_skip_context(open) == open, "... that ends");
	ok(mount_skip_context(not_ours) == not_ours, "... and is SELinux's");
	is(mount_unquote(value), "a,b", "the quotes are not the kernel's");
	is(mount_unquote(bare), "\"", "one quote alone is none");
	ok(mount_is_context("fscontext") && mount_is_context("rootcontext") &&
		   !mount_is_context("contexts"),
	   "the keys of SELinux");
}

int main(void)
{
	struct mount_options o = parse("rbind ro nosuid rprivate");
	struct mount_change c = mount_options_bind(&o);
	auto_str struct str names = { 0 };

	ok(o.bind && o.recursive_bind, "rbind is a recursive bind");
	ok(c.set == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID) &&
		   c.clr == (MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW),
	   "ro and nosuid are attributes, the others are cleared");
	c = mount_options_locked(&o);
	ok(c.set == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID) && c.clr == MOUNT_ATTR_NOSYMFOLLOW,
	   "with locked flags only what cannot be locked is cleared");
	c = mount_options_remount(&o);
	ok(c.set == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID) && !c.clr, "a remount changes no more");
	ok(o.n_propagation == 1 && o.propagation[0] == (MS_PRIVATE | MS_REC),
	   "rprivate is recursive");
	ok(!o.data.n, "nothing is left for the file system");
	o = parse("rbind rprivate");
	c = mount_options_bind(&o);
	ok(!c.set && !c.clr, "a bind without flags keeps those of its source");
	o = parse("nosuid noexec mode=755 size=65536k strictatime");
	ok(!strcmp(o.data.s, "mode=755,size=65536k"), "unknown options are data, in order: %s",
	   o.data.s);
	mount_options_done(&o);
	ok(mount_options_new(&o) ==
		   (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_STRICTATIME),
	   "of a new file system they are those that were asked for");
	c = mount_options_bind(&o);
	ok((c.clr & MOUNT_ATTR__ATIME) == MOUNT_ATTR__ATIME && c.clr & MOUNT_ATTR_NODIRATIME,
	   "an atime attribute clears the others of its field");
	o = parse("ro rw");
	c = mount_options_bind(&o);
	ok(!c.set && c.clr & MOUNT_ATTR_RDONLY && o.ms_clr == MS_RDONLY, "the last of ro, rw wins");
	c = mount_options_remount(&o);
	ok(!c.set && c.clr == MOUNT_ATTR_RDONLY, "and is what a remount clears");
	o = parse("rw ro");
	ok(o.ms_set == MS_RDONLY && !o.ms_clr, "and the other way round");
	o = parse("noatime relatime");
	ok(o.ms_set == MS_RELATIME, "the last of the access times wins");
	o = parse("noatime atime");
	c = mount_options_bind(&o);
	ok(!c.set && !(c.clr & MOUNT_ATTR__ATIME), "atime takes noatime back, and no more");
	o = parse("nodiratime");
	c = mount_options_bind(&o);
	ok(c.set == MOUNT_ATTR_NODIRATIME && c.clr & MOUNT_ATTR__ATIME,
	   "nodiratime goes with relatime, as in mount(2)");
	o = parse("rro rnosuid");
	ok(o.rec_attr_set == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID) && !o.ms_set,
	   "recursive attributes are apart");
	o = parse("slave rshared");
	ok(o.n_propagation == 2 && o.propagation[0] == MS_SLAVE &&
		   o.propagation[1] == (MS_SHARED | MS_REC),
	   "kinds of propagation keep their order");
	o = parse("private shared slave private shared slave private shared rslave");
	ok(o.n_propagation == PROPAGATION_MAX && o.propagation[0] == MS_SHARED &&
		   o.propagation[PROPAGATION_MAX - 1] == (MS_SLAVE | MS_REC),
	   "of too many the last ones count");
	o = parse("tmpcopyup copy-symlink src-nofollow dest-nofollow remount");
	ok(o.tmpcopyup && o.copy_symlink && o.src_nofollow && o.dest_nofollow && o.remount,
	   "special ones");
	ok(parse("idmap").idmap == IDMAP_TOP && parse("ridmap").idmap == IDMAP_RECURSIVE &&
		   parse("bind").idmap == IDMAP_NO,
	   "idmap and ridmap");
	o = parse("idmap=uids=0-1-10");
	ok(o.idmap == IDMAP_TOP && !strcmp(o.idmap_spec, "uids=0-1-10") && !o.data.n,
	   "idmap with mappings");
	o = parse("ridmap=gids=0-1-10");
	ok(o.idmap == IDMAP_RECURSIVE && !strcmp(o.idmap_spec, "gids=0-1-10"), "ridmap, too");
	o = parse("sync dirsync lazytime mand silent iversion");
	ok(__builtin_popcountl(o.ms_set) == 6 && !mount_options_new(&o) && !o.data.n,
	   "flags of the superblock");
	o = parse("defaults loud async noiversion nolazytime nomand");
	ok(!o.data.n && !o.ms_set && __builtin_popcountl(o.ms_clr) == 5,
	   "words that ask for the default");
	mount_flag_names(MS_RDONLY | MS_NODEV | MS_RELATIME, &names);
	ok(!strcmp(str_get(&names), "ro,nodev,relatime"), "flags have names: %s", str_get(&names));
	for (unsigned i = 1; mount_option_name(i); i++) {
		if (strcmp(mount_option_name(i - 1), mount_option_name(i)) >= 0)
			ok(false, "the table is not sorted at %s", mount_option_name(i));
	}
	ok(true, "the table is sorted");
	test_context();
	return done_testing();
}

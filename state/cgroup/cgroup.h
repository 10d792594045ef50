/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroups of a container: where they are, making and filling them, who is inside, stopping
 * and removing them. Used by hull itself (never inside the container), with the rights of its
 * caller.
 */
#ifndef STATE_CGROUP_H
#define STATE_CGROUP_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spec_resources;

enum cgroup_layout {
	CGROUP_NONE, /* no cgroup file system was found */
	CGROUP_V1,   /* hybrid, too: V1 with one directory in the unified hierarchy */
	CGROUP_V2,
};

struct cgroup_dir {
	char *controllers; /* "cpu,cpuacct", "name=systemd"; "" is the unified (v2) hierarchy */
	char *path;	   /* absolute, on the host */
	size_t made;	   /* cgroup_create made what follows path[0..made); 0: it made nothing */
};

/* Plain data: the record keeps layout, controllers and path, and rebuilds it from them. */
struct cgroup {
	enum cgroup_layout layout;
	size_t n;
	struct cgroup_dir *dirs; /* allocated, like the strings in it */
};

/*
 * Where the container's cgroups will be; changes nothing. cgroups_path (linux.cgroupsPath):
 * absolute is below the hierarchy's mount; NULL (then id is used) or relative is below hull's own
 * cgroup on v1, and below the parent of hull's own cgroup on v2. ".." cannot climb out.
 */
must_check int cgroup_locate(struct cgroup *cg, const char *cgroups_path, const char *id,
			     struct err *e);

/* The cgroups that process pid is in now, in the hierarchies that are mounted. */
must_check int cgroup_of(pid_t pid, struct cgroup *cg, struct err *e);

/*
 * Make them. res (may be NULL) says which v2 controllers are needed beyond those for statistics.
 * One that exists must be empty and not frozen. After a failure nothing is left behind, and cg
 * has no directories any more: what is there belongs to others.
 * e->code is EPERM, EACCES or EROFS where there is no permission: a rootless caller without
 * limits and cgroupsPath may go on without cgroups. Where only the unified hierarchy of a hybrid
 * layout is denied and res sets nothing in it, cg loses that directory, and this is no error.
 */
must_check int cgroup_create(struct cgroup *cg, const struct spec_resources *res, struct err *e);

/* EBUSY when one is there that create would refuse: with processes in it, or frozen. */
must_check int cgroup_check_unused(const struct cgroup *cg, struct err *e);

/*
 * The same for cgroups of which systemd has made some and pid is the only process: it goes into all
 * of them, and nothing in them is removed after a failure, as those of systemd are not ours.
 */
must_check int cgroup_adopt(struct cgroup *cg, const struct spec_resources *res, pid_t pid,
			    struct err *e);
/*
 * The path in its hierarchy ("/system.slice/x.scope") of the cgroup that systemd has pid in: on v1
 * that of its own hierarchy. The caller frees it.
 */
must_check int cgroup_systemd_path(pid_t pid, char **ret, struct err *e);
/* Take away what a small limit would keep the container's birth from; cgroup_apply_limits writes it. */
void cgroup_relax(const struct cgroup *cg);

/* The directory with this controller ("memory", "" for the unified hierarchy), or NULL. */
const struct cgroup_dir *cgroup_find(const struct cgroup *cg, const char *controller);

/*
 * How a process gets in without the kernel's global lock (DESIGN.md section 3). into_fd is for
 * clone3(CLONE_INTO_CGROUP), v2 and hybrid; -1 without a unified hierarchy. To each of tasks_fds
 * (v1) the new process writes "0" by itself, while it has one thread. The memory controller may be
 * entered last: what it takes to make a container is then not charged to its limit.
 */
#define CGROUP_TASKS_MAX 32
struct cgroup_join {
	int into_fd;
	int memory_fd; /* the `tasks` of the v1 memory controller, -1; not among the others */
	size_t n;
	int tasks_fds[CGROUP_TASKS_MAX];
};
#define CGROUP_JOIN_INIT                       \
	{                                      \
		.into_fd = -1, .memory_fd = -1 \
	}
must_check int cgroup_join_open(const struct cgroup *cg, struct cgroup_join *ret, struct err *e);
void cgroup_join_close(struct cgroup_join *j); /* sets all to -1 and n to 0; may be repeated */
/* The slow way, for kernels without CLONE_INTO_CGROUP (before 5.7): write pid to cgroup.procs. */
must_check int cgroup_add(const struct cgroup *cg, pid_t pid, struct err *e);

/*
 * Write the limits that are set in res (may be NULL). A pointer in *e starts at res, as those of
 * `update --resources` do: create puts /linux/resources before it.
 * cgroup_apply is both of the others in turn. No rules for devices: every device is allowed.
 * On v1 there is a moment in which no device may be opened: nobody inside should need one then.
 * shared_fd is a directory of the caller's alone, in which the eBPF programs of v2 find each other, or -1.
 * EPERM for devices: no right to load eBPF programs (rootless, where the kernel lets nobody
 * make device nodes anyway).
 */
must_check int cgroup_apply(const struct cgroup *cg, const struct spec_resources *res,
			    struct err *e);
must_check int cgroup_apply_limits(const struct cgroup *cg, const struct spec_resources *res,
				   struct err *e);
must_check int cgroup_apply_devices(const struct cgroup *cg, const struct spec_resources *res,
				    int shared_fd, struct err *e);

/* Is any limit set in res (may be NULL)? Rules for devices are none. */
bool cgroup_has_limits(const struct spec_resources *res);

/*
 * The limits alone, for `update`: the devices stay as they are. When something fails, commit (may
 * be NULL, is called last) included, all files hold again what they held before.
 */
must_check int cgroup_update(const struct cgroup *cg, const struct spec_resources *res,
			     int (*commit)(void *arg, struct err *e), void *arg, struct err *e);

/*
 * The cgroups below cg that `exec --cgroup` names: "PATH" in all hierarchies, or one or more
 * "CONTROLLER[,CONTROLLER]:PATH". They must exist; no path leads out of cg.
 */
must_check int cgroup_sub(const struct cgroup *cg, const char *const *wishes, size_t n,
			  struct cgroup *ret, struct err *e);

/* v2: all controllers that the machine has, as far as the cgroups above allow. */
void cgroup_enable_all(const struct cgroup *cg);
/* v2: give the directory and the files that the kernel calls safe for it to this user. */
must_check int cgroup_delegate(const struct cgroup *cg, uid_t uid, struct err *e);

/* What a limit is whose controller this machine lacks; "unlimited" never needs one. */
enum cgroup_missing { CGROUP_MISSING_ERROR, CGROUP_MISSING_WARN, CGROUP_MISSING_IGNORE };
void cgroup_set_missing(enum cgroup_missing policy);
/* Why this machine has not the controller ("memory", "io"), for a person; the caller frees it. */
char *cgroup_why_not(const char *controller);

/* cpu.weight for cpu.shares. */
uint64_t cgroup_weight(uint64_t shares);
/*
 * memory.swap.max for the specification's limits of memory and of memory and swap, where 0 is "not
 * set" and -1 "none"; INT64_MIN: not set.
 */
must_check int cgroup_swap(int64_t limit, int64_t swap, int64_t *ret, struct err *e);
/* io.weight for blkio.weight, 10 to 1000. */
uint64_t cgroup_io_weight(uint64_t weight);

struct spec_device_rule;
/*
 * Rules for devices, the default ones with them, as v1 takes them: the exceptions ("c 1:3 rwm") to what is
 * so for all other devices.
 */
struct device_lines {
	size_t n;
	char **v;
	bool default_allow, allows_all;
};
must_check int device_lines(const struct spec_device_rule *spec, size_t n, struct device_lines *ret,
			    struct err *e);
void device_lines_done(struct device_lines *l);

/* dir/file without its last newline; -1 and errno. */
ssize_t cgroup_read(const char *dir, const char *file, char *buf, size_t size);
/* The number after "key " at the start of a line of dir/file ("populated 1"); -1 if there is none. */
int64_t cgroup_read_key(const char *dir, const char *file, const char *key);
/* list ("cpu,cpuacct" or "cpu io") contains name as a whole word. */
bool cgroup_has_word(const char *list, const char *name);
/*
 * The directory whose files are for this controller: a v1 one, or else the unified one, or NULL. "" is
 * the unified one itself. *ret_v2: its files are those of v2.
 */
const struct cgroup_dir *cgroup_serving(const struct cgroup *cg, const char *controller,
					bool *ret_v2);

/* 1: frozen itself (not by an ancestor) or about to be; 0: not, or there is no cgroup. */
int cgroup_is_frozen(const struct cgroup *cg);
/* The cgroup, its own or one above it, that keeps its processes from running; NULL when none does. The caller frees it. */
char *cgroup_frozen_by(const struct cgroup *cg);
/* EBUSY when there is one, with its name, as from cgroup_create(). */
must_check int cgroup_check_runs(const struct cgroup *cg, struct err *e);
/* The same as cgroup_frozen_by() of one that is known not to be frozen itself: it need not be looked at where nothing above can be. */
char *cgroup_frozen_above(const struct cgroup *cg);
/* Returns when all processes stand still, or thaws again and fails after 10 seconds. */
must_check int cgroup_freeze(const struct cgroup *cg, bool frozen, struct err *e);

/* Every process inside and below, as hull's PID namespace numbers them; the caller frees *ret. */
must_check int cgroup_pids(const struct cgroup *cg, pid_t **ret, size_t *ret_n, struct err *e);
/* Signal them all. SIGKILL misses nobody who forks, and thaws. No cgroup is no error. */
must_check int cgroup_kill(const struct cgroup *cg, int sig, struct err *e);
/* Remove what is there with everything below; processes are killed and waited for. */
must_check int cgroup_remove(const struct cgroup *cg, int timeout_ms, struct err *e);
/*
 * A process that was killed and does not die. v1: one that a frozen cgroup within cg holds is let go:
 * true. And ": it is frozen by ..." as far as there is a reason to be seen; "" without. The caller frees it.
 */
bool cgroup_thaw_holder(const struct cgroup *cg, pid_t pid);
char *cgroup_why_alive(const struct cgroup *cg, pid_t pid);
/* The same only of a frozen cgroup; NULL when none holds it. */
char *cgroup_why_frozen(const struct cgroup *cg, pid_t pid);
void cgroup_done(struct cgroup *cg);

/* What it uses, as the "data" of runc's events, added to out. */
struct str;
void cgroup_stats(const struct cgroup *cg, struct str *out);
/* The same as the message io.containerd.cgroups.v1.Metrics, or v2.Metrics, added to out. */
void cgroup_metrics(const struct cgroup *cg, struct str *out);

/* To be told of OOM: poll fd for events (fd is -1 without a memory controller). */
struct cgroup_oom {
	int fd, control_fd;
	short events;
	uint64_t seen;
};
must_check int cgroup_oom_open(const struct cgroup *cg, struct cgroup_oom *ret, struct err *e);
/* Has there been any since it was last asked? Not because the cgroup is gone. */
bool cgroup_oom_happened(const struct cgroup *cg, struct cgroup_oom *o);
void cgroup_oom_close(struct cgroup_oom *o);

/* How many processes the OOM killer has ended inside; 0 when unknown. */
uint64_t cgroup_oom_kills(const struct cgroup *cg);
/*
 * The same of the cgroup above. It counts for all below it, those that are gone included, unless
 * the hierarchy is mounted with memory_localevents. 0 on v1, whose cgroups count for themselves.
 */
uint64_t cgroup_oom_kills_above(const struct cgroup *cg);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The annotations that mean something to a runtime: runc's org.systemd.property.*, crun's
 * run.oci.*. Those that hull does not do are refused or warned of, never dropped in silence; all
 * others are the engines' own and pass into the state document (runtime.md, State).
 */
#ifndef STATE_ANNOTATIONS_H
#define STATE_ANNOTATIONS_H

#include "state/base/err.h"
#include "state/spec/spec.h"

#define ANNOTATION_HOOKS_STDOUT	    "run.oci.hooks.stdout"
#define ANNOTATION_HOOKS_STDERR	    "run.oci.hooks.stderr"
#define ANNOTATION_KEEP_GROUPS	    "run.oci.keep_original_groups"
#define ANNOTATION_SECCOMP_RECEIVER "run.oci.seccomp.receiver"
#define ANNOTATION_PIDFD_RECEIVER   "run.oci.pidfd_receiver"
#define ANNOTATION_SECCOMP_BPF	    "run.oci.seccomp_bpf_data"
#define ANNOTATION_SECCOMP_UNKNOWN  "run.oci.seccomp_fail_unknown_syscall"
#define ANNOTATION_CRIU_CONFIG	    "org.criu.config"
#define ANNOTATION_HANDLER	    "run.oci.handler"
#define ANNOTATION_WASM		    "module.wasm.image/variant"
#define ANNOTATION_SYSTEMD_PROPERTY "org.systemd.property."

/* Values that are wrong, and annotations that hull refuses; pointers start at /annotations. */
must_check int annotations_check(const struct spec *s, struct err *e);
/* Tell of those that have no effect here; systemd: it makes the container's unit. */
void annotations_warn(const struct spec *s, bool systemd, void (*warn)(const char *));

/*
 * Those that may reach the host, for `features` (potentiallyUnsafeConfigAnnotations); those that
 * end in "." are prefixes. Ends with NULL.
 */
extern const char *const annotations_unsafe[];

#endif

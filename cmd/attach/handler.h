/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers: programs of the host that run in place of the container's own, inside of the container and
 * with all of its restrictions (crun's run.oci.handler, which loads libraries into the runtime).
 */
#ifndef CMD_ATTACH_HANDLER_H
#define CMD_ATTACH_HANDLER_H

#include "cmd/line/cmd.h"
#include "state/base/err.h"
#include "state/spec/spec.h"

#include <stdbool.h>

struct handler {
	const char *name; /* NULL: none */
	bool smart;	  /* only when the container's program is a WebAssembly module */
	bool by_name;	  /* of hull: "hull-arm64" may be called so for another reason */
};

/*
 * Who asks: option is --handler, or NULL; then the annotations run.oci.handler and
 * module.wasm.image/variant; then the name that hull was called by.
 */
struct handler handler_wish(const struct spec *s, const char *option, const struct globals *g);

/*
 * A descriptor of the program in /etc/hull/handlers or /usr/libexec/hull/handlers, which root owns and
 * nobody else may write to, and through which nobody can write to it either. The pointer of an error is
 * the annotation's, if that asked. -2 when only hull's name asked and there is none.
 */
must_check int handler_open(const struct spec *s, const struct handler *h, struct err *e);

struct arena;
/* krun and its kind are virtual machines: they get /dev/kvm if the host has one. */
void handler_add_devices(struct spec *s, const struct handler *h, struct arena *a);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tables of state/spec/spec_*.c share: how a row is written, and the simple types. Private to
 * them. The tables are in the order of the specification's chapters; a key stands quoted in one
 * row, so that grep leads from the specification to the code.
 */
#ifndef STATE_SPEC_TYPES_H
#define STATE_SPEC_TYPES_H

#include "state/spec/decode.h"
#include "state/spec/spec.h"

/* clang-format off */
#define FIELD(S, member, key, type, flags) { key, type, offsetof(struct S, member), flags, NULL }
#define IGNORE(key, why) { key, NULL, 0, IGNORED, why }

#define STRING(fn) { .kind = K_STR, .size = sizeof(char *), .check = fn }
#define STR_MAP(fn) { .kind = K_STR_MAP, .size = sizeof(struct str_map), .check = fn }
#define OBJECT(S, rows) { .kind = K_OBJECT, .size = sizeof(struct S), .fields = rows }
#define OBJECT_CHECKED(S, rows, fn) { .kind = K_OBJECT, .size = sizeof(struct S), .fields = rows, .check = fn }
#define ARRAY(of) { .kind = K_ARRAY, .size = sizeof(struct array), .elem = of }
#define ARRAY_CHECKED(of, fn) { .kind = K_ARRAY, .size = sizeof(struct array), .elem = of, .check = fn }
#define OBJ_MAP(of) { .kind = K_OBJ_MAP, .size = sizeof(struct array), .elem = of }
#define ENUM(table, name) { .kind = K_ENUM, .size = sizeof(int), .names = table, .what = name }
#define NAME_SET(table, name) { .kind = K_NAME_SET, .size = sizeof(struct name_set), .names = table, .what = name }
#define INT(low, high) { .kind = K_INT, .size = sizeof(struct opt_int), .min = low, .max = high }
#define UINT(high) { .kind = K_UINT, .size = sizeof(struct opt_uint), .max = high }
/* clang-format on */

/* Simple types: spec.c. */
extern const struct type t_str, t_str_set, t_abspath, t_strs, t_abspaths, t_str_map;
extern const struct type t_bool, t_opt_bool, t_int32, t_int64, t_uint16, t_uint32, t_uint64;
extern const struct type t_id, t_seconds;

/* The chapters. */
extern const struct type t_mounts, t_id_maps; /* spec_mounts.c */
extern const struct type t_hooks;	      /* spec_process.c; spec_process_type too */
extern const struct type t_linux;	      /* spec_linux.c */
extern const struct type t_seccomp;	      /* spec_seccomp.c */

/* Rules between fields: spec_check.c. Pointers start at the root of what is checked. */
must_check int spec_check(const struct spec *s, struct err *e);
/* The first failure of each rule, told to fn; how many. */
size_t spec_check_all(const struct spec *s, void (*fn)(void *arg, const struct err *e), void *arg);
must_check int spec_resources_check(const struct spec_resources *r, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table-driven decode of a JSON tree into typed structs.
 *
 * A `struct type` says how one JSON value becomes one C value; an object type has a table of
 * `struct field`, one row per property of the specification. On failure the decoder unwinds, and
 * each level it leaves puts its key or index before err.pointer, so no path is carried on the
 * way down and success costs nothing.
 */
#ifndef STATE_DECODE_H
#define STATE_DECODE_H

#include "state/base/err.h"
#include "state/base/names.h"

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* Values that may be absent. */
struct opt_bool {
	bool set;
	bool v;
};
struct opt_int {
	bool set;
	int64_t v;
};
struct opt_uint {
	bool set;
	uint64_t v;
};

/*
 * Arrays. Absent: n is 0 and v is NULL. Present: v is not NULL, also when n is 0, and v[n] is one
 * more element of zeroes, so that an array of strings can go to execve as it is.
 */
#define ARRAY_OF(T)       \
	struct {          \
		size_t n; \
		T *v;     \
	}
struct array { /* the layout of every ARRAY_OF and of the named ones below */
	size_t n;
	void *v;
};
struct str_array {
	size_t n;
	char **v;
};

/* A map of strings, in the order of the file. */
struct map_entry {
	char *key;
	char *value;
};
struct str_map {
	size_t n;
	struct map_entry *v;
};

/* An array of names as bits. */
struct name_set {
	bool set;		  /* the property is there, if only as [] */
	uint64_t mask;		  /* 1 << number, for each name known */
	struct str_array unknown; /* only where the specification allows unknown names */
};

enum kind {
	K_STR,	    /* char * */
	K_BOOL,	    /* bool, false when absent */
	K_OPT_BOOL, /* struct opt_bool */
	K_INT,	    /* struct opt_int */
	K_UINT,	    /* struct opt_uint */
	K_ENUM,	    /* int */
	K_NAME_SET, /* struct name_set */
	K_OBJECT,   /* a struct; a pointer to it as a member of another struct */
	K_ARRAY,    /* ARRAY_OF(elem) */
	K_STR_MAP,  /* struct str_map */
	K_OBJ_MAP,  /* ARRAY_OF(elem), an object type whose struct begins with char *key */
};

struct type {
	enum kind kind;
	size_t size;		    /* of one decoded value */
	const struct field *fields; /* K_OBJECT */
	const struct type *elem;    /* K_ARRAY, K_OBJ_MAP */
	const struct name *names;   /* K_ENUM, K_NAME_SET */
	const char *what;	    /* K_ENUM, K_NAME_SET: "namespace type" */
	bool unknown_ok;	    /* K_NAME_SET: collect unknown names instead of failing */
	int64_t min;		    /* K_INT */
	uint64_t max;		    /* K_INT, K_UINT; 0 is no limit */
	int (*check)(const void *value, struct err *e);
};

/* Flags of a field. */
enum {
	REQUIRED = 1,
	/*
	 * Decoded, so that its types are checked, and then refused unless it asks for nothing
	 * (null, false, 0, "", [], {} and objects of those): hull does not apply it yet.
	 */
	LATER = 2,
	/* Not looked at, for the reason that the row states. */
	IGNORED = 4,
};

struct field {
	const char *key; /* NULL ends the table */
	const struct type *type;
	size_t offset;
	unsigned flags;
	const char *why; /* IGNORED: the reason */
};

/* Decode v into *dst, which is zeroed; everything that it then points at lives in a. */
must_check int decode(const struct type *t, const cJSON *v, void *dst, struct arena *a,
		      struct err *e);

/*
 * The same, but a failure does not end it: each is told to fn with its pointer, in the order of the
 * text, and what failed is left zeroed. Returns how many there were; what was decoded is whole only
 * with none. Not for two threads at once.
 */
size_t decode_all(const struct type *t, const cJSON *v, void *dst, struct arena *a,
		  void (*fn)(void *arg, const struct err *e), void *arg);

/* For checks: "VALUE" what, with the value quoted, cut and on one line. Returns -1. */
int decode_bad(struct err *e, const char *value, const char *what);

/*
 * Visit the pointer of every leaf property in the order of the tables, with "*" for the members
 * of arrays and maps of objects. flags are those of the row, or of the nearest object above it
 * that has any.
 */
typedef void decode_visitor(void *arg, const char *pointer, unsigned flags, const char *why);
void decode_visit(const struct type *t, const char *at, decode_visitor *fn, void *arg);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* /etc/subuid and /etc/subgid, subuid(5): the ids that newuidmap(1) gives to a user. */
#ifndef STATE_FORMAT_SUBID_H
#define STATE_FORMAT_SUBID_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The first range of a user, by his name (NULL: he has none) or his number, in lines "USER:START:COUNT" of
 * text, which is taken apart. False when there is none; a line that is no range of 32-bit ids is none.
 */
bool subid_find(char *text, uid_t uid, const char *name, uint32_t *ret_start, uint32_t *ret_n);

#endif

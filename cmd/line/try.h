/* SPDX-License-Identifier: Apache-2.0 */
/* Children in which something is tried, so that whatever it does ends with them: for doctor and check. */
#ifndef CMD_LINE_TRY_H
#define CMD_LINE_TRY_H

/*
 * work(arg) in a child, whose return value, an errno value or 0, is the answer; EIO when it died. It
 * has namespaces ns (CLONE_NEW*) of its own, with an ordinary user a user namespace, too, in which he
 * is root; a new mount namespace passes nothing on. It has stdio and no other descriptor.
 */
int try_in(unsigned ns, int (*work)(void *arg), void *arg);
/* keep_fd, 3 or more, stays open. */
int try_keeping(unsigned ns, int (*work)(void *arg), void *arg, int keep_fd);
/* Only the namespaces. */
int try_namespaces(unsigned ns);

#endif

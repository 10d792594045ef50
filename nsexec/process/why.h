/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a program could not be executed. The kernel has one errno for a program that is missing, one
 * whose interpreter is, and one whose #! line ends in a carriage return; the file says which it is.
 */
#ifndef NSEXEC_PROCESS_WHY_H
#define NSEXEC_PROCESS_WHY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What is wrong with the program behind fd that execve(2) refused with this errno, as the end of a
 * sentence: `its interpreter "/bin/bash" does not exist`. False when the file does not tell. Looks
 * up the interpreter by name, so it is to be called with the root, and by the user, of the program.
 */
bool why_not_executable(int fd, int code, char *buf, size_t size);

#endif

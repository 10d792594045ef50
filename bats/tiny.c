/* SPDX-License-Identifier: Apache-2.0 */
/* A program that needs next to no memory: what starts in a container with the least of it. */
int main(void)
{
	return 42;
}

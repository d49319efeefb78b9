/* SPDX-License-Identifier: Apache-2.0 */
/* Marks the start of the window, then becomes the init that is measured. */
#include "mark.h"

#include <unistd.h>

int main(int argc, char **argv, char **envp)
{
	(void)argc;
	MARK("01");
	execve("/init.measured", argv, envp);
	return 1;
}

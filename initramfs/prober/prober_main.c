/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot-prober alone, for an initramfs without keelboot-helper. */
#include "initramfs/prober/prober.h"

int main(int argc, char **argv)
{
	return prober_main(argc, argv);
}

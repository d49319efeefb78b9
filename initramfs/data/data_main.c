/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot-data alone, for an initramfs without keelboot-helper. */
#include "initramfs/data/data_verbs.h"

int main(int argc, char **argv)
{
	return data_verbs_main(argc, argv);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs_partition.h"

#include "initramfs/boot_data.h"

const char *pairs_partition(const struct boot *b, unsigned slot)
{
	int c = devices_class(&b->conf, slot, PAIR_CLASS);

	return c < 0 ? "" : b->dev.slot[slot].part[c];
}

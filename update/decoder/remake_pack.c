/* SPDX-License-Identifier: Apache-2.0 */
#include "update/decoder/remake_pack.h"

const struct remake_library *remake_library_of(enum remake_packer packer)
{
	return packer < REMAKE_PACKERS ? remake_libraries[packer] : NULL;
}

void remake_prepare(void)
{
	for (unsigned i = 0; i < REMAKE_PACKERS; i++) {
		const struct remake_library *library = remake_libraries[i];

		if (library != NULL && library->prepare != NULL)
			library->prepare();
	}
}

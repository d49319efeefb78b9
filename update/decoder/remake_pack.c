/* SPDX-License-Identifier: Apache-2.0 */
#include "update/decoder/remake_pack.h"

#include "update/bundle/manifest.h"

const struct remake_library *remake_library_of(enum remake_packer packer)
{
	if (packer >= REMAKE_PACKERS ||
	    manifest_form_name(READER_REMAKE_ZLIB + (unsigned)packer) == NULL)
		return NULL;
	return remake_libraries[packer];
}

void remake_prepare(void)
{
	for (unsigned i = 0; i < REMAKE_PACKERS; i++) {
		const struct remake_library *library = remake_libraries[i];

		if (library != NULL && library->prepare != NULL)
			library->prepare();
	}
}

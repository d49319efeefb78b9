/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/idle.h"

#include "lib/log.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

/* The loader has written into segments that are read-only since: no file has what it wrote. */
static bool has_relocated_text(const struct dl_phdr_info *object)
{
	const ElfW(Dyn) *entry = NULL;

	for (unsigned i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
			entry = (const void *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
	/* bound: the loader has read it to its end */
	for (; entry != NULL && entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_TEXTREL ||
		    (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0))
			return true;
	return false;
}

/* The whole pages that the loader has mapped for it. */
static void give_back(uintptr_t from, uintptr_t to, uintptr_t page)
{
	static bool said;

	from -= from % page;
	to += (page - to % page) % page;
	if (madvise((void *)from, to - from, MADV_DONTNEED) == 0 || said)
		return;
	said = true;
	log_warn("between contacts, pages of libraries stay in memory: %s; allow madvise()",
		 strerror(errno));
}

/* The segments from the last to the first, which has their table: reading it brings it back. */
static int give_object_back(struct dl_phdr_info *object, size_t size, void *data)
{
	const uintptr_t *page = data;

	(void)size;
	if (has_relocated_text(object))
		return 0;
	for (unsigned i = object->dlpi_phnum; i-- > 0;) {
		const ElfW(Phdr) *s = &object->dlpi_phdr[i];
		uintptr_t from = object->dlpi_addr + s->p_vaddr;

		/* Some kernels keep their own page from that. */
		if (s->p_type == PT_LOAD && (s->p_flags & PF_W) == 0 &&
		    from != getauxval(AT_SYSINFO_EHDR))
			give_back(from, from + s->p_filesz, *page);
	}
	return 0;
}

void idle_begin(void)
{
	uintptr_t page = getauxval(AT_PAGESZ);

	malloc_trim(0);
	dl_iterate_phdr(give_object_back, &page);
}

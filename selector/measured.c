/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/measured.h"

#include "lib/bytes.h"
#include "selector/pair.h"

#include <inttypes.h>
#include <stdio.h>

size_t measured_text(char out[MEASURED_MAX], const struct measured *m)
{
	char release[2 * STATE_ID_LEN + 1] = "-";
	int n;

	if (m->slot->has_release)
		bytes_hex(release, m->slot->release, STATE_ID_LEN);
	n = snprintf(
		out, MEASURED_MAX,
		"keelboot-slot=1\ncompatible=%.31s\nrelease=%s\nversion=%.48s\nsequence=%" PRIu64
		"\nroot=%.159s\ntier=%s\n",
		m->compatible, release, m->slot->version, m->slot->sequence,
		m->root[0] != '\0' ? m->root : "-", m->tier);
	return (size_t)n; /* all of its parts are bounded */
}

size_t measured_none(char out[MEASURED_MAX], const char *compatible, const char *why)
{
	return (size_t)snprintf(out, MEASURED_MAX,
				"keelboot-slot=1\ncompatible=%.31s\ntier=none\nwhy=%.64s\n",
				compatible, why);
}

const char *measured_tier(const struct state_slot *slot, enum choose_tier tier, bool forced,
			  bool despite)
{
	if (forced)
		return "forced";
	if (tier == CHOOSE_LAST_RESORT || despite)
		return "last-resort";
	return state_st_name(slot->st);
}

bool measured_kernel_unchecked(const struct conf *c, unsigned slot)
{
	return c->loader == CONF_LOADER_KEXEC && conf_slot_part(c, slot, PAIR_CLASS) != NULL;
}

int measured_slot_unstarted(const struct conf *c)
{
	if (c->verify_slot != CONF_VERIFY_ALWAYS)
		return STATE_NONE;
	for (unsigned i = 0; i < c->nslots; i++)
		if (measured_kernel_unchecked(c, i))
			return (int)i;
	return STATE_NONE;
}

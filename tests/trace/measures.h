/* SPDX-License-Identifier: Apache-2.0 */
/* What a trace of a boot that measures needs: a TPM that answers, or does not. */
#pragma once

#include "tests/trace/verified.h"

#include "update/wire/tpm_end.h"

#define CHILD		"keelboot-tpm"
#define MEASURES	"spawn " CHILD " measure 13 "
#define LOOKS		"spawn " CHILD " look 13"
#define CONF		"[system]\ncompatible=trace\n[measure]\npcr=13\n"
#define REQUIRED	CONF "required=yes\n"
#define NO_TPM		"keelboot-tpm: no TPM: /dev/tpm0 is missing"
#define MEASURING_FAILS "keelboot-tpm: measuring: error"

static inline void tpm_answers(const char *verb)
{
	machine_child_says(CHILD, verb, "sha1,sha256\n", TPM_DONE);
}

/* It is there, and cannot be extended. */
static inline void tpm_fails_late(void)
{
	tpm_answers("look");
	machine_child_says(CHILD, "measure", MEASURING_FAILS "\n", TPM_FAILED);
}

static inline void no_tpm(void)
{
	machine_child_says(CHILD, NULL, NO_TPM "\n", TPM_NONE);
}

/* What was measured first has this line. */
static inline void measured(const char *line)
{
	const char *at = os_sim_trace() + machine_line(MEASURES);

	if (strstr(at, line) == NULL)
		fail_msg("not measured: %s: %.300s", line, at);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/channel/channel_usage.h"

#include "cli/output/output.h"
#include "lib/log.h"

int channel_usage(const char *verb)
{
	log_err("`keelboot channel %s --help` shows the options", verb);
	return OUTPUT_USAGE;
}

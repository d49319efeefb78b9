/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Says where the usage of a verb of `keelboot channel` stands. The exit code for it. */
int channel_usage(const char *verb);

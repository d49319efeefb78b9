/* SPDX-License-Identifier: Apache-2.0 */
/* How keelboot-loader ends, for process 1; its first line has what it found, or what failed. */
#pragma once

enum loader_end {
	LOADER_DONE = 0,
	LOADER_FAILED = 1,
	LOADER_ABSENT = 2, /* a device with its store is missing, and may come */
	LOADER_USAGE = 3,
};

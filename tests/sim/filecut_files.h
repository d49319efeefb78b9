/* SPDX-License-Identifier: Apache-2.0 */
/* What the command does to files, on its way through lib/os_file.h. */
#pragma once

/* From now on. A mount of the data partition, as keelboot-apply makes it, is the folder `data`. */
void filecut_files_begin(const char *data);

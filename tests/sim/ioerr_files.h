/* SPDX-License-Identifier: Apache-2.0 */
/* Files of keelboot-apply and the command: where they lie on this machine, and which calls fail. */
#pragma once

/* Once, before the first run. */
void ioerr_files_begin(void);

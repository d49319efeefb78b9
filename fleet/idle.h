/* SPDX-License-Identifier: Apache-2.0 */
/* What keelboot-fleet holds of the memory while it waits. */
#pragma once

/* Before a wait of seconds or more: gives the free memory of the heap back, and each page of the
 * program and its libraries that this process cannot write. The next use of such a page takes it
 * from the page cache, or from the disk. Where the kernel refuses, a line says so, once. */
void idle_begin(void);

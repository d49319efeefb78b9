/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot-loader: the loader's store, for process 1, which waits for it with a bound. */
#pragma once

/*
 * keelboot-loader KIND WHERE get|booted|came-up|once X|default X: KIND as in conf_loader_of(),
 * WHERE as in struct loader. Prints one line, "default=a once=-", with " starts=2" behind it where
 * the loader counted some; of came-up " uncounted", where it had counted none. For booted, it
 * prints "booted=a", or "booted=a,counted" and so on as behind keelboot.pair=, and behind that why
 * it is not known how it was started. Exit 0; 1 after a line on standard error that says why; 3
 * usage.
 */
int loader_main(int argc, char **argv);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keelboot-generator: where an initramfs runs systemd, it makes Keelboot's choice the root there.
 * It is a generator of systemd(7): its units go before those that systemd makes of root=.
 */
#pragma once

/* What systemd calls it with: three folders, of which the second one goes first. */
int generator_main(int argc, char **argv);

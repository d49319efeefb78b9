/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd gives the options of "/" in /etc/fstab to what is mounted there. From Linux 6.5 on, with
 * util-linux 2.39, an overlay refuses those of a disk: an installer's `errors=remount-ro` fails
 * systemd-remount-fs.service then, so the system is never said to be whole.
 */
#pragma once

/* Not below /run/systemd/system, which programs take for a sign that systemd runs. */
#define OVERLAY_REMOUNT_FOLDER "/run/systemd/system.control/systemd-remount-fs.service.d"
#define OVERLAY_REMOUNT_FILE   OVERLAY_REMOUNT_FOLDER "/keelboot.conf"

/* Has systemd count such a failure as none; it still says it. Without systemd, nobody reads it. */
void overlay_remount_allow(void);

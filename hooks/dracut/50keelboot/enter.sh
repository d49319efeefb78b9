#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut without systemd: the root is mounted; the watchdog goes to the system.

/usr/lib/keelboot/keelboot-select enter "$NEWROOT"
case $? in
0 | 1) ;;
*) emergency_shell "Keelboot did not let this root be entered" ;;
esac

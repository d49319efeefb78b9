#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut without systemd: the root is mounted; the watchdog goes to the system.
# shellcheck disable=SC1091 # what the initramfs has

. /usr/lib/keelboot/call.sh
keelboot_call enter "$NEWROOT"
case $? in
0 | 1) ;;
*) emergency_shell "Keelboot did not let this root be entered" ;;
esac

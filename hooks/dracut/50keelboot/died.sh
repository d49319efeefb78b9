#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut with systemd: where it refuses to continue, it halts the machine (059) or powers it off (106). Nobody is there
# to switch it on again.
# shellcheck disable=SC1091 # what the initramfs has

if [ -e /run/initramfs/.die ]; then
	. /usr/lib/keelboot/call.sh
	keelboot_call fail "initramfs refuses to continue"
fi

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut with systemd: where it refuses to continue, it halts the machine (059) or powers it off (106). Nobody is there
# to switch it on again.

[ ! -e /run/initramfs/.die ] || /usr/lib/keelboot/keelboot-select fail "initramfs refuses to continue"

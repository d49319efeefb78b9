#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut without systemd: arms the watchdog before anything can hang.
# shellcheck disable=SC1091 # what the initramfs has

. /usr/lib/keelboot/call.sh
keelboot_call arm || :

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut without systemd: the boot has failed. A slot that was chosen pays for it, and the machine restarts, not the shell.
# shellcheck disable=SC1091 # what the initramfs has

. /usr/lib/keelboot/call.sh
keelboot_call fail "initramfs cannot enter it" || :

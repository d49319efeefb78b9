#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut without systemd: the boot has failed. A slot that was chosen pays for it, and the machine restarts, not the shell.

/usr/lib/keelboot/keelboot-select fail "initramfs cannot enter it" || :

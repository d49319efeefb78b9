#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut without systemd: the boot has failed. A slot that was chosen pays for it, and the machine restarts, not the shell.

# A person who asks for a prompt gets one.
getarg rd.break >/dev/null || /usr/lib/keelboot/keelboot-select fail "initramfs cannot enter it" || :

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut: the queue, which opens volumes, containers and arrays, is at work until the slots are open. Not forever: a boot
# with one slot is better than none.

[ -e /run/keelboot/root.env ] || [ -e /run/keelboot/aside ] || [ "${main_loop:-0}" -gt 40 ] ||
	/usr/lib/keelboot/keelboot-select missing >/dev/null

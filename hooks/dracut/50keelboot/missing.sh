#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut: this initramfs was made without Keelboot.

/usr/lib/keelboot/say-missing

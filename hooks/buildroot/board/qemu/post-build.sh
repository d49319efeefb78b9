#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC1091,SC2154 # keys.sh sets key
# Configuration and key of the device, into its root file system.
set -e

board=$(dirname "$0")
target=$1
. "$board/keys.sh"

install -D -m 644 "$board/system.conf" "$target/etc/keelboot/system.conf"
install -D -m 644 -t "$target/etc/keelboot/keys" "$key.pem"

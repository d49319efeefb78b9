#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC1091,SC2154 # keys.sh sets key
# The first bundle, the initramfs, and a disk that has the bundle's system in slot a.
set -e

board=$(dirname "$0")
images=$1
. "$board/keys.sh"
PATH=$HOST_DIR/bin:$HOST_DIR/sbin:$PATH

keelboot check-config "$TARGET_DIR/etc/keelboot/system.conf"

# The sequence must grow with each release.
version=$(sed -n 's/^VERSION_ID=//p' "$TARGET_DIR/usr/lib/os-release")
sequence=${SOURCE_DATE_EPOCH:-$(date +%s)}
compatible=$(sed -n 's/^compatible=//p' "$board/system.conf")
rm -f "$images/update.keel"
keelboot bundle create -o "$images/update.keel" --compatible "$compatible" --version "$version" \
	--sequence "$sequence" --key "$key.key" --image root="$images/rootfs.ext4",fs=ext4

set --
for modules in "$TARGET_DIR"/lib/modules/*; do
	[ ! -d "$modules" ] || set -- --modules-dir "$modules"
done
mkdir -p "$BASE_DIR/keelboot/keys"
cp "$key.pem" "$BASE_DIR/keelboot/keys/"
keelboot image build -o "$images/initramfs.img" --init "$images/keelboot/init" \
	--helper "$images/keelboot/keelboot-helper" --guardian "$images/keelboot/keelboot-guardian" \
	--conf "$board/system.conf" --keys "$BASE_DIR/keelboot/keys" "$@"

rm -f "$images/state.img" "$images/disk.img"
keelboot state init "$images/state.img" --size 16M --slots 2 --trial a --bundle "$images/update.keel"
"$HOST_DIR/lib/keelboot/qemu/mkdisk" "$images/disk.img" --part "keelboot-state:16M=raw:$images/state.img" \
	--part "data:256M=ext4:" --part "root-a:160M=raw:$images/rootfs.ext4" --part "root-b:160M"

# SPDX-License-Identifier: Apache-2.0
# An image that inherits this lies in a slot. Its .wic is a disk with both slots, of which a has the image.
inherit keelboot-release

IMAGE_INSTALL:append = " keelboot keelboot-conf"
IMAGE_FSTYPES += "ext4 wic"
IMAGE_TYPEDEP:wic = "ext4"
# The machine's own wks file makes a disk without slots.
KEELBOOT_WKS_FILE ??= "${KEELBOOT_LAYER}/wic/keelboot.wks.in"
WKS_FILE = "${KEELBOOT_WKS_FILE}"
KEELBOOT_SLOT_SIZE ??= "512M"
# wic renamed it.
KEELBOOT_WIC_EFI ?= "bootimg${@'-' if os.path.exists(d.expand('${COREBASE}/scripts/lib/wic/plugins/source/bootimg-efi.py')) else '_'}efi"

do_image_wic[depends] += "keelboot-native:do_populate_sysroot keelboot-initramfs:do_image_complete"
do_image_wic[prefuncs] += "keelboot_state"

keelboot_state() {
	rm -f ${WORKDIR}/keelboot-state.img
	keelboot state init ${WORKDIR}/keelboot-state.img --size 16M --slots 2 --trial a \
		--version '${KEELBOOT_VERSION}' --sequence '${KEELBOOT_SEQUENCE}'
}

# SPDX-License-Identifier: Apache-2.0
SUMMARY = "Initramfs whose init is Keelboot's"
LICENSE = "Apache-2.0"

PACKAGE_INSTALL = "keelboot-init keelboot-conf"
NO_RECOMMENDATIONS = "1"
PACKAGE_EXCLUDE = "kernel-image-*"
IMAGE_FEATURES = ""
IMAGE_LINGUAS = ""
IMAGE_NAME_SUFFIX ?= ""
IMAGE_FSTYPES = "${INITRAMFS_FSTYPES}"
INITRAMFS_MAXSIZE ?= "65536"

inherit core-image

IMAGE_ROOTFS_SIZE = "8192"
IMAGE_ROOTFS_EXTRA_SPACE = "0"

# What mounts are made on, before anything can make a folder.
keelboot_folders() {
	install -d ${IMAGE_ROOTFS}/dev ${IMAGE_ROOTFS}/proc ${IMAGE_ROOTFS}/sys ${IMAGE_ROOTFS}/run ${IMAGE_ROOTFS}/sysroot ${IMAGE_ROOTFS}/tmp
}
ROOTFS_POSTPROCESS_COMMAND += "keelboot_folders"

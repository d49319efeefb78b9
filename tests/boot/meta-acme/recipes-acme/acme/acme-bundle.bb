# SPDX-License-Identifier: Apache-2.0
LICENSE = "MIT"
KEELBOOT_IMAGE_root = "acme-image"
inherit keelboot-bundle

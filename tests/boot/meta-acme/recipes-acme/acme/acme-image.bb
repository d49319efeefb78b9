# SPDX-License-Identifier: Apache-2.0
LICENSE = "MIT"
inherit core-image keelboot-image

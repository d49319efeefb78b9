# SPDX-License-Identifier: Apache-2.0
# What this build is: the same for its configuration, its bundle and its first disk. Set it in the distribution's
# configuration, or in local.conf.

# The devices that may install it: acme-box-1
KEELBOOT_COMPATIBLE ??= ""
KEELBOOT_VERSION ??= "${DISTRO_VERSION}"
# Must grow with each release; as it is, it is the time of the build: set it for a build that can be repeated.
KEELBOOT_SEQUENCE ??= "${DATETIME}"
KEELBOOT_SEQUENCE[vardepsexclude] = "DATETIME"

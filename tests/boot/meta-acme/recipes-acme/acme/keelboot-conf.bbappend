# SPDX-License-Identifier: Apache-2.0
# The configuration of this maker's device.
FILESEXTRAPATHS:prepend := "${THISDIR}/files:"

# SPDX-License-Identifier: Apache-2.0
# The command of the build host needs it.
BBCLASSEXTEND += "native"

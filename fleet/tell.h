/* SPDX-License-Identifier: Apache-2.0 */
/* What the server is answered. */
#pragma once

#include "fleet/contact.h"

/* What is to be said of how the action stands. */
void tell_describe(struct contact *c, struct ddi_feedback *f);
/* How the action stands, if the server does not know that yet. */
void tell_phase(struct contact *c);
/* What closes an action. Counts its refusals, and leaves details out after eight: they may be what
 * is refused. true: the server took it, or never will, which was reported. */
bool tell_close(struct contact *c, const char *id, const struct ddi_feedback *f, uint64_t *tries);
/* To a cancellation: done, or too late. true: the server took it. */
bool tell_cancelled(struct contact *c, const char *id, bool done, const char *why);
/* To a confirmation that the server wants: given, or denied, with what the program printed. true:
 * the server took it, or never will. */
bool tell_confirmation(struct contact *c, const char *id, bool given, const char *says);
/* Attributes, if they changed or the server asks; then which release runs. */
void tell_device(struct contact *c, bool asked);

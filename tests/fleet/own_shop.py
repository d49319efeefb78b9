# SPDX-License-Identifier: Apache-2.0
"""The server of our own in the words that hawkbit.Shop has: what a person does there, and sees."""
import contextlib

import way
from ddi_server import Server, send_file

MESSAGES = ("feedback", "cancel-feedback", "confirmation-feedback", "attributes", "installed")
KINDS_OF_REQUESTS = ("poll", "deployment", "cancel", "confirmation", "artifact", *MESSAGES)
KINDS = {"forced": ("forced", "forced"), "soft": ("attempt", "attempt"), "timeforced": ("attempt", "attempt"),
         "downloadonly": ("forced", "skip")}


class Shop:
    """One device on that server."""
    name = "own"

    def __init__(self, server: Server, quota):
        self.server, self.url, self.target, self.token = server, server.url, server.target, server.token
        self.quota = server.quota = quota

    def release(self, version, bundle=None):
        """It knows no distribution sets."""

    def assign(self, bundle, kind="forced", window=None, confirm=False):
        download, update = KINDS[kind]
        for other in self.server.actions:
            if other.active:
                self.server.cancel(other)
        action = self.server.assign(bundle, download=download, update=update,
                                    window="unavailable" if window else None)
        if confirm:
            self.server.confirmation = action.id
        return action

    def say(self, action, body):
        return way.say(self.url, self.target, self.token, action.id, body)

    @contextlib.contextmanager
    def crowded(self, _, messages=False):
        refused = [kind for kind in KINDS_OF_REQUESTS if messages <= (kind in MESSAGES)]
        self.server.on.update({kind: lambda handler: handler.error(429) for kind in refused})
        yield
        self.server.on.clear()

    def cancel(self, action):
        self.server.cancel(action)

    def confirm(self, _):
        self.server.confirmation = None

    def force(self, action):
        action.download = action.update = "forced"

    def wait_for_window(self, action):
        action.window = "available"

    def wait_for_lapse(self, action):
        self.server.cancel(action)

    @contextlib.contextmanager
    def gateway(self, token):
        self.server.gateway = token
        yield

    @contextlib.contextmanager
    def certificates(self, _):
        """Who comes is known to the proxy."""
        token, self.server.token = self.server.token, None
        yield
        self.server.token = token

    @contextlib.contextmanager
    def lost_file(self, action):
        action.gone = True
        yield
        action.gone = False

    def change_file(self, action, data):
        """Hashes and size stay those of the bundle."""
        self.server.on["artifact"] = lambda handler: send_file(handler, data)

    def mend_file(self, _action, _data):
        del self.server.on["artifact"]

    @contextlib.contextmanager
    def confirmation(self):
        yield

    @property
    def attributes(self):
        return self.server.attributes or {}

    @property
    def installed(self):
        return self.server.installed[-1][1] if self.server.installed else None

# SPDX-License-Identifier: Apache-2.0
"""The server of our own as raptor 1.1.0 answers, by its sources: artifacts without an ETag, whose ranges pay no heed to
If-Range; links that do not change with the action; no installedBase to write; every end of a cancellation cancels."""
import re

from ddi_server import Handler, Server


class Dialect(Handler):
    """What differs from hawkBit's answers."""
    media = "application/json"

    def send_poll(self):
        action, links, server = self.server.current(), {}, self.server
        done = [one for one in server.actions if one.state == "finished"]
        if server.wants_attributes:
            links["configData"] = {"href": f"{self.base}/configData"}
        if action:
            kind = "cancelAction" if action.state == "canceling" else \
                "confirmationBase" if server.confirmation == action.id else "deploymentBase"
            links[kind] = {"href": f"{self.base}/{kind}/{action.id}"}
        if done:
            links["installedBase"] = {"href": f"{self.base}/installedBase/{done[-1].id}"}
        self.reply(200, {"config": {"polling": {"sleep": server.sleep}}, "_links": links})

    def send_artifact(self, name):
        action = next((one for one in self.server.actions if one.name == name), None)
        if action is None:
            self.error(404)
            return
        data, wanted = action.bundle.read_bytes(), re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        begin, end = (int(wanted[1]), min(int(wanted[2] or len(data)) + 1, len(data))) if wanted else (0, len(data))
        headers = {"Accept-Ranges": "bytes"}
        if wanted:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(data)}"
        if begin >= len(data):
            self.reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            return
        self.server.sent += end - begin
        self.reply(206 if wanted else 200, data[begin:end], headers, kind="application/octet-stream")

    def take_feedback(self, number, of_cancel):
        action = next((one for one in self.server.actions if one.id == number), None)
        if action and action.active and of_cancel and self.body["status"]["execution"] == "closed":
            action.statuses.append(("cancel closed", self.body["status"]["result"]["finished"], []))
            action.state = "canceled"
            self.reply(200)
            return
        super().take_feedback(number, of_cancel)

    def take_installed(self):
        self.error(404)


class Raptor(Server):
    """One device on it."""

    def __init__(self):
        super().__init__()
        self.RequestHandlerClass = Dialect

# SPDX-License-Identifier: Apache-2.0
"""The server of our own in goosebit's dialect, and what a person does there, in the words of goose.Shop. It knows one
device, and of a software what an action of ours has."""
from ddi_server import Handler, Server, send_file


class Dialect(Handler):
    """What differs from hawkBit's answers."""

    @property
    def offered(self):
        """What the device does not run, unless it failed and nobody forces it."""
        server = self.server
        action = server.assigned
        skip = not action or action.version == server.version or server.state == "error"
        return action if action and (not skip or server.forced) else None

    def send_poll(self):
        links, new = {}, self.server.state == "unknown"
        if new:
            links["configData"] = {"href": f"{self.base}/configData"}
        elif self.offered and (self.server.state != "error" or self.server.forced):
            links["deploymentBase"] = {"href": f"{self.base}/deploymentBase/{self.offered.id}"}
        self.reply(200, {"config": {"polling": {"sleep": "00:00:10" if new else "00:01:00"}}, "_links": links},
                   kind="application/json")

    def send_deployment(self, number):
        action = self.offered
        if not action:
            self.reply(200, b"null", kind="application/json")
            return
        artifact = {**self.artifact_of(action, action.name), "_links": {"download": {"href": f"{self.base}/download"}}}
        artifact["hashes"] = {"sha1": artifact["hashes"]["sha1"]}
        chunk = {"part": "os", "version": action.version, "name": action.name, "artifacts": [artifact]}
        self.reply(200, {"id": number, "deployment": {"download": "forced", "update": "forced", "chunks": [chunk]}},
                   kind="application/json")

    def send_other(self, rest):
        if rest == "download" and self.server.assigned:
            data = self.server.assigned.bundle.read_bytes()
            self.answer("artifact", lambda: send_file(self, data, f'"{self.server.assigned.id}"'))
        else:
            self.error(404, "entityNotFound")

    def take_feedback(self, number, of_cancel):
        status, server = self.body["status"], self.server
        if of_cancel:
            self.error(404)
            return
        if status["execution"] == "proceeding" and server.state != "running":
            server.state, server.log = "running", ""
        elif status["execution"] == "closed":
            server.forced = False
            server.state = "error" if status["result"]["finished"] == "failure" else "finished"
            reported = next((one for one in server.actions if one.id == number), None)
            if server.state == "finished":
                server.version = reported and reported.version
        server.log += "\n".join([*status.get("details", []), ""])
        self.reply(200, {"id": number}, kind="application/json")

    def take_attributes(self):
        """What is not in them it forgets."""
        self.server.version = self.body["data"].get("sw_version")
        if self.server.state == "unknown":
            self.server.state = "registered"
        self.reply(200, {"success": True, "message": "Updated swupdate data."}, kind="application/json")

    def take_installed(self):
        self.error(404)


class Goose(Server):
    """State of its one device."""

    def __init__(self):
        super().__init__()
        self.RequestHandlerClass = Dialect
        self.state, self.version, self.assigned, self.forced, self.log = "unknown", None, None, False, ""


class Shop:
    """One device on that server."""
    name = "own"

    def __init__(self, server):
        self.server, self.url, self.target, self.token = server, server.url, server.target, server.token

    def assign(self, bundle):
        known = [one for one in self.server.actions if one.bundle == bundle]
        self.server.assigned = known[0] if known else self.server.assign(bundle)
        self.server.assigned.version = bundle.name.partition("-")[0]
        return self.server.assigned.id

    def force(self):
        self.server.forced = True

    def withdraw(self):
        self.server.assigned = None

    @property
    def state(self):
        return self.server.state

    @property
    def version(self):
        return self.server.version

    @property
    def log(self):
        return self.server.log

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A server that speaks hawkBit's Direct Device Integration as far as a device sees it, for tests: targets, actions with
one bundle, cancellations, feedback, attributes; and whatever a test wants it to do wrong.

It answers as hawkBit 1.x (dialect "1.x") or as its releases before 0.4 ("0.x"), which want the id in each feedback.

Example: tests/fleet/ddi_server.py --id gateway-1 --token secret acme-2.0.keel
"""

import argparse
import hashlib
import json
import re
import zlib
from pathlib import Path

from loopback import Loopback, Visit

EXECUTIONS = {"closed", "proceeding", "canceled", "scheduled", "rejected", "resumed", "download", "downloaded"}
FINISHED = {"success", "failure", "none"}
STATUSES, MESSAGES, LETTERS = 1000, 50, 512      # hawkBit's quotas
PATH = re.compile(r"/(?P<tenant>\w+)/controller/v1/(?P<target>[\w.+,-]+)(?:/(?P<rest>.*))?$")


class Action:
    """One update of one target."""

    def __init__(self, number, bundle, **how):
        self.id, self.bundle, self.statuses, self.state = str(number), Path(bundle), [], "running"
        self.shown = ["running"]                 # as hawkBit lists it, with what the server itself notes
        self.name = how.get("name", self.bundle.name)
        self.download, self.update = how.get("download", "forced"), how.get("update", "forced")
        self.window = how.get("window")          # None: there is none
        self.more = how.get("more", ())          # names of other artifacts
        self.link = how.get("link")              # of the artifact, in place of the server's own
        self.retrieved = self.gone = False

    def note(self, *kinds):
        """An entry of the server's own: it says once in a row that something was retrieved."""
        self.shown += [kind for kind in kinds if (kind, self.shown[-1]) != ("retrieved", "retrieved")]

    @property
    def edition(self):
        """hawkBit's link changes with what the action wants."""
        return zlib.crc32(repr((self.download, self.update, self.window)).encode())

    @property
    def active(self):
        return self.state in ("running", "canceling")

    def add(self, status):
        """What hawkBit makes of a feedback."""
        execution, finished = status["execution"], status["result"]["finished"]
        self.statuses.append((execution, finished, status.get("details", [])))
        end = "error" if finished == "failure" else "finished"
        self.shown.append({"closed": end, "proceeding": "running", "rejected": "warning", "resumed": "running"}
                          .get(execution, execution))
        if execution == "closed":
            self.state = end
        elif execution == "downloaded" and self.update == "skip" and not self.window:
            self.state = "downloaded"
        elif execution == "canceled":
            self.state = "canceled"

    def add_to_cancel(self, status):
        execution, finished = status["execution"], status["result"]["finished"]
        self.statuses.append((f"cancel {execution}", finished, status.get("details", [])))
        end = ("error" if finished == "failure" else "canceled") if execution == "closed" else \
            {"rejected": "cancel_rejected", "canceled": "warning"}.get(execution, "running")
        self.shown.append(end)
        # A cancellation that failed leaves the action as it was.
        self.state = {"canceled": "canceled", "error": "running", "cancel_rejected": "running"}.get(end, self.state)

    @property
    def told(self):
        """What was reported, without the messages."""
        return [f"{execution}/{finished}" for execution, finished, _ in self.statuses]

    @property
    def messages(self):
        return [message for *_, details in self.statuses for message in details]


class Server(Loopback):
    """Kinds of requests are poll, deployment, feedback, cancel, cancel-feedback, attributes, installed, artifact."""

    def __init__(self, target="device-1", token="secret", gateway=None, dialect="1.x", tls=None, port=0):
        super().__init__(Handler, tls, port=port)
        self.target, self.token, self.gateway, self.dialect = target, token, gateway, dialect
        self.sleep, self.actions, self.attributes, self.installed = "00:05:00", [], None, []
        self.wants_attributes, self.confirmation, self.quota = True, None, STATUSES
        self.hashes = ("sha1", "md5", "sha256")
        self.confirmations = []                  # (word, code, details) of the device

    def assign(self, bundle, **how):
        """As a person does on its screen."""
        self.actions.append(Action(len(self.actions) + 1, bundle, **how))
        return self.actions[-1]

    def cancel(self, action):
        action.state = "canceling"
        action.note("canceling")

    def current(self):
        return next((action for action in self.actions if action.active), None)



class Handler(Visit):
    """One connection."""
    media = "application/hal+json;charset=UTF-8"
    server: Server

    def error(self, status, text="x", headers=()):
        self.reply(status, {"errorCode": f"hawkbit.server.error.{text}", "message": text}, headers)

    # ------------------------------------------------------------ what is asked

    def allowed(self):
        given = self.headers.get("Authorization", "")
        known = {f"TargetToken {self.server.token}"} | (
            {f"GatewayToken {self.server.gateway}"} if self.server.gateway else set())
        return given in known or self.server.token is None

    def answer(self, kind, own):
        self.server.seen.append((kind, dict(self.headers)))
        other = self.other(kind)
        (other or own)(*([self] if other else []))

    def do_GET(self):
        match = PATH.match(self.path.partition("?")[0])
        rest = match["rest"] or "" if match else ""
        if not match or match["tenant"] != "DEFAULT":
            self.error(404, "entityNotFound")
        elif not self.allowed() or match["target"] != self.server.target:
            self.server.seen.append(("denied", dict(self.headers)))
            self.error(401, "unauthorized")
        elif rest == "":
            self.answer("poll", self.send_poll)
        elif rest.startswith("deploymentBase/"):
            self.answer("deployment", lambda: self.send_deployment(rest.split("/")[1]))
        elif rest.startswith("confirmationBase/"):
            self.answer("confirmation", lambda: self.send_deployment(rest.split("/")[1], "confirmation"))
        elif rest.startswith("cancelAction/"):
            self.answer("cancel", lambda: self.send_cancel(rest.split("/")[1]))
        elif rest.startswith("softwaremodules/"):
            self.answer("artifact", lambda: self.send_artifact(rest.split("/")[-1]))
        else:
            self.send_other(rest)

    def send_other(self, _):
        """Of a dialect."""
        self.error(404, "entityNotFound")

    def do_POST(self):
        match = PATH.match(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not match or not self.allowed():
            self.error(401)
            return
        words = (match["rest"] or "").split("/")
        self.body = json.loads(body)
        if words[0] in ("deploymentBase", "cancelAction") and words[2:] == ["feedback"]:
            kind = "feedback" if words[0] == "deploymentBase" else "cancel-feedback"
            self.answer(kind, lambda: self.take_feedback(words[1], words[0] == "cancelAction"))
        elif words[0] == "confirmationBase" and words[2:] == ["feedback"]:
            self.answer("confirmation-feedback", lambda: self.take_confirmation(words[1]))
        elif words == ["configData"]:
            self.answer("attributes", self.take_attributes)
        elif words == ["installedBase"] and self.server.dialect != "0.x":
            self.answer("installed", self.take_installed)
        else:
            self.error(404 if words != ["installedBase"] else 405)

    do_PUT = do_POST

    # ------------------------------------------------------------ hawkBit's own answers

    @property
    def base(self):
        """By the name that the device asked for, as hawkBit does; also behind a proxy that says how it was asked."""
        scheme = self.headers.get("X-Forwarded-Proto") or ("https" if self.server.tls else "http")
        return f"{scheme}://{self.headers['Host']}/DEFAULT/controller/v1/{self.server.target}"

    def send_poll(self):
        action, links = self.server.current(), {}
        if self.server.confirmation:
            links["confirmationBase"] = {"href": f"{self.base}/confirmationBase/{self.server.confirmation}"}
        elif action and action.state == "canceling":
            links["cancelAction"] = {"href": f"{self.base}/cancelAction/{action.id}"}
        elif action:
            links["deploymentBase"] = {"href": f"{self.base}/deploymentBase/{action.id}?c={action.edition}"}
        if self.server.wants_attributes:
            links["configData"] = {"href": f"{self.base}/configData"}
        self.reply(200, {"config": {"polling": {"sleep": self.server.sleep}}, "_links": links})

    def artifact_of(self, action, name):
        data = action.bundle.read_bytes()
        href = action.link or f"{self.base}/softwaremodules/7/artifacts/{name}"
        http_only = not href.startswith("https:")
        return {"filename": name, "size": len(data),
                "hashes": {kind: hashlib.new(kind, data).hexdigest() for kind in self.server.hashes},
                "_links": {"download-http" if http_only else "download": {"href": href},
                           "md5sum-http" if http_only else "md5sum": {"href": f"{href}.MD5SUM"}}}

    def send_deployment(self, number, key="deployment"):
        """key: what it is called in the answer: a "confirmation", while it waits for one."""
        action = next((action for action in self.server.actions if action.id == number), None)
        if action is None or action.state in ("canceling", "canceled") \
                or (number == self.server.confirmation) != (key == "confirmation"):
            self.error(404, "entityNotFound")
            return
        if key == "deployment":
            action.retrieved = True
            action.note("retrieved")
        names = [action.name, *action.more]
        deployment = {"download": action.download,
                      "update": "skip" if action.window == "unavailable" else action.update,
                      "chunks": [{"part": "os", "version": "2.0", "name": "gateway",
                                  "artifacts": [self.artifact_of(action, name) for name in names]}]}
        if action.window:
            deployment["maintenanceWindow"] = action.window
        self.reply(200, {"id": action.id, key: deployment})

    def send_cancel(self, number):
        action = next((action for action in self.server.actions if action.id == number), None)
        if action is None or action.state != "canceling":
            self.error(404, "entityNotFound")
        else:
            action.note("retrieved")
            self.reply(200, {"id": number, "cancelAction": {"stopId": number}})

    def take_feedback(self, number, of_cancel):
        action, status = next((a for a in self.server.actions if a.id == number), None), self.body.get("status", {})
        # hawkBit takes no word about what waits for a confirmation.
        if action is None or number == self.server.confirmation and not of_cancel:
            self.error(404, "entityNotFound")
        elif not action.active:
            self.error(410, "gone")
        elif self.server.dialect == "0.x" and str(self.body.get("id")) != number:
            self.error(400, "id")
        elif status.get("execution") not in EXECUTIONS or status.get("result", {}).get("finished") not in FINISHED \
                or any(len(message) > LETTERS for message in status.get("details", [])):
            self.error(400, "body")
        elif len(status.get("details", [])) > MESSAGES \
                or status["execution"] != "closed" and len(action.shown) >= self.server.quota:
            self.error(429, "quota.tooManyEntries")
        else:
            (action.add_to_cancel if of_cancel else action.add)(status)
            self.reply(200)

    def take_confirmation(self, number):
        word = self.body.get("confirmation")
        if number != self.server.confirmation:
            self.error(410, "gone")
        elif word not in ("confirmed", "denied") or not isinstance(self.body.get("code", 0), int) \
                or any(len(message) > LETTERS for message in self.body.get("details", [])):
            self.error(400, "body")
        else:
            self.server.confirmations.append((word, self.body["code"], self.body["details"]))
            # What is denied waits on: a person may confirm it.
            self.server.confirmation = None if word == "confirmed" else number
            self.reply(200)

    def take_attributes(self):
        data = self.body.get("data")
        if not isinstance(data, dict) or not data or self.server.dialect == "0.x" and "status" not in self.body:
            self.error(400, "body")
            return
        self.server.attributes, self.server.wants_attributes = data, False
        self.reply(200)

    def take_installed(self):
        self.server.installed.append((self.body["name"], self.body["version"]))
        self.reply(200)

    def send_artifact(self, name):
        named = [action for action in self.server.actions if name in (action.name, *action.more)]
        # Of what is cancelled, it has none for the device.
        action = next((action for action in named if action.state not in ("canceling", "canceled")), None)
        if action is None:
            self.error(404, "entityNotFound")
        elif action.gone:
            self.error(500, "artifact.notFound")
        elif "Range" not in self.headers and len(action.shown) >= self.server.quota:
            self.error(429, "quota.tooManyEntries")
        else:
            if "Range" not in self.headers:
                action.note("download")
            send_file(self, action.bundle.read_bytes())


def send_file(handler, data, etag=None):
    """With one range, if the ETag is still that; as older hawkBits, whose ETags have no quotes."""
    etag = etag or hashlib.sha1(data).hexdigest()
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
    headers = {"ETag": etag, "Accept-Ranges": "bytes"}
    if not wanted or handler.headers.get("If-Range", etag) != etag:
        handler.server.sent += len(data)
        handler.reply(200, data, headers, kind="application/octet-stream")
    elif int(wanted[1]) >= len(data):
        handler.reply(416, b"", {**headers, "Content-Range": f"bytes */{len(data)}"})
    else:
        begin, end = int(wanted[1]), min(int(wanted[2] or len(data)) + 1, len(data))
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(data)}"
        handler.server.sent += end - begin
        handler.reply(206, data[begin:end], headers, kind="application/octet-stream")


def cut_after(length, etag=None):
    """An artifact whose connection ends after so many bytes."""
    def answer(handler):
        data = handler.server.actions[-1].bundle.read_bytes()
        tag = hashlib.sha1(data).hexdigest() if etag is None else etag
        wanted = re.search(r"\d+", handler.headers.get("Range", ""))
        begin = int(wanted[0]) if wanted else 0
        head = f"HTTP/1.1 {206 if wanted else 200} OK\r\nContent-Length: {len(data) - begin}\r\nETag: {tag}\r\n"
        if wanted:
            head += f"Content-Range: bytes {begin}-{len(data) - 1}/{len(data)}\r\n"
        handler.raw(head.encode() + b"\r\n", data[begin:begin + length])
    return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="*", type=Path, help="assigned one after the other")
    parser.add_argument("--id", default="device-1")
    parser.add_argument("--token", default="secret")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--dialect", choices=("1.x", "0.x"), default="1.x")
    args = parser.parse_args()
    server = Server(args.id, args.token, dialect=args.dialect, port=args.port)
    for bundle in args.bundle:
        server.assign(bundle)
    print(f"{server.url}, tenant DEFAULT, target {args.id}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Many devices at once: each sends what keelboot-fleet was seen to send, in a connection of its own, and reads the
answer to its end. And what that costs the server."""
import os
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PLAYERS = 24
CEILING = 120           # seconds of any one play
TICKS = os.sysconf("SC_CLK_TCK")


def whole(answer: bytes) -> bool:
    """Is this all of it?"""
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if b"transfer-encoding" in lines:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(lines.get(b"content-length", 0))


def poll(port: int, request: bytes) -> tuple:
    """(status, bytes down, seconds). A server that does not answer is an error of the measurement."""
    begun, answer = time.monotonic(), b""
    with socket.create_connection(("127.0.0.1", port), 30) as one:
        one.sendall(request)
        while not whole(answer):
            piece = one.recv(65536)
            if not piece:
                raise ConnectionError(f"half an answer: {answer[:200]}")
            answer += piece
    return int(answer.split(b" ", 2)[1]), len(answer), time.monotonic() - begun


def family(pid: int) -> list:
    """This process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in family(int(child)))]


def cpu(pid: int) -> float:
    """Seconds that it and its children have used."""
    total = 0
    for one in family(pid):
        words = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += int(words[11]) + int(words[12])
    return total / TICKS


class Play:
    """Polls of a server that has this process: at their times, or one after the other."""

    def __init__(self, port, pid, request):
        """request: what a device sends, by its number."""
        self.port, self.pid, self.request = port, pid, request

    def _measure(self, send) -> dict:
        begun, before = time.monotonic(), cpu(self.pid)
        with ThreadPoolExecutor(PLAYERS) as pool:
            answers = [one.result() for one in send(pool, begun)]
        seconds, used = time.monotonic() - begun, cpu(self.pid) - before
        times = sorted(took for *_, took in answers)
        return {"requests": len(answers), "seconds": round(seconds, 2), "per_second": round(len(answers) / seconds, 1),
                "statuses": {str(status): sum(one[0] == status for one in answers)
                             for status in sorted({one[0] for one in answers})},
                "bytes_down": round(sum(one[1] for one in answers) / len(answers)),
                "server_cpu_ms_a_request": round(1000 * used / len(answers), 3),
                "server_cpu_percent": round(100 * used / seconds, 1),
                "median_ms": round(1000 * times[len(times) // 2], 1),
                "p99_ms": round(1000 * times[len(times) * 99 // 100], 1)}

    def at_once(self, devices) -> dict:
        """As fast as they are answered."""
        def send(pool, begun):
            def one(device):
                assert time.monotonic() - begun < CEILING, "the server is too slow for this measurement"
                return poll(self.port, self.request(device))
            return [pool.submit(one, device) for device in devices]
        return self._measure(send)

    def at_times(self, contacts) -> dict:
        """contacts: (second, device), the earliest first, in real time; those of a second are spread over it."""
        many = Counter(second for second, _ in contacts)

        def send(pool, begun):
            first, answers, place = contacts[0][0], [], Counter()
            for second, device in contacts:
                due = begun + second - first + place[second] / many[second]
                place[second] += 1
                time.sleep(max(0, due - time.monotonic()))
                answers.append(pool.submit(poll, self.port, self.request(device)))
            return answers
        return self._measure(send)

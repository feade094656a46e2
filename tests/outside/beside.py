"""Somebody who only wants to work, beside others who misuse the same Ogent; and what the parts cost before and after.

A test module that imports the fixture `others_are_served` holds each of its tests to it.
"""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx
import pytest
from conftest import PATIENCE_S, Live, wait_until

# What somebody else may have to wait at worst and usually. Generous, because the machine may be busy with other things,
# but each of the limits that are tried here (10 s, 30 s) would show.
HEALTH_WORST_S = 2.0
COMMAND_WORST_S = 5.0
COMMAND_USUAL_S = 1.5

# Between one look of the bystander and the next.
EVERY_S = 0.1

# What may be left behind by one test: connections that clients keep for later, pages that an allocator does so.
SPARE_FDS = 16
SPARE_MIB = 96

# What stands in a log when a part has done what it never should. A test must not send these words.
ALARMS = ("panicked", "invariant violated", "this is a bug")


@dataclass(frozen=True)
class Part:
    """A process of the Ogent that runs these tests."""

    name: str
    pid: int

    def fds(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def mib(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) // 1024


def words_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")


def children_of(parent: int) -> list[int]:
    def parent_of(pid: str) -> int:
        try:
            return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            return 0

    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and parent_of(pid) == parent]


def parts() -> list[Part]:
    """`ogent up` with the gateway in it, its agent and its nats-server."""
    found = [Part("gateway", os.getppid())]
    assert "up" in words_of(os.getppid()), "the tests have to be started by `ogent up`: scripts/test-outside"
    for child in children_of(os.getppid()):
        words = words_of(child)
        if "run-agent" in words:
            found.append(Part("agent", child))
        elif "nats-server" in words[0]:
            found.append(Part("broker", child))
    assert [part.name for part in sorted(found, key=lambda part: part.name)] == ["agent", "broker", "gateway"], found
    return found


def logs() -> list[Path]:
    """Of all parts; the gateway's is wherever `ogent up` writes to, if that can be read."""
    agent = next(words_of(part.pid) for part in parts() if part.name == "agent")
    folder = Path(agent[agent.index("--state-dir") + 1]).parent
    return [folder / "agent.log", folder / "nats.log", Path(os.readlink(f"/proc/{os.getppid()}/fd/2"))]


def alarms() -> list[str]:
    lines = [line for log in logs() if log.is_file() for line in log.read_text(errors="replace").splitlines()]
    return [line for line in lines if any(alarm in line for alarm in ALARMS)]


@dataclass
class Bystander:
    """Runs a command and asks for the gateway's health, again and again, and writes down how long that took."""

    ogent: Live
    health: list[float] = field(default_factory=list)
    commands: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Bystander":
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _work(self) -> None:
        with self.ogent.client() as client:
            while True:
                self._timed(self.health, self._ask_for_health)
                self._timed(self.commands, lambda: self._run(client))
                if self._done.wait(EVERY_S):
                    return

    def _timed(self, times: list[float], act: object) -> None:
        began = time.monotonic()
        try:
            act()  # type: ignore[operator]
        except (httpx.HTTPError, AssertionError) as error:
            self.failures.append(f"after {time.monotonic() - began:.1f} s: {error!r}")
        times.append(time.monotonic() - began)

    def _ask_for_health(self) -> None:
        # On a connection of its own, so that it needs a place like everybody else.
        assert httpx.get(f"{self.ogent.url}/healthz", timeout=PATIENCE_S).status_code == 200

    def _run(self, client: httpx.Client) -> None:
        answer = client.post(f"/agents/{self.ogent.agent}/execute", json={"command": "echo here"})
        assert answer.status_code == 200 and answer.json()["stdout"] == "here\n", answer.text

    def check(self) -> None:
        assert self.failures == [], "somebody else was not served"
        assert max(self.health) < HEALTH_WORST_S, f"/healthz took {max(self.health):.1f} s at worst"
        assert max(self.commands) < COMMAND_WORST_S, f"a command took {max(self.commands):.1f} s at worst"
        assert median(self.commands) < COMMAND_USUAL_S, f"commands took {median(self.commands):.1f} s"


@pytest.fixture(autouse=True)
def others_are_served(ogent: Live) -> Iterator[Bystander]:
    """While the test goes on, and afterwards; and it leaves the parts as they were."""
    before = [(part, part.fds(), part.mib()) for part in parts()]
    known = len(alarms())
    with Bystander(ogent) as bystander:
        yield bystander
    bystander.check()
    assert [part for part, _, _ in before] == parts(), "a part has ended"
    for part, fds, mib in before:
        wait_until(f"{part.name} has {part.fds()} files open, {fds} before", lambda: part.fds() <= fds + SPARE_FDS)
        wait_until(f"{part.name} has {part.mib()} MiB, {mib} before", lambda: part.mib() <= mib + SPARE_MIB)
    assert alarms()[known:] == []
    with Bystander(ogent) as afterwards:
        pass
    afterwards.check()

"""A live Ogent, seen by clients that are not ours.

`scripts/test-outside` runs these tests; what it amounts to is

    ogent up --ephemeral --random-ports -- python -m pytest tests/outside

and whatever they need to know comes from the environment that `ogent up` gives its command.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import pytest

T = TypeVar("T")

NEEDED = ("OGENT_URL", "OGENT_TOKEN", "OGENT_AGENT", "OGENT_ADMIN_PASSWORD", "NATS_URL", "NATS_CREDS")

# How long anything may take that should take no time. Generous: the machine may be busy with other tests.
PATIENCE_S = 20.0


@dataclass(frozen=True)
class Live:
    """Where Ogent is, and how to get in."""

    url: str
    token: str
    agent: str
    password: str
    nats_url: str
    nats_creds: str
    inbox_prefix: str

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws"

    def client(self, **more: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_S, **more)


@pytest.fixture(scope="session")
def ogent() -> Live:
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        pytest.exit(f"{', '.join(missing)} not set; run scripts/test-outside", returncode=2)
    environ = os.environ
    return Live(
        url=environ["OGENT_URL"].rstrip("/"),
        token=environ["OGENT_TOKEN"],
        agent=environ["OGENT_AGENT"],
        password=environ["OGENT_ADMIN_PASSWORD"],
        nats_url=environ["NATS_URL"],
        nats_creds=environ["NATS_CREDS"],
        inbox_prefix=environ.get("NATS_INBOX_PREFIX", "_INBOX"),
    )


@pytest.fixture(scope="session")
def api(ogent: Live) -> Iterator[httpx.Client]:
    """Somebody who is logged in."""
    with ogent.client() as client:
        yield client


@pytest.fixture(scope="session")
def stranger(ogent: Live) -> Iterator[httpx.Client]:
    """Somebody who is not."""
    with httpx.Client(base_url=ogent.url, timeout=PATIENCE_S) as client:
        yield client


def wait_until(what: str, probe: Callable[[], T | None]) -> T:
    """The first value of `probe` that is not false or None."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if value := probe():
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {PATIENCE_S:.0f} s in vain: {what}")


def finished(api: httpx.Client, command: str) -> dict[str, Any]:
    """The command as the history shows it, once it has ended."""

    def probe() -> dict[str, Any] | None:
        answer = api.get(f"/commands/{command}")
        if answer.status_code == 404:
            return None
        view = answer.raise_for_status().json()
        return None if view["status"] in ("queued", "accepted", "running") else view

    return wait_until(f"the end of {command}", probe)


def problem(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The RFC 9457 body of an error, checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    body = json.loads(answer.text)
    assert body["status"] == status
    assert body["type"] == f"urn:ogent:problem:{body['code']}"
    assert body["title"] and body["detail"]
    if code is not None:
        assert body["code"] == code, body
    return body

"""Plain NATS, as nats-py speaks it: what `nats pub`, `nats req` and `nats sub` would do with a person's credentials."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgpack
import nats
import pytest
from conftest import PATIENCE_S, Live, finished, wait_until
from nats.aio.client import Client
from nats.aio.msg import Msg

JSON = "application/json"
MSGPACK = "application/msgpack"


@asynccontextmanager
async def operator(ogent: Live, errors: list[Exception] | None = None) -> AsyncIterator[Client]:
    """A person with the credentials that `ogent up` prints. What the broker refuses is put into `errors`."""
    seen: list[Exception] = [] if errors is None else errors

    async def note(error: Exception) -> None:
        seen.append(error)

    client = await nats.connect(
        ogent.nats_url,
        user_credentials=ogent.nats_creds,
        inbox_prefix=ogent.inbox_prefix,
        allow_reconnect=False,
        error_cb=note,
    )
    try:
        yield client
        assert errors is not None or not seen, seen
    finally:
        await client.close()


def with_operator(ogent: Live, talk: Callable[[Client], Awaitable[Any]]) -> Any:
    async def connected() -> Any:
        async with operator(ogent) as client:
            return await talk(client)

    return asyncio.run(connected())


def exec_of(ogent: Live) -> str:
    return f"agents.{ogent.agent}.exec"


def pack(intent: dict[str, Any], content_type: str | None = None) -> tuple[bytes, dict[str, str] | None]:
    if content_type == MSGPACK:
        return msgpack.packb(intent), {"Content-Type": MSGPACK}
    return json.dumps(intent).encode(), {"Content-Type": content_type} if content_type else None


async def ask(client: Client, ogent: Live, intent: dict[str, Any], content_type: str | None = None) -> dict[str, Any]:
    body, headers = pack(intent, content_type)
    return unpack(await client.request(exec_of(ogent), body, timeout=PATIENCE_S, headers=headers))


def unpack(message: Msg) -> dict[str, Any]:
    content_type = (message.headers or {}).get("Content-Type", JSON)
    if content_type == MSGPACK:
        return msgpack.unpackb(message.data)
    assert content_type in (JSON, "application/cloudevents+json"), content_type
    return json.loads(message.data)


def request(ogent: Live, intent: dict[str, Any], content_type: str | None = None) -> dict[str, Any]:
    return with_operator(ogent, lambda client: ask(client, ogent, intent, content_type))


def still_works(ogent: Live) -> None:
    """Whatever came before, the agent carries on."""
    answer = request(ogent, {"command": "echo here"})
    assert (answer["status"], answer["stdout"]) == ("succeeded", "here\n"), answer


# === nats pub ===


def test_a_published_command_runs_and_the_history_has_it(ogent: Live, api: httpx.Client, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    line = f"echo ran >> {mark}; id -u"

    async def publish(client: Client) -> None:
        await client.publish(exec_of(ogent), json.dumps({"command": line, "reason": "from outside"}).encode())
        await client.flush()

    with_operator(ogent, publish)
    wait_until("the command has run", mark.exists)

    def in_history() -> dict[str, Any] | None:
        page = api.get("/commands", params={"agent": ogent.agent}).raise_for_status().json()
        return next((one for one in page["commands"] if one["command"] == line), None)

    shown = finished(api, wait_until("the history has it", in_history)["id"])
    assert shown["status"] == "succeeded"
    assert shown["agent_id"] == ogent.agent
    assert shown["reason"] == "from outside"
    assert mark.read_text() == "ran\n"


def test_the_same_id_runs_once(ogent: Live, api: httpx.Client, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    command = str(uuid.uuid4())
    body = json.dumps({"id": command, "command": f"echo ran >> {mark}"}).encode()

    async def publish(client: Client) -> None:
        for _ in range(20):
            await client.publish(exec_of(ogent), body)
        await client.flush()

    with_operator(ogent, publish)
    assert finished(api, command)["status"] == "succeeded"
    # Everything that was published before this is answered before this is.
    still_works(ogent)
    assert mark.read_text() == "ran\n"


# === nats req ===


@pytest.mark.parametrize("content_type", [None, JSON, MSGPACK])
def test_a_request_is_answered_with_the_outcome(ogent: Live, api: httpx.Client, content_type: str | None) -> None:
    intent = {"command": "cat; echo oops >&2; exit 3", "stdin": "grüß\n", "env": {"A": "b"}, "cwd": "/"}
    answer = request(ogent, intent, content_type)
    text: Callable[[str], Any] = str.encode if content_type == MSGPACK else str
    assert answer["status"] == "failed"
    assert (answer["exit_code"], answer["signal"]) == (3, None)
    assert answer["stdout"] == text("grüß\n")
    assert answer["stderr"] == text("oops\n")
    assert answer["agent_id"] == ogent.agent
    assert (answer["stdout_bytes"], answer["stdout_cut"], answer["truncated"]) == (7, 0, False)
    assert answer["duration_ms"] > 0
    assert finished(api, answer["id"])["exit_code"] == 3


@pytest.mark.parametrize("content_type", [JSON, MSGPACK])
def test_bytes_that_are_not_text_arrive_as_they_are(ogent: Live, content_type: str) -> None:
    raw = b"\xff\x00\xfe"
    stdin: Any = raw if content_type == MSGPACK else {"base64": "/wD+"}
    answer = request(ogent, {"argv": ["cat"], "stdin": stdin}, content_type)
    assert answer["status"] == "succeeded"
    assert answer["stdout"] == stdin


@pytest.mark.parametrize(
    ("intent", "status"),
    [
        ({"argv": ["true"]}, "succeeded"),
        ({"command": "kill -KILL $$"}, "signaled"),
        ({"command": "sleep 30", "timeout_s": 0.3}, "timed_out"),
        ({"argv": ["/no/such/program"]}, "unspawnable"),
        ({"command": "true", "cwd": "/no/such/folder"}, "unspawnable"),
        ({"command": "true", "not_after": "2001-01-01T00:00:00Z"}, "expired"),
        ({"command": "true", "execution_target": "ssh"}, "rejected"),
    ],
)
def test_every_outcome_is_answered(ogent: Live, intent: dict[str, Any], status: str) -> None:
    answer = request(ogent, intent)
    assert answer["status"] == status, answer
    if status not in ("succeeded", "signaled"):
        assert answer["message"]


def test_a_command_is_cancelled_with_a_message(ogent: Live, api: httpx.Client, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    command = str(uuid.uuid4())

    async def start_and_cancel(client: Client) -> dict[str, Any]:
        run = asyncio.create_task(ask(client, ogent, {"id": command, "command": f"echo > {mark}; sleep 60"}))
        await asyncio.to_thread(wait_until, "it runs", mark.exists)
        await client.publish(exec_of(ogent), json.dumps({"type": "cancel", "id": command, "reason": "enough"}).encode())
        return await run

    answer = with_operator(ogent, start_and_cancel)
    assert answer["status"] == "cancelled", answer
    assert finished(api, command)["status"] == "cancelled"


# === nats sub ===


@pytest.mark.parametrize("content_type", [JSON, MSGPACK])
def test_the_feed_shows_numbered_cloudevents(ogent: Live, content_type: str) -> None:
    command = str(uuid.uuid4())

    async def watch(client: Client) -> list[dict[str, Any]]:
        feed = await client.subscribe("agents.*.results")
        # The broker knows the subscription before it gets the command.
        await client.flush()
        line = "for n in 1 2 3; do echo $n; sleep 0.05; done; echo end >&2"
        await ask(client, ogent, {"id": command, "command": line}, content_type)
        events: list[dict[str, Any]] = []
        while not events or events[-1]["type"] != "ogent.command.finished":
            message = await feed.next_msg(timeout=PATIENCE_S)
            event = unpack(message)
            if event["subject"] == command:
                assert message.subject == f"agents.{ogent.agent}.results"
                events.append(event)
        return events

    events = with_operator(ogent, watch)
    for n, event in enumerate(events):
        assert event["specversion"] == "1.0"
        assert event["id"] == f"{command}/{n}", "numbers have no gaps"
        assert event["source"] == f"/agents/{ogent.agent}"
        assert datetime.fromisoformat(event["time"].replace("Z", "+00:00")).tzinfo is not None
        assert event["datacontenttype"] == JSON
    types = [event["type"].removeprefix("ogent.command.") for event in events]
    assert types[0] == "accepted"
    assert events[0]["data"]["intent"]["id"] == command
    assert types.count("accepted") == types.count("finished") == 1
    assert types[1] == "started"

    end = events[-1]["data"]
    chunks = [event["data"] for event in events if event["type"].endswith(".output")] + end.get("tail", [])
    out = "".join(chunk["data"] for chunk in chunks if chunk["stream"] == "stdout")
    assert out == "1\n2\n3\n"
    assert end["outcome"] == "succeeded"
    assert (end["stdout"]["bytes"], end["stderr"]["bytes"]) == (6, 4)


# === What should not be ===

MALFORMED: dict[str, tuple[bytes, dict[str, str] | None]] = {
    "empty": (b"", None),
    "not JSON": (b"uptime", None),
    "not UTF-8": (b'{"command":"\xff"}', None),
    "not an object": (b'["uptime"]', None),
    "nothing to run": (b"{}", None),
    "an unknown field": (b'{"command":"true","comand":"x"}', None),
    "a field twice": (b'{"command":"true","command":"false"}', None),
    "command and argv": (b'{"command":"true","argv":["true"]}', None),
    "an empty argv": (b'{"argv":[]}', None),
    "a NUL": (b'{"command":"true\\u0000"}', None),
    "an id with a wildcard": (b'{"command":"true","id":"a.*"}', None),
    "a relative folder": (b'{"command":"true","cwd":"tmp"}', None),
    "an endless time": (b'{"command":"true","timeout_s":1e99}', None),
    "trailing bytes": (b'{"command":"true"} {}', None),
    "deep nesting": (b'{"env":' + b"[" * 200_000, None),
    "a line too long": (json.dumps({"command": "true " + "x" * 70_000}).encode(), None),
    "a message too large": (json.dumps({"command": "true", "stdin": "x" * 600_000}).encode(), None),
    "an unknown content type": (b'{"command":"true"}', {"Content-Type": "image/png"}),
    "JSON called MessagePack": (b'{"command":"true"}', {"Content-Type": MSGPACK}),
    "MessagePack called JSON": (msgpack.packb({"command": "true"}), {"Content-Type": JSON}),
    "trailing bytes in MessagePack": (msgpack.packb({"command": "true"}) + b"\xc0", {"Content-Type": MSGPACK}),
    "deep nesting in MessagePack": (b"\x81\xa3env" + b"\x91" * 200_000, {"Content-Type": MSGPACK}),
    "a MessagePack array that lies about its size": (b"\x81\xa4argv\xdd\xff\xff\xff\xff", {"Content-Type": MSGPACK}),
    "a cancel of nothing": (b'{"type":"cancel"}', None),
    "an unknown type": (b'{"type":"reboot","command":"true"}', None),
}


def refusal(message: Msg, code: str) -> dict[str, Any]:
    """The problem in an answer, checked; NATS micro services mark an error with the same headers."""
    problem = unpack(message)
    assert (problem["type"], problem["code"]) == (f"urn:ogent:problem:{code}", code), problem
    assert problem["detail"]
    headers = message.headers or {}
    assert headers["Nats-Service-Error-Code"] == str(problem["status"])
    assert headers["Nats-Service-Error"]
    return problem


async def refused_with_an_event(client: Client, ogent: Live, body: bytes, headers: dict[str, str] | None) -> None:
    feed = await client.subscribe("agents.*.results")
    await client.flush()
    problem = refusal(await client.request(exec_of(ogent), body, timeout=PATIENCE_S, headers=headers), "malformed_intent")
    event = unpack(await feed.next_msg(timeout=2))
    while event["data"].get("message") != f"malformed_intent: {problem['detail']}":
        event = unpack(await feed.next_msg(timeout=2))
    assert event["type"] == "ogent.command.finished", event
    assert event["data"]["outcome"] == "rejected"


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_message_is_refused_with_a_reply_and_an_event(ogent: Live, name: str) -> None:
    async def send(client: Client) -> None:
        # An agent answers each, but writes down only ten in any second, so that nobody fills the ledger with them.
        for _ in range(3):
            try:
                return await refused_with_an_event(client, ogent, *MALFORMED[name])
            except nats.errors.TimeoutError:
                continue
        raise AssertionError("three times a reply, and not once an event")

    with_operator(ogent, send)
    still_works(ogent)


def test_a_command_for_another_agent_is_refused(ogent: Live) -> None:
    body = json.dumps({"command": "true", "agent": "somebody-else"}).encode()

    async def send(client: Client) -> None:
        refusal(await client.request(exec_of(ogent), body, timeout=PATIENCE_S), "foreign_message")

    with_operator(ogent, send)


@pytest.mark.parametrize(
    "forged",
    [
        {"Nats-Stream": "COMMANDS", "Nats-Subject": "commands.somebody-else.{id}", "Nats-Sequence": "1"},
        {"Nats-Stream": "COMMANDS", "Nats-Subject": "commands.{agent}.another-command", "Nats-Sequence": "1"},
        {"Nats-Stream": "COMMANDS"},
        {"Nats-Stream": "RESULTS", "Nats-Subject": "results.{agent}.{id}", "Nats-Sequence": "1"},
        {"Nats-Stream": "KV_agents", "Nats-Subject": "$KV.agents.{agent}", "Nats-Sequence": "1"},
    ],
    ids=lambda forged: forged.get("Nats-Subject", "no subject"),
)
def test_stored_bytes_from_elsewhere_do_not_run(ogent: Live, tmp_path: Path, forged: dict[str, str]) -> None:
    # The broker itself delivers such messages when somebody names an exec subject as the place for stored bytes.
    mark = tmp_path / "mark"
    command = str(uuid.uuid4())
    headers = {name: text.format(agent=ogent.agent, id=command) for name, text in forged.items()}
    body = json.dumps({"id": command, "command": f"touch {mark}"}).encode()

    async def send(client: Client) -> None:
        await client.publish(exec_of(ogent), body, headers=headers)
        await client.flush()

    with_operator(ogent, send)
    still_works(ogent)
    assert not mark.exists()


@pytest.mark.parametrize("ahead", [-1_000_000, 1, 1_000_000])
def test_a_forged_bell_runs_nothing_that_the_history_does_not_have(
    ogent: Live, api: httpx.Client, tmp_path: Path, ahead: int
) -> None:
    # The headers of a true bell, for a command that nobody has put into the ledger.
    mark = tmp_path / "mark"
    command = str(uuid.uuid4())
    # Every command has so far taken one place in the ledger, and each cancellation one more.
    last = len(list(history(api)))
    headers = {
        "Nats-Stream": "COMMANDS",
        "Nats-Subject": f"commands.{ogent.agent}.{command}",
        "Nats-Sequence": str(max(1, last + ahead)),
        "Nats-Last-Sequence": "0",
    }
    body = json.dumps({"id": command, "agent": ogent.agent, "command": f"touch {mark}"}).encode()

    async def send(client: Client) -> None:
        await client.publish(exec_of(ogent), body, headers=headers)
        await client.flush()

    with_operator(ogent, send)
    # It does not stand in the way of true ones either.
    for _ in range(3):
        still_works(ogent)
    if mark.exists():
        assert finished(api, command)["status"] == "succeeded", "it ran and is not in the history"


def history(api: httpx.Client) -> Iterator[dict[str, Any]]:
    params: dict[str, Any] = {"limit": 200}
    while True:
        page = api.get("/commands", params=params).raise_for_status().json()
        yield from page["commands"]
        if "next_cursor" not in page:
            return
        params["cursor"] = page["next_cursor"]


async def refused(client: Client, errors: list[Exception], what: str) -> None:
    """The broker's refusal. It comes before the answer to a ping, but nats-py tells of it when it finds the time."""
    await client.flush()
    end = asyncio.get_running_loop().time() + PATIENCE_S
    while not any(f"permissions violation for {what}" in str(error).lower() for error in errors):
        assert asyncio.get_running_loop().time() < end, f"the broker refused nothing: {errors}"
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "subject",
    [
        "commands.{agent}.x",
        "results.{agent}.x",
        "agents.{agent}.results",
        "$KV.agents.{agent}",
        "$KV.presence.{agent}",
        "$JS.API.STREAM.INFO.COMMANDS",
        "$JS.API.STREAM.PURGE.COMMANDS",
        "$JS.API.DIRECT.GET.COMMANDS",
        "$JS.API.CONSUMER.CREATE.COMMANDS",
        "$SYS.REQ.SERVER.PING",
    ],
)
def test_an_operator_may_not_publish_there(ogent: Live, subject: str) -> None:
    errors: list[Exception] = []

    async def publish() -> None:
        async with operator(ogent, errors) as client:
            await client.publish(subject.format(agent=ogent.agent), b'{"command":"true"}')
            await refused(client, errors, "publish")

    asyncio.run(publish())


@pytest.mark.parametrize("subject", [">", "commands.>", "results.>", "$KV.>", "_INBOX_gateway.>", "agents.*.exec"])
def test_an_operator_may_not_listen_there(ogent: Live, subject: str) -> None:
    errors: list[Exception] = []

    async def listen() -> None:
        async with operator(ogent, errors) as client:
            await client.subscribe(subject)
            await refused(client, errors, "subscription")

    asyncio.run(listen())


def test_nobody_gets_in_without_a_key(ogent: Live) -> None:
    async def connect() -> None:
        with pytest.raises(nats.errors.Error, match="(?i)authorization"):
            await nats.connect(ogent.nats_url, allow_reconnect=False, connect_timeout=5)

    asyncio.run(connect())

"""Asking analysts, as `nats req` and `nats micro` do it with a person's credentials."""

import asyncio
import json
from typing import Any

import msgpack
import pytest
from conftest import PATIENCE_S, Live
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeout
from test_wire import MSGPACK, operator, unpack, with_operator

REQUESTS = "analysis.requests"


def ask(ogent: Live, request: dict[str, Any], content_type: str | None = None) -> dict[str, Any]:
    body = msgpack.packb(request) if content_type == MSGPACK else json.dumps(request).encode()
    headers = {"Content-Type": content_type} if content_type else None
    return unpack(with_operator(ogent, lambda client: client.request(REQUESTS, body, PATIENCE_S, headers=headers)))


def test_a_person_is_told_what_a_command_would_do(ogent: Live) -> None:
    answer = ask(ogent, {"command": "rm -rf /", "system": "Linux"})
    assert answer["level"] == "critical"
    assert answer["command"] == "rm -rf /"
    assert answer["verdict"]["reasons"]
    # Without a model everything works, and says so.
    assert answer["advisor"] == "absent"
    assert "advice" not in answer
    assert ask(ogent, {"argv": ["ls", "-l"]}, MSGPACK)["level"] == "none"


def test_it_is_published_and_nothing_has_run(ogent: Live) -> None:
    async def talk(client: Client) -> dict[str, Any]:
        results = await client.subscribe("analysis.results")
        body = json.dumps({"command": "rm -rf /tmp/some-where", "id": "asked-from-outside"}).encode()
        answer = unpack(await client.request(REQUESTS, body, PATIENCE_S))
        while True:
            published = json.loads((await results.next_msg(PATIENCE_S)).data)
            if published["id"] == "asked-from-outside":
                return {"answer": answer, "published": published}

    seen = with_operator(ogent, talk)
    assert seen["answer"] == seen["published"]
    with ogent.client() as api:
        assert api.get("/commands/asked-from-outside").status_code == 404


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (b"", "object"),
        (b"{", "JSON"),
        (b'{"comand": "ls"}', "comand"),
        (b'{"system": "Linux"}', "command"),
        (b'{"command": "ls", "argv": ["ls"]}', "argv"),
        (b'{"command": "' + b"x" * 70_000 + b'"}', "command"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_reasons(ogent: Live, request_: bytes, says: str) -> None:
    message = with_operator(ogent, lambda client: client.request(REQUESTS, request_, PATIENCE_S))
    assert message.headers["Nats-Service-Error-Code"] == "400"
    assert says in message.headers["Nats-Service-Error"]
    problem = json.loads(message.data)
    assert problem["status"] == 400
    assert says in problem["detail"]


def test_the_service_is_listed_described_and_counted(ogent: Live) -> None:
    async def one(client: Client, subject: str) -> dict[str, Any]:
        return json.loads((await client.request(subject, b"", PATIENCE_S)).data)

    async def talk(client: Client) -> list[dict[str, Any]]:
        await client.request(REQUESTS, b'{"command": "uptime"}', PATIENCE_S)
        return [await one(client, f"$SRV.{verb}.ogent-analysis") for verb in ("PING", "INFO", "STATS")]

    ping, info, stats = with_operator(ogent, talk)
    assert ping["name"] == info["name"] == stats["name"] == "ogent-analysis"
    [endpoint] = info["endpoints"]
    assert (endpoint["subject"], endpoint["queue_group"]) == (REQUESTS, "analysts")
    [counted] = stats["endpoints"]
    assert counted["num_requests"] > 0
    assert sum(counted["data"]["verdicts"].values()) > 0
    assert counted["data"]["advisor"] is None


def test_an_operator_can_neither_write_analyses_nor_listen_to_requests(ogent: Live) -> None:
    async def talk() -> list[Exception]:
        errors: list[Exception] = []
        async with operator(ogent, errors) as client:
            with pytest.raises(NatsTimeout):
                await client.request("analyses.forged", b"{}", 0.3)
            await client.subscribe(REQUESTS)
            await client.flush()
            await asyncio.sleep(0.2)
        return errors

    errors = [str(error).lower() for error in asyncio.run(talk())]
    assert any("analyses.forged" in error for error in errors), errors
    assert any("subscription" in error and REQUESTS in error for error in errors), errors

"""The REST API, as httpx speaks it."""

import json
import re
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from conftest import PATIENCE_S, Live, finished, problem, wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect


def execute(api: httpx.Client, agent: str, body: dict[str, Any], **more: Any) -> httpx.Response:
    return api.post(f"/agents/{agent}/execute", json=body, **more)


def start(api: httpx.Client, agent: str, line: str) -> str:
    """A command that runs on while others are asked about it."""
    answer = execute(api, agent, {"command": line}, params={"wait": 0})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def sse(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """The events of a text/event-stream."""
    event: dict[str, str] = {}
    for line in lines:
        if not line:
            if "data" in event:
                yield event
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            event[name] = value.removeprefix(" ")


# === Who is asking ===


def test_a_token_is_had_with_name_and_password(ogent: Live, stranger: httpx.Client) -> None:
    answer = stranger.post("/token", data={"username": "admin", "password": ogent.password})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()
    assert token["token_type"] == "bearer"
    assert token["expires_in"] > 0
    agents = stranger.get("/agents", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert agents.status_code == 200


@pytest.mark.parametrize("username", ["admin", "nobody"])
def test_a_wrong_password_gets_nothing(stranger: httpx.Client, username: str) -> None:
    answer = stranger.post("/token", data={"username": username, "password": "wrong"})
    body = problem(answer, 401, "invalid_credentials")
    assert username not in body["detail"]


def test_json_is_no_form(stranger: httpx.Client) -> None:
    problem(stranger.post("/token", json={"username": "admin", "password": "x"}), 415)


GUARDED = [
    ("GET", "/agents"),
    ("GET", "/agents/x"),
    ("POST", "/agents/x/execute"),
    ("GET", "/commands"),
    ("GET", "/commands/x"),
    ("GET", "/commands/x/output"),
    ("GET", "/commands/x/events"),
    ("POST", "/commands/x/cancel"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer a.b.c", "Basic YWRtaW46cGFzc3dvcmQ="])
def test_strangers_get_nothing(stranger: httpx.Client, method: str, path: str, header: str | None) -> None:
    answer = stranger.request(method, path, headers={"Authorization": header} if header else {})
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_changed_token_is_refused(ogent: Live, stranger: httpx.Client) -> None:
    head, claims, signature = ogent.token.split(".")
    flipped = signature[:-2] + ("A" if signature[-2] != "A" else "B") + signature[-1]
    answer = stranger.get("/agents", headers={"Authorization": f"Bearer {head}.{claims}.{flipped}"})
    problem(answer, 401, "unauthorized")


# === Agents ===


def test_the_agent_is_listed_and_online(ogent: Live, api: httpx.Client) -> None:
    agents = api.get("/agents").raise_for_status().json()["agents"]
    agent = next(one for one in agents if one["id"] == ogent.agent)
    assert agent["status"] == "online"
    assert agent["platform"]["os"] and agent["platform"]["kernel"] and agent["version"]
    assert agent["last_seen"] and agent["started_at"]
    assert agent.get("hostname") != agent["id"]
    assert api.get(f"/agents/{ogent.agent}").raise_for_status().json()["id"] == ogent.agent


def test_an_unknown_agent_is_not_found(api: httpx.Client) -> None:
    problem(api.get("/agents/nobody"), 404, "unknown_agent")
    problem(execute(api, "nobody", {"command": "true"}), 404, "unknown_agent")


# === Commands ===


def test_a_command_is_answered_with_its_outcome(ogent: Live, api: httpx.Client) -> None:
    answer = execute(api, ogent.agent, {"command": "echo out; echo err >&2; exit 7", "execution_target": "auto"})
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert (result["status"], result["exit_code"], result["signal"]) == ("failed", 7, None)
    assert (result["stdout"], result["stderr"]) == ("out\n", "err\n")
    assert result["duration_ms"] > 0
    shown = api.get(f"/commands/{result['id']}").raise_for_status().json()
    assert shown["status"] == "failed"
    assert shown["requested_by"] == "admin"
    newest = api.get("/commands", params={"agent": ogent.agent, "status": "failed", "user": "admin"})
    assert result["id"] in [one["id"] for one in newest.raise_for_status().json()["commands"]]


def test_a_command_has_argv_stdin_env_and_cwd(ogent: Live, api: httpx.Client) -> None:
    body = {
        "argv": ["sh", "-c", 'pwd; echo "$GREETING"; cat', "ignored; exit 1"],
        "cwd": "/",
        "env": {"GREETING": "hello"},
        "stdin": "from afar",
    }
    assert execute(api, ogent.agent, body).json()["stdout"] == "/\nhello\nfrom afar"


def test_a_command_runs_as_another_account(ogent: Live, api: httpx.Client) -> None:
    agent = api.get(f"/agents/{ogent.agent}").raise_for_status().json()
    if "run-as" not in agent["capabilities"]:
        pytest.skip("the agent may not change its account here")
    body = {
        # What the asker sets is the command's, and does not touch the program that changes the account.
        "command": 'id -un; id -Gn; echo "$HOME $GREETING"; env | grep -c OGENT_LAUNCH',
        "user": "nobody",
        "env": {"GREETING": "hello", "LD_PRELOAD": "/nowhere.so"},
    }
    result = execute(api, ogent.agent, body).json()
    assert result["stdout"].splitlines() == ["nobody", "nogroup", "/nonexistent hello", "0"], result
    # The shell and the four programs that it starts look for the library; the launcher before them must not.
    assert result["stderr"].count("/nowhere.so") == 5, result


def test_without_waiting_the_answer_says_where_to_look(ogent: Live, api: httpx.Client) -> None:
    answer = execute(api, ogent.agent, {"command": "echo later"}, params={"wait": 0})
    assert answer.status_code == 202, answer.text
    command = answer.json()["id"]
    assert answer.headers["location"] == f"/commands/{command}"
    assert finished(api, command)["status"] == "succeeded"
    output = api.get(f"{answer.headers['location']}/output")
    assert output.content == b"later\n"


def test_a_wait_ends_in_time(ogent: Live, api: httpx.Client) -> None:
    began = time.monotonic()
    answer = execute(api, ogent.agent, {"command": "sleep 60"}, params={"wait": 1})
    assert answer.status_code == 202, answer.text
    assert 0.9 < time.monotonic() - began < 10
    command = answer.json()["id"]
    assert api.post(f"/commands/{command}/cancel").status_code == 202
    assert finished(api, command)["status"] == "cancelled"


def test_a_retry_with_a_key_is_the_same_command(ogent: Live, api: httpx.Client) -> None:
    headers = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
    body = {"command": "head -c 16 /dev/urandom | od -An -tx1"}

    def send(_: int) -> dict[str, Any]:
        return execute(api, ogent.agent, body, headers=headers).raise_for_status().json()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert len({answer["id"] for answer in answers}) == 1
    assert len({answer["stdout"] for answer in answers}) == 1, "it ran more than once"
    other = execute(api, ogent.agent, {"command": "true"}, headers=headers)
    problem(other, 422, "idempotency_mismatch")


def test_cancelling_ends_it_and_says_so(ogent: Live, api: httpx.Client) -> None:
    command = start(api, ogent.agent, "sleep 60 & sleep 60")
    wait_until("it runs", lambda: api.get(f"/commands/{command}").json()["status"] == "running")
    answer = api.post(f"/commands/{command}/cancel", json={"reason": "enough"})
    assert answer.status_code == 202, answer.text
    assert answer.json()["cancel_requested"]
    assert finished(api, command)["status"] == "cancelled"
    again = api.post(f"/commands/{command}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")


def test_output_is_given_as_it_was_printed(ogent: Live, api: httpx.Client) -> None:
    line = r"printf '\377\000\n'; sleep 0.1; printf '<script>' >&2"
    command = execute(api, ogent.agent, {"command": line}).json()["id"]
    both = api.get(f"/commands/{command}/output")
    assert both.content == b"\xff\x00\n<script>"
    assert both.headers["content-type"] == "application/octet-stream"
    assert both.headers["x-content-type-options"] == "nosniff"
    assert api.get(f"/commands/{command}/output", params={"stream": "stdout"}).content == b"\xff\x00\n"
    assert api.get(f"/commands/{command}/output", params={"stream": "stderr"}).content == b"<script>"
    problem(api.get(f"/commands/{command}/output", params={"stream": "stdin"}), 400, "invalid_parameter")


def test_much_output_is_cut_where_asked_and_that_is_said(ogent: Live, api: httpx.Client) -> None:
    body = {"command": "head -c 3000000 /dev/zero", "max_output_bytes": 2_000_000}
    result = execute(api, ogent.agent, body).raise_for_status().json()
    assert result["stdout_bytes"] == 3_000_000
    assert result["stdout_cut"] == 1_000_000
    assert result["truncated"]
    assert len(api.get(f"/commands/{result['id']}/output").content) == 2_000_000


def test_history_is_paged_newest_first(ogent: Live, api: httpx.Client) -> None:
    ids = [execute(api, ogent.agent, {"command": f"echo {n}"}).json()["id"] for n in range(5)]
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2, "agent": ogent.agent}
    while len(seen) < 5:
        page = api.get("/commands", params=params).raise_for_status().json()
        assert len(page["commands"]) <= 2
        seen += [one["id"] for one in page["commands"]]
        params["cursor"] = page["next_cursor"]
    assert seen[:5] == ids[::-1]


# === Live ===


def test_events_arrive_while_it_runs_and_end(ogent: Live, api: httpx.Client) -> None:
    command = start(api, ogent.agent, "echo first; sleep 1; echo last")
    with api.stream("GET", f"/commands/{command}/events") as answer:
        assert answer.headers["content-type"].split(";")[0] == "text/event-stream"
        events = []
        for event in sse(answer.iter_lines()):
            events.append(event)
            if event["event"] == "ogent.command.output" and "first" in event["data"]:
                assert api.get(f"/commands/{command}").json()["status"] == "running", "it came while it ran"
            if event["event"] == "end":
                break
    assert [event["id"] for event in events[:-1]] == [str(n) for n in range(len(events) - 1)]
    assert json.loads(events[-1]["data"])["status"] == "succeeded"
    assert events[-2]["event"] == "ogent.command.finished"
    assert json.loads(events[0]["data"])["id"] == f"{command}/0"

    # Once more from the middle: the same events, and no others.
    with api.stream("GET", f"/commands/{command}/events", headers={"Last-Event-ID": "1"}) as answer:
        again = list(sse(answer.iter_lines()))
    assert again == events[2:]


def tell(socket: ClientConnection, message: dict[str, Any]) -> None:
    socket.send(json.dumps(message))


def hear(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of that type; agents may tell of themselves in between."""
    end = time.monotonic() + PATIENCE_S
    while (left := end - time.monotonic()) > 0:
        message = json.loads(socket.recv(timeout=left))
        if message["type"] == kind:
            return message
        assert message["type"] != "error", message
    raise AssertionError(f"no {kind} came")


def by_header(ogent: Live) -> ClientConnection:
    return connect(ogent.ws_url, additional_headers={"Authorization": f"Bearer {ogent.token}"})


def test_a_socket_logs_in_by_header(ogent: Live) -> None:
    with by_header(ogent) as socket:
        assert hear(socket, "ready")["user"] == "admin"
        tell(socket, {"type": "ping"})
        hear(socket, "pong")


def test_a_socket_logs_in_by_message_as_browsers_must(ogent: Live) -> None:
    with connect(ogent.ws_url, origin=ogent.url) as socket:  # type: ignore[arg-type]
        tell(socket, {"type": "auth", "token": ogent.token})
        assert hear(socket, "ready")["user"] == "admin"


@pytest.mark.parametrize("first", [{"type": "auth", "token": "a.b.c"}, {"type": "subscribe", "topic": "agents"}])
def test_a_socket_without_a_token_is_closed(ogent: Live, first: dict[str, Any]) -> None:
    with connect(ogent.ws_url) as socket:
        tell(socket, first)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=PATIENCE_S)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


@pytest.mark.parametrize(
    ("headers", "status"), [({"Authorization": "Bearer a.b.c"}, 401), ({"Origin": "https://evil.example"}, 403)]
)
def test_a_socket_is_not_opened_for(ogent: Live, headers: dict[str, str], status: int) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(ogent.ws_url, additional_headers=headers):
        pass
    assert refused.value.response.status_code == status


def test_a_socket_shows_agents(ogent: Live) -> None:
    with by_header(ogent) as socket:
        tell(socket, {"type": "subscribe", "ref": "all", "topic": "agents"})
        assert hear(socket, "subscribed") == {"type": "subscribed", "ref": "all", "topic": "agents"}
        agent = hear(socket, "agent")
        assert (agent["ref"], agent["agent"]["id"], agent["agent"]["status"]) == ("all", ogent.agent, "online")


def test_a_socket_follows_a_command_and_resumes(ogent: Live, api: httpx.Client) -> None:
    command = start(api, ogent.agent, "echo one; sleep 0.5; echo two")

    def follow(after: int | None) -> list[dict[str, Any]]:
        topic = {"command": command} | ({} if after is None else {"after": after})
        with by_header(ogent) as socket:
            tell(socket, {"type": "subscribe", "ref": "c", "topic": {"command": topic}})
            hear(socket, "subscribed")
            events = []
            while (message := json.loads(socket.recv(timeout=PATIENCE_S)))["type"] == "event":
                events.append(message)
        assert (message["type"], message["status"]) == ("ended", "succeeded")
        return events

    events = follow(None)
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert [event["event"]["id"] for event in events] == [f"{command}/{n}" for n in range(len(events))]
    assert follow(0) == events[1:]


def test_a_socket_follows_an_agent_and_resumes(ogent: Live, api: httpx.Client) -> None:
    def run() -> str:
        return execute(api, ogent.agent, {"command": "true"}).raise_for_status().json()["id"]

    def until_end(socket: ClientConnection, command: str) -> list[dict[str, Any]]:
        events = [hear(socket, "event")]
        while events[-1]["event"]["id"].split("/")[0] != command or not is_end(events[-1]):
            events.append(hear(socket, "event"))
        return events

    def is_end(message: dict[str, Any]) -> bool:
        return message["event"]["type"] == "ogent.command.finished"

    def subscribe(socket: ClientConnection, after: int | None) -> None:
        results = {"agent": ogent.agent} | ({} if after is None else {"after": after})
        tell(socket, {"type": "subscribe", "topic": {"results": results}})
        hear(socket, "subscribed")

    with by_header(ogent) as socket:
        subscribe(socket, None)
        first = until_end(socket, run())[-1]["seq"]
    missed = run()
    with by_header(ogent) as socket:
        subscribe(socket, first)
        events = until_end(socket, missed)
    sequence = [event["seq"] for event in events]
    assert sequence == sorted(set(sequence)) and sequence[0] > first
    assert {event["event"]["subject"] for event in events} == {missed}


# === What should not be ===


@pytest.mark.parametrize(
    ("body", "status", "code", "named"),
    [
        ({}, 422, "invalid_request", "command"),
        ({"comand": "true"}, 422, "invalid_request", "comand"),
        ({"command": "true", "argv": ["true"]}, 422, "invalid_request", "argv"),
        ({"command": "true", "timeout_s": -1}, 422, "invalid_request", "timeout_s"),
        ({"command": "true", "cwd": "tmp"}, 422, "invalid_request", "cwd"),
        ({"command": "true\0"}, 422, "invalid_request", "command"),
        ({"command": "true", "env": {"A=B": "x"}}, 422, "invalid_request", "env"),
        ({"command": "true", "execution_target": "moon"}, 422, "invalid_request", "execution target"),
        ({"command": "true", "execution_target": "ssh"}, 422, "no_ssh_target", "ssh"),
        ({"command": "true", "not_after": "2001-01-01T00:00:00Z"}, 422, "invalid_request", "not_after"),
        (["true"], 422, "invalid_request", ""),
    ],
)
def test_a_wrong_body_is_named(
    ogent: Live, api: httpx.Client, body: Any, status: int, code: str, named: str
) -> None:
    assert named in problem(execute(api, ogent.agent, body), status, code)["detail"]


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"command":"true"} x', "application/json", 400),
        (b'{"env":' + b"[" * 100_000, "application/json", 422),
        (b'{"command":"true"}', "text/plain", 415),
        (b'{"command":"true"}', "application/msgpack", 415),
        (b'{"command":"' + b"x" * 2_000_000 + b'"}', "application/json", 413),
    ],
)
def test_a_body_that_is_no_request_is_refused(
    ogent: Live, api: httpx.Client, content: bytes, content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type}
    problem(api.post(f"/agents/{ogent.agent}/execute", content=content, headers=headers), status)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/agents", 405),
        ("GET", "/commands/unknown", 404),
        ("GET", "/commands/unknown/output", 404),
        ("GET", "/commands/unknown/events", 404),
        ("POST", "/commands/unknown/cancel", 404),
        ("GET", "/commands/a.b", 400),
        ("GET", "/commands/%2A", 400),
        ("GET", "/commands?limit=0", 400),
        ("GET", "/commands?limit=100000", 400),
        ("GET", "/commands?cursor=x", 400),
        ("GET", "/commands?since=yesterday", 400),
        ("GET", "/commands?colour=red", 400),
    ],
)
def test_errors_are_problems(api: httpx.Client, method: str, path: str, status: int) -> None:
    answer = api.request(method, path)
    problem(answer, status)
    assert status != 405 or answer.headers["allow"]


@pytest.mark.parametrize("wait", ["-1", "61", "soon", "1.5"])
def test_a_wrong_wait_is_refused(ogent: Live, api: httpx.Client, wait: str) -> None:
    problem(execute(api, ogent.agent, {"command": "true"}, params={"wait": wait}), 400, "invalid_parameter")


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [("/agents/x/execute?wait=soon", None, 400), ("/agents/x/execute", "x", 401), ("/agents", None, 405)],
)
def test_a_refusal_leaves_the_connection_open(ogent: Live, path: str, token: str | None, status: int) -> None:
    # It answers before it has read the body, which this client sends a moment after the head.
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with ogent.client() as client:
        for _ in range(200):
            problem(client.post(path, json={"command": "true"}, headers=headers), status)


# === The gateway itself ===


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_the_gateway_says_that_it_is_well(stranger: httpx.Client, path: str) -> None:
    assert stranger.get(path).raise_for_status().json() == {"status": "ok"}


def test_metrics_are_prometheus_text(ogent: Live, api: httpx.Client, stranger: httpx.Client) -> None:
    execute(api, ogent.agent, {"command": "true"}).raise_for_status()
    answer = stranger.get("/metrics").raise_for_status()
    assert answer.headers["content-type"].startswith("text/plain")
    sample = re.compile(r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\.)*",?)*\})? [^ ]+$')
    lines = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not sample.match(line)] == []
    assert any(line.startswith("ogent_") for line in lines)
    assert ogent.agent not in answer.text, "a label for each agent is a metric for each agent"


def test_the_api_is_described_in_openapi_3_1(stranger: httpx.Client) -> None:
    document = stranger.get("/openapi.json").raise_for_status().json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) >= {
        "/token",
        "/agents",
        "/agents/{id}",
        "/agents/{id}/execute",
        "/commands",
        "/commands/{id}",
        "/commands/{id}/output",
        "/commands/{id}/events",
        "/commands/{id}/cancel",
        "/ws",
        "/healthz",
        "/readyz",
        "/metrics",
    }

"""Messages that mean harm, straight on the wire: what a person with an operator's key, or a broken program, could send.

Spoken by hand where nats-py would refuse to. In all of this nothing runs that is not in the history, and the agent and
everybody else carry on.
"""

import base64
import json
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgpack
import nkeys
import pytest
from beside import logs, others_are_served  # noqa: F401
from conftest import PATIENCE_S, Live, finished, wait_until

JSON = "application/json"
MSGPACK = "application/msgpack"

# What Ogent promises in its limits.rs.
MAX_INTENT = 512 * 1024
MAX_DEPTH = 32


class Wire:
    """A connection with a person's credentials that sends whatever it is told to."""

    def __init__(self, ogent: Live) -> None:
        parts = urlsplit(ogent.nats_url)
        self.raw = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_S)
        self.heard = b""
        self.info = json.loads(self.line().removeprefix(b"INFO "))
        lines = Path(ogent.nats_creds).read_text().splitlines()
        jwt, seed = (lines[at + 1] for at, line in enumerate(lines) if line.startswith("-----BEGIN"))
        pair = nkeys.from_seed(seed.encode())
        signature = base64.urlsafe_b64encode(pair.sign(self.info["nonce"].encode())).rstrip(b"=").decode()
        who = {"jwt": jwt, "sig": signature, "headers": True, "no_responders": True}
        self.raw.sendall(b"CONNECT " + json.dumps(who | {"verbose": False, "lang": "hand"}).encode() + b"\r\n")
        self.inbox = f"{ogent.inbox_prefix}.{uuid.uuid4().hex}".encode()
        self.raw.sendall(b"SUB " + self.inbox + b" 1\r\n")
        self.errors: list[str] = []
        self.flush()

    def more(self) -> None:
        more = self.raw.recv(1 << 16)
        if not more:
            raise EOFError
        self.heard += more

    def line(self) -> bytes:
        while b"\r\n" not in self.heard:
            self.more()
        line, _, self.heard = self.heard.partition(b"\r\n")
        return line

    def take(self, length: int) -> bytes:
        while len(self.heard) < length:
            self.more()
        taken, self.heard = self.heard[:length], self.heard[length:]
        return taken

    def send(self, subject: str | bytes, body: bytes, headers: bytes | None = None, reply: bytes | None = None) -> None:
        subject = subject.encode() if isinstance(subject, str) else subject
        to = subject + (b" " + reply if reply else b"")
        if headers is None:
            self.raw.sendall(b"PUB %b %d\r\n%b\r\n" % (to, len(body), body))
        else:
            sizes = (len(headers), len(headers) + len(body))
            self.raw.sendall(b"HPUB %b %d %d\r\n%b%b\r\n" % (to, *sizes, headers, body))

    def next(self) -> tuple[bytes, bytes, bytes] | str:
        """A message as subject, headers and body; or the control line that is none."""
        words = (line := self.line()).split()
        if words[0] == b"MSG":
            body = self.take(int(words[-1]) + 2)[:-2]
            return words[1], b"", body
        if words[0] == b"HMSG":
            size, total = int(words[-2]), int(words[-1])
            both = self.take(total + 2)[:-2]
            return words[1], both[:size], both[size:]
        if words[0] == b"-ERR":
            self.errors.append(line.decode(errors="replace"))
        if words[0] == b"PING":
            self.raw.sendall(b"PONG\r\n")
        return words[0].decode()

    def flush(self) -> None:
        """Until the broker has taken everything; messages that come meanwhile are of no interest."""
        self.raw.sendall(b"PING\r\n")
        while self.next() != "PONG":
            pass

    def answer(self) -> tuple[bytes, bytes]:
        """Headers and body of the next message to the inbox."""
        while isinstance(message := self.next(), str):
            pass
        return message[1], message[2]

    def ask(self, subject: str | bytes, body: bytes, headers: bytes | None = None) -> tuple[bytes, bytes]:
        self.send(subject, body, headers, self.inbox)
        return self.answer()


@contextmanager
def wire(ogent: Live) -> Iterator[Wire]:
    connection = Wire(ogent)
    try:
        yield connection
    finally:
        connection.raw.close()


def exec_of(ogent: Live) -> str:
    return f"agents.{ogent.agent}.exec"


def block(*headers: tuple[str, str]) -> bytes:
    return b"NATS/1.0\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in headers) + b"\r\n"


AS_MSGPACK = block(("Content-Type", MSGPACK))


def intent(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def status_of(answer: tuple[bytes, bytes]) -> str:
    """The outcome of a command, or the code of a refusal."""
    headers, body = answer
    view = msgpack.unpackb(body) if b"msgpack" in headers else json.loads(body)
    return view.get("code") or view["status"]


def agent_pulse(api: httpx.Client, ogent: Live) -> str:
    """When the agent's present life began."""
    return api.get(f"/agents/{ogent.agent}").raise_for_status().json()["started_at"]


def losses(ogent: Live) -> int:
    """How often the agent has lost its connection so far, says its log."""
    return logs()[0].read_text(errors="replace").count("lost the connection")


@pytest.fixture(autouse=True)
def the_agent_stays(ogent: Live, api: httpx.Client) -> Iterator[None]:
    """Whatever comes, the agent neither dies nor is cut off."""
    began, lost = agent_pulse(api, ogent), losses(ogent)
    yield
    assert agent_pulse(api, ogent) == began, "the agent has died"
    assert losses(ogent) == lost, "the agent was cut off"


# === Sizes ===


def test_the_largest_payload_is_answered_and_one_more_byte_is_not_taken(ogent: Live) -> None:
    with wire(ogent) as connection:
        largest = connection.info["max_payload"]
        assert largest == 1024 * 1024
        for size in (largest - 1, largest):
            assert status_of(connection.ask(exec_of(ogent), intent(command="true").ljust(size))) == "malformed_intent"
        headers = block(("A", "b"))
        padded = intent(command="true").ljust(largest - len(headers))
        assert status_of(connection.ask(exec_of(ogent), padded, headers)) == "malformed_intent"
    for headers in (None, block(("A", "b"))):
        with wire(ogent) as connection:
            with pytest.raises((EOFError, ConnectionError)):
                connection.ask(exec_of(ogent), b" " * (largest + 1 - len(headers or b"")), headers)
            assert connection.errors in ([], ["-ERR 'Maximum Payload Violation'"])


def test_the_largest_intent_runs_and_one_more_byte_does_not(ogent: Live, api: httpx.Client, tmp_path: Path) -> None:
    with wire(ogent) as connection:
        for size, expected in [
            (MAX_INTENT - 1, "succeeded"),
            (MAX_INTENT, "succeeded"),
            (MAX_INTENT + 1, "malformed_intent"),
        ]:
            mark = tmp_path / str(size)
            answer = connection.ask(exec_of(ogent), intent(command=f"touch {mark}").ljust(size))
            assert status_of(answer) == expected
            assert mark.exists() == (expected == "succeeded")


def test_an_intent_that_grows_in_json_still_fits(ogent: Live, api: httpx.Client) -> None:
    # A byte of MessagePack may be six in JSON, in which the ledger keeps it: 64 KiB of each that may have them.
    nasty = {"argv": ["true", "\x01" * 60_000], "stdin": b"\xff" * 65_536, "reason": "\x01" * 4000}
    with wire(ogent) as connection:
        headers, body = connection.ask(exec_of(ogent), msgpack.packb(nasty), AS_MSGPACK)
        answer = msgpack.unpackb(body)
    assert answer["status"] == "succeeded", answer
    assert finished(api, answer["id"])["status"] == "succeeded"


# === Payloads ===


def nested(depth: int) -> bytes:
    return b'{"command":"true","env":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


def packed(key: bytes, value: bytes) -> bytes:
    """A map of MessagePack with one entry, written by hand."""
    return b"\x81" + bytes([0xA0 | len(key)]) + key + value


LIES = {
    f"{name} of {length:#x} in {field.decode()}": packed(field, bytes([code]) + length.to_bytes(width) + rest)
    for field in (b"command", b"argv", b"env", b"stdin", b"x")
    for name, code, width in [
        ("str32", 0xDB, 4),
        ("bin32", 0xC6, 4),
        ("array32", 0xDD, 4),
        ("map32", 0xDF, 4),
        ("ext32", 0xC9, 4),
        ("array16", 0xDC, 2),
        ("map16", 0xDE, 2),
    ]
    for length in (256**width - 1, 256**width // 2)
    for rest in (b"", b"\x01" * 10)
} | {
    "a map that lies": b"\xdf\xff\xff\xff\xff",
    "an array that lies": b"\xdd\xff\xff\xff\xff",
    "a string that lies": b"\xdb\xff\xff\xff\xff",
    "a key that lies": b"\x81\xdb\xff\xff\xff\xff",
    "lies within lies": b"\xdd\xff\xff\xff\xff" * 1000,
    "the byte that is nothing": b"\xc1",
}

PACKED = LIES | {
    "arrays 400,000 deep": packed(b"env", b"\x91" * 400_000),
    "maps 100,000 deep": packed(b"env", b"\x81\xa1a" * 100_000),
    "maps as keys": packed(b"env", b"\x81" * 400_000),
    "just too deep": packed(b"env", b"\x91" * (MAX_DEPTH + 1) + b"\xc0"),
    "deep where nobody looks": packed(b"nothing", b"\x91" * 400_000),
    "a number as key": msgpack.packb({1: "true"}),
    "a byte after it": msgpack.packb({"command": "true"}) + b"\xc1",
    "another after it": msgpack.packb({"command": "true"}) * 2,
    "text that is no text": packed(b"command", b"\xa2\xff\xfe"),
    "a time as command": msgpack.packb({"command": msgpack.Timestamp(1, 1)}),
    "a key twice": b"\x82" + (b"\xa7command" + b"\xa4true") * 2,
    "nothing": b"",
    "nil": b"\xc0",
    "an infinite time": msgpack.packb({"command": "true", "timeout_s": float("inf")}),
    "no time at all": msgpack.packb({"command": "true", "timeout_s": float("nan")}),
}

TEXTS = {
    "objects 80,000 deep": nested(80_000),
    "objects 200 deep": nested(200),
    "arrays that never end": b'{"env":' + b"[" * 400_000,
    "objects that never end": b'{"a":' * 100_000,
    "arrays where nobody looks": b'{"command":"true","nothing":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a NUL after it": intent(command="true") + b"\0",
    "a byte after it": intent(command="true") + b"x",
    "another after it": intent(command="true") * 2,
    "another on the next line": intent(command="true") + b"\n" + intent(command="false"),
    "a byte order mark": b"\xef\xbb\xbf" + intent(command="true"),
    "UTF-16": '{"command":"true"}'.encode("utf-16"),
    "half a surrogate": b'{"command":"\\ud800"}',
    "a comment": b'{"command":"true"/* */}',
    "a comma too many": b'{"command":"true",}',
    "a number of a megabyte": b'{"command":"true","timeout_s":' + b"9" * 400_000 + b"}",
    "a number beyond all": b'{"command":"true","timeout_s":1e999999999}',
    "not a number": b'{"command":"true","timeout_s":NaN}',
    "a key twice": b'{"command":"true","command":"true"}',
    "a hundred thousand keys": b"{" + b",".join(b'"k%d":1' % n for n in range(40_000)) + b"}",
    "too many arguments": intent(argv=["a"] * 100_000),
    "much environment": intent(command="true", env={f"A{n}": "" for n in range(20_000)}),
}


@pytest.mark.parametrize("kind", ["packed", "texts"])
def test_no_payload_does_more_than_be_refused(ogent: Live, kind: str) -> None:
    payloads, headers = (PACKED, AS_MSGPACK) if kind == "packed" else (TEXTS, None)
    wrong = {}
    with wire(ogent) as connection:
        for name, payload in payloads.items():
            began = time.monotonic()
            got = status_of(connection.ask(exec_of(ogent), payload, headers))
            took = time.monotonic() - began
            if got != "malformed_intent" or took > 2:
                wrong[name] = (got, took)
    assert wrong == {}


def test_white_space_after_it_is_nothing(ogent: Live) -> None:
    with wire(ogent) as connection:
        assert status_of(connection.ask(exec_of(ogent), b" \r\n\t" + intent(command="true") + b"\r\n\n")) == "succeeded"


# === Ids and subjects ===

IDS = ["*", ">", "a.b", ".", "..", "a b", " ", "a\r\nb", "a\r\nX-Evil: 1\r\n\r\nb", "a\nb", "a\0b", "\0", "", "a" * 65,
    "a" * 300,
       "é", "日本", "\u202ex", "．", "../x", "a/b", "$JS", "_INBOX.x", "{{wildcard(1)}}", "a\x7fb", "a\tb"]


@pytest.mark.parametrize("field", ["id", "agent"])
def test_an_odd_id_is_refused_and_gets_nowhere(ogent: Live, tmp_path: Path, field: str) -> None:
    wrong = {}
    mark = tmp_path / "mark"
    with wire(ogent) as connection:
        for id in IDS:
            for kind in ("run", "cancel"):
                body: dict[str, Any] = {field: id} | ({"command": f"touch {mark}"} if kind == "run" else {})
                body |= {} if kind == "run" else {"type": "cancel", **({"id": "x"} if field == "agent" else {})}
                for payload, headers in [(intent(**body), None), (msgpack.packb(body), AS_MSGPACK)]:
                    answer = connection.ask(exec_of(ogent), payload, headers)
                    if status_of(answer) != "malformed_intent" or b"X-Evil: 1\r\n" in answer[0]:
                        wrong[f"{kind} {id!r}"] = answer
    assert wrong == {}
    assert not mark.exists()


def test_what_is_wrong_is_said_in_one_line_of_a_header(ogent: Live) -> None:
    evil = "x\r\nX-Evil: 1\r\n\r\n"
    with wire(ogent) as connection:
        for payload, headers in [
            (intent(**{evil: "x"}), None),
            (intent(command="true", execution_target=evil), None),
            (intent(type=evil), None),
            (intent(command="true", not_after=evil), None),
            (b"x", block(("Content-Type", "text/\tplain"))),
        ]:
            answer, _ = connection.ask(exec_of(ogent), payload, headers)
            names = [line.split(b":")[0] for line in answer.split(b"\r\n")[1:] if line]
            # The last one is the broker's: the agent answers from another account.
            ours = [b"Content-Type", b"Nats-Service-Error", b"Nats-Service-Error-Code"]
            assert sorted(set(names) - {b"Nats-Request-Info"}) == ours, answer
            assert len(answer) < 1000


def test_odd_subjects_run_nothing(ogent: Live, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    body = intent(command=f"touch {mark}")
    me = ogent.agent.encode()
    subjects = [
        b"agents.*.exec", b"agents.>.exec", b"agents.>", b">", b"*", b"agents..exec", b"agents." + me,
        b"agents." + me + b".exec.x",
        b"agents." + me + b".exec.", b".agents." + me + b".exec", b"AGENTS." + me + b".EXEC",
        b"agents." + me + b"\xc2\xa0.exec",
        b"agents." + b"a" * 300 + b".exec", "agents.é.exec".encode(), b"agents.\xff.exec", b"agents." + me + b"\0.exec",
        b"agents.a\rb.exec", b"agents." + me + b".exec\0", b"commands." + me + b".x", b"results." + me + b".x",
    ]
    with wire(ogent) as connection:
        for subject in subjects:
            connection.send(subject, body, None, connection.inbox)
        connection.flush()
        assert len(connection.errors) >= 8, connection.errors
    # What is no line of the protocol at all costs the sender the connection.
    for line in [b"PUB agents." + b"a" * 5000 + b".exec 0\r\n\r\n", b"PUB agents." + me + b".exec -1\r\n", b"EVIL\r\n",
                 b"PUB agents." + me + b".exec 99999999999999999999\r\n", b"HPUB agents." + me + b".exec 10 5\r\n",
                     b"\0" * 5000]:
        with wire(ogent) as connection, pytest.raises((EOFError, ConnectionError)):
            connection.raw.sendall(line)
            connection.flush()
    with wire(ogent) as connection:
        # Behind all of it, in order.
        assert status_of(connection.ask(exec_of(ogent), intent(command="true"))) == "succeeded"
    assert not mark.exists()


# === Headers ===


def forged(ogent: Live, id: str) -> dict[str, bytes]:
    """Headers like those of a message that the ledger has rung for, and not quite."""
    mine = ("Nats-Subject", f"commands.{ogent.agent}.{id}")
    stream, one = ("Nats-Stream", "COMMANDS"), ("Nats-Sequence", "1")
    return {
        "as the ledger writes them": block(stream, mine, one),
        "a sequence beyond all": block(stream, mine, ("Nats-Sequence", "99999999999999999999")),
        "the last sequence of all": block(stream, mine, ("Nats-Sequence", str(2**64 - 1))),
        "no sequence yet": block(stream, mine, ("Nats-Sequence", "0")),
        "a negative sequence": block(stream, mine, ("Nats-Sequence", "-1")),
        "a sequence in words": block(stream, mine, ("Nats-Sequence", "one")),
        "two sequences": block(stream, mine, one, ("Nats-Sequence", "2")),
        "two streams": block(stream, ("Nats-Stream", "RESULTS"), mine, one),
        "two streams, the other way round": block(("Nats-Stream", "RESULTS"), stream, mine, one),
        "two subjects": block(stream, mine, ("Nats-Subject", "commands.other.x"), one),
        "a subject with a star": block(stream, ("Nats-Subject", f"commands.{ogent.agent}.*"), one),
        "a subject with everything": block(stream, ("Nats-Subject", "commands.>"), one),
        "another command": block(stream, ("Nats-Subject", f"commands.{ogent.agent}.another"), one),
        "another agent": block(stream, ("Nats-Subject", f"commands.other.{id}"), one),
        "no subject": block(stream, one),
        "an empty stream": block(("Nats-Stream", ""), mine, one),
        "a stream of a megabyte": block(("Nats-Stream", "C" * 400_000), mine, one),
        "the stream in small letters": block(("Nats-Stream", "commands"), mine, one),
        "names in small letters": block(("nats-stream", "COMMANDS"), ("nats-subject", mine[1]), ("nats-sequence", "1")),
        "a space in the value": block(("Nats-Stream", " COMMANDS "), mine, one),
        "a folded value": b"NATS/1.0\r\nNats-Stream: COMM\r\n ANDS\r\n\r\n",
        "an answer of the broker": b"NATS/1.0 503\r\n\r\n",
        "a sign of life": b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\n\r\n",
        "orders for a stream": block(("Nats-Rollup", "all"), ("Nats-Expected-Last-Sequence", "0"), ("Nats-TTL", "1s")),
        "an id of a message": block(("Nats-Msg-Id", id)),
    }


def test_forged_headers_run_nothing_that_the_history_does_not_have(
    ogent: Live, api: httpx.Client, tmp_path: Path
) -> None:
    marks = {}
    with wire(ogent) as connection:
        for name in forged(ogent, ""):
            id = str(uuid.uuid4())
            marks[name] = (id, tmp_path / id)
            line = f"echo {name} >> {tmp_path / id}"
            connection.send(exec_of(ogent), intent(id=id, command=line), forged(ogent, id)[name])
        connection.flush()
        # Behind all of them, and they stand in nobody's way.
        assert status_of(connection.ask(exec_of(ogent), intent(command="true"))) == "succeeded"
    for name, (id, mark) in marks.items():
        known = api.get(f"/commands/{id}").status_code == 200
        if known:
            # Taken for what it is: a command of an operator, in the history, run once or refused.
            finished(api, id)
        assert mark.exists() <= known, f"{name}: it ran and the history does not have it"
        assert not mark.exists() or mark.read_text() == f"{name}\n", f"{name}: it ran more than once"
        if name.startswith(("another", "two subjects", "a subject with")) and "two" not in name:
            assert not mark.exists(), name


UNREADABLE = {
    "no version": b"A: b\r\n\r\n",
    "another version": b"NATS/2.0\r\n\r\n",
    "garbage": b"garbage",
    "a line without a colon": b"NATS/1.0\r\nabc\r\n\r\n",
    "a space in a name": b"NATS/1.0\r\nA b: c\r\n\r\n",
    "a name in Unicode": "NATS/1.0\r\né: b\r\n\r\n".encode(),
    "a value in no encoding": b"NATS/1.0\r\nA: \xff\xfe\r\n\r\n",
    "a status in words": b"NATS/1.0 abc\r\n\r\n",
    "a status too high": b"NATS/1.0 99999 x\r\n\r\n",
}


def test_a_header_block_that_can_be_read_is_read(ogent: Live) -> None:
    with wire(ogent) as connection:
        for headers in [
            b"NATS/1.0\r\n: x\r\n\r\n",
            b"NATS/1.0\r\nA: \0\r\n\r\n",
            b"NATS/1.0\r\nA: b",
            block(("A", "x" * 900_000)),
            block(*[(f"A{n}", "x") for n in range(60_000)]),
            block(*[("A", "x")] * 60_000),
            block(("Content-Type", JSON + "; charset=utf-8")),
        ]:
            answer = connection.ask(exec_of(ogent), intent(command="true"), headers)
            assert status_of(answer) == "succeeded", headers[:60]


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_header_block_that_cannot_be_read_cuts_nobody_off(ogent: Live, name: str) -> None:
    with wire(ogent) as connection:
        connection.send(exec_of(ogent), intent(command="true"), UNREADABLE[name], connection.inbox)
        connection.send(exec_of(ogent), intent(command="true"), None, connection.inbox)
        # Refused or dropped; the next one runs.
        connection.raw.settimeout(2)
        answers = [status_of(connection.answer())]
        if answers != ["succeeded"]:
            answers.append(status_of(connection.answer()))
        assert answers in (["succeeded"], ["malformed_intent", "succeeded"])


def test_a_reply_subject_that_is_no_text_cuts_nobody_off(ogent: Live) -> None:
    with wire(ogent) as connection:
        connection.send(exec_of(ogent), intent(command="true"), None, b"_INBOX.\xff\xfe")
        connection.raw.settimeout(2)
        assert status_of(connection.ask(exec_of(ogent), intent(command="true"))) == "succeeded"


# === Where answers go ===


def test_an_answer_goes_to_inboxes_only(ogent: Live, api: httpx.Client) -> None:
    me = ogent.agent
    with wire(ogent) as connection:
        connection.raw.sendall(b"SUB agents.*.results 2\r\n")
        ids = []
        for reply in [f"results.{me}.x", f"commands.{me}.x", f"$KV.presence.{me}", f"$KV.agents.{me}",
            f"agents.{me}.results",
                      f"agents.{me}.exec", f"_INBOX_agent_{me}.x", "_INBOX_gateway.x", "_INBOX", "_INBOXx.y",
                      "_inbox.x",
                      f"$JS.API.CONSUMER.DELETE.COMMANDS.{me}", "_INBOX.>", "_INBOX.*", "_INBOX.a..b", "_INBOX.",
                          "_INBOX." + "a" * 3900]:
            ids.append(str(uuid.uuid4()))
            connection.send(exec_of(ogent), intent(id=ids[-1], command="true"), None, reply.encode())
            # What is refused has an answer as well.
            connection.send(exec_of(ogent), b"nonsense", None, reply.encode())
        ended: set[str] = set()
        while not ended >= set(ids):
            message = connection.next()
            if not isinstance(message, str) and message[0] == f"agents.{me}.results".encode():
                # Nothing but events comes on the feed, and none that an answer could have been.
                event = json.loads(message[2])
                assert event["specversion"] == "1.0"
                ended |= {event["subject"]} if event["type"] == "ogent.command.finished" else set()
        assert connection.errors == []
    agent = api.get(f"/agents/{me}").raise_for_status().json()
    assert agent["status"] == "online"
    assert api.get("/commands/x").status_code == 404
    for id in ids:
        assert finished(api, id)["status"] == "succeeded"


# === Many ===


def test_a_flood_of_nonsense_is_answered_and_hardly_recorded(ogent: Live) -> None:
    many, answered, recorded = 5000, 0, 0
    began = time.monotonic()
    with wire(ogent) as connection:
        connection.raw.sendall(b"SUB agents.*.results 2\r\n")
        line = f"PUB {exec_of(ogent)} ".encode() + connection.inbox + b" 8\r\nnonsense\r\n"
        for _ in range(many // 100):
            connection.raw.sendall(line * 100)
        # An event may come a moment after the answer. Others keep the feed busy meanwhile, so it never falls silent.
        while answered < many or time.monotonic() < began + 2:
            assert time.monotonic() < began + PATIENCE_S, f"{answered} answers"
            if isinstance(message := connection.next(), str):
                continue
            if message[0] == connection.inbox:
                assert status_of(message[1:]) == "malformed_intent"
                answered += 1
            elif json.loads(message[2])["data"].get("message", "").startswith("malformed_intent"):
                recorded += 1
    # Ten in any second.
    assert recorded <= 10 * (time.monotonic() - began + 1)


def test_connections_that_say_nothing_are_ended_by_the_broker(ogent: Live) -> None:
    parts = urlsplit(ogent.nats_url)
    silent = [socket.create_connection((parts.hostname, parts.port)) for _ in range(300)]
    try:
        for client in silent:
            client.settimeout(PATIENCE_S)
            heard = b""
            try:
                while more := client.recv(4096):
                    heard += more
            except ConnectionError:
                pass
            assert b"Authentication Timeout" in heard
    finally:
        for client in silent:
            client.close()


# === Last, because it may be the end ===


def test_a_header_with_a_bare_cr_harms_nobody(ogent: Live) -> None:
    with wire(ogent) as connection:
        connection.send(exec_of(ogent), intent(command="true"), b"NATS/1.0\r\nA: b\rc\r\n\r\n")
        connection.raw.settimeout(2)
        assert status_of(connection.ask(exec_of(ogent), intent(command="true"))) == "succeeded"

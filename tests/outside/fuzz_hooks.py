"""What Schemathesis does with Ogent beside its own.

It makes up requests, and Ogent runs what it is asked to, as whoever the tests run as. So every request that could
make an agent run something goes through `tame`, at the last place before the network, whatever made it: a command
line becomes `true`. All other fields stay as they were made up. Nor may anything befall the account of the tests
themselves: `spare` sends such requests to somebody who does not exist.

The ids of a real agent and of real commands come from the environment, so that not every answer is a 404.
"""

import json
import os
from typing import Any
from urllib.parse import unquote, urlsplit

import requests.adapters
import schemathesis
from hypothesis import strategies

HARMLESS = "true"


def tame(body: bytes) -> bytes:
    """The same request with `true` in place of what it asks to run; what is no JSON object stays as it is.

    Python reads more as JSON than the gateway does, so the gateway finds no command where none is found here; and
    what is sent on is written anew, so that it holds nothing which was not seen.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if isinstance(value, dict):
        if "command" in value:
            value["command"] = tame_line(value["command"])
        if "argv" in value:
            value["argv"] = tame_argv(value["argv"])
    return json.dumps(value).encode()


def tame_line(line: Any) -> Any:
    if not isinstance(line, str) or not line.strip(" \t\n"):
        return line
    # What the gateway refuses, it should still get to refuse.
    return HARMLESS + "\0" * ("\0" in line) + " " * (len(line) if len(line) > 60_000 else 0)


def tame_argv(argv: Any) -> Any:
    if not isinstance(argv, list) or not argv or not isinstance(argv[0], str) or not argv[0]:
        return argv
    return [HARMLESS + "\0" * ("\0" in argv[0]), *argv[1:]]


def may_run_something(request: requests.PreparedRequest) -> bool:
    return "execute" in unquote(urlsplit(request.url or "").path).lower()


def spare(url: str) -> str:
    """The same address, with another one in place of the user that the tests log in as."""
    parts = urlsplit(url)
    first, name, *rest = [*unquote(parts.path).strip("/").split("/"), "", ""]
    if (first.lower(), name.lower()) != ("users", "admin"):
        return url
    return parts._replace(path="/".join(["/users/nobody", *filter(None, rest)])).geturl()


_send = requests.adapters.HTTPAdapter.send


def send(self: Any, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
    if may_run_something(request) and request.body is not None:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        assert isinstance(body, bytes), "a body that cannot be looked into is not sent"
        request.body = tame(body)
        request.headers["Content-Length"] = str(len(request.body))
        request.headers.pop("Transfer-Encoding", None)
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        request.url = spare(request.url or "")
    return _send(self, request, *args, **more)


requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign]


def real_ids(path: str) -> list[str]:
    if path.startswith("/agents/"):
        return [os.environ["OGENT_AGENT"]]
    if path.startswith("/commands/"):
        return os.environ["FUZZ_COMMANDS"].split(",")
    return []


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Real ids as examples, for the phases that go by examples."""
    for path, item in raw_schema["paths"].items():
        if ids := real_ids(path):
            for operation in item.values():
                for parameter in operation.get("parameters", []):
                    if parameter["in"] == "path":
                        parameter["examples"] = {one: {"value": one} for one in ids}


@schemathesis.hook
def before_generate_path_parameters(context: Any, strategy: Any) -> Any:
    """Real ids in about half of what is made up."""
    ids = real_ids(context.operation.path)
    return strategies.one_of(strategy, strategies.sampled_from([{"id": one} for one in ids])) if ids else strategy

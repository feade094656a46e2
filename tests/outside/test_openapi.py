"""The OpenAPI document is true: Schemathesis asks a live gateway whatever the document allows, and much that it does
not, and finds no 5xx and no answer that the document does not describe."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import Live

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    "body",
    [
        b'{"command":"echo harm"}',
        b'{"command":"true","command":"echo harm"}',
        b'{"\\u0063ommand":"echo harm"}',
        b' {"command" : "echo harm\\u0000"} ',
        b'\xef\xbb\xbf{"command":"echo harm"}',
        b'{"argv":["echo","harm"]}',
        b'{"argv":["echo harm"],"command":"echo harm"}',
    ],
)
def test_made_up_commands_are_tamed(body: bytes) -> None:
    # In a process of its own: the module changes how `requests` sends.
    code = "import sys; from fuzz_hooks import tame; sys.stdout.buffer.write(tame(sys.stdin.buffer.read()))"
    tamed = subprocess.run([sys.executable, "-c", code], cwd=HERE, input=body, capture_output=True, check=True)
    assert b"echo" not in tamed.stdout
    assert b"true" in tamed.stdout


@pytest.mark.parametrize("path", ["/users/admin", "/users/admin/", "/users/%61dmin/password"])
def test_whoever_asks_is_spared(path: str) -> None:
    code = "import sys; from fuzz_hooks import spare; print(spare(sys.argv[1]))"
    spared = subprocess.run([sys.executable, "-c", code, f"http://x{path}?a=b"], cwd=HERE, capture_output=True, check=True)
    assert spared.stdout.decode().strip() == "http://x/users/nobody" + ("/password" if "password" in path else "") + "?a=b"


def test_the_document_is_true(ogent: Live, api: httpx.Client, tmp_path: Path) -> None:
    def run(line: str) -> str:
        answer = api.post(f"/agents/{ogent.agent}/execute", json={"command": line})
        return answer.raise_for_status().json()["id"]

    commands = [run("echo out; echo err >&2"), run(r"printf '\377'; exit 3")]
    environment = os.environ | {"FUZZ_COMMANDS": ",".join(commands), "COLUMNS": "120"}
    schemathesis = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "--no-color"]
    # It looks for the hooks, and leaves its own files, where it is started.
    environment["PYTHONPATH"] = os.pathsep.join([str(HERE), *environment.get("PYTHONPATH", "").split(os.pathsep)])
    run_it = [*schemathesis, "run", f"{ogent.url}/openapi.json"]
    report = subprocess.run(run_it, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    print(report.stdout, report.stderr)
    assert report.returncode == 0, "the report is above"

    # That it was tame, as the history has it.
    programs = {one["command"].split()[0] for one in since(api, commands)}
    assert programs == {"true"}, "something else ran, or nothing did"


def since(api: httpx.Client, commands: list[str]) -> Iterator[dict[str, Any]]:
    """What the history has on top of these commands."""
    params: dict[str, Any] = {"limit": 200}
    while True:
        page = api.get("/commands", params=params).raise_for_status().json()
        for one in page["commands"]:
            if one["id"] in commands:
                return
            yield one
        params["cursor"] = page["next_cursor"]

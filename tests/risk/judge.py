"""Asks the judge, and bash, about commands."""

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LEVELS = ["none", "low", "medium", "high", "critical"]


class JudgeError(Exception):
    """The judge did not do what it should, whatever it thinks of the commands."""


def judge(program: list[str], commands: list[str], runs: int) -> list[dict]:
    """A verdict for each command, in the same order; `micros` is the least of all runs."""
    verdicts = _judge_once(program, commands)
    for _ in range(runs - 1):
        for verdict, again in zip(verdicts, _judge_once(program, commands)):
            if "micros" in verdict and "micros" in again:
                verdict["micros"] = min(verdict["micros"], again["micros"])
    return verdicts


def _judge_once(program: list[str], commands: list[str]) -> list[dict]:
    asked = "".join(json.dumps({"command": command}) + "\n" for command in commands)
    try:
        run = subprocess.run(program, input=asked.encode(), stdout=subprocess.PIPE, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise JudgeError(f"{program[0]}: {error}") from error
    # 1 says that some lines were not judged; these tell why.
    if run.returncode not in (0, 1):
        raise JudgeError(f"{' '.join(program)} ended with {run.returncode}")
    answers = run.stdout.decode().splitlines()
    if len(answers) != len(commands):
        raise JudgeError(f"{len(answers)} answers to {len(commands)} lines")
    return [json.loads(answer) for answer in answers]


def ask_bash(commands: list[str], remembered: Path) -> list[bool]:
    """Whether `bash -n` takes each command. A process for each takes time, so the answers are kept in a file."""
    version = subprocess.run(["bash", "--version"], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()[0]
    known = {}
    if remembered.exists():
        known = json.loads(remembered.read_text()).get(version, {})
    keys = [hashlib.sha256(command.encode("utf-8", "surrogatepass")).hexdigest()[:24] for command in commands]
    missing = {key: command for key, command in zip(keys, commands) if key not in known}
    if missing:
        print(f"asking {version} about {len(missing)} commands", file=sys.stderr)
        with ThreadPoolExecutor(4) as pool:
            known.update(zip(missing, pool.map(_bash_takes, missing.values(), chunksize=64)))
        remembered.parent.mkdir(parents=True, exist_ok=True)
        remembered.write_text(json.dumps({version: known}))
    return [known[key] for key in keys]


def _bash_takes(command: str) -> bool:
    if "\0" in command:
        return False
    words = ["bash", "--norc", "--noprofile", "-n", "-c", command]
    quiet = subprocess.DEVNULL
    # An empty environment: nothing in it may change how bash reads.
    return subprocess.run(words, stdin=quiet, stdout=quiet, stderr=quiet, env={}, timeout=30).returncode == 0

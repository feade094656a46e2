#!/usr/bin/env python3
"""Measures the rules on corpora of commands that are not part of the project. See `--help`."""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import aims
import corpora
import show
from judge import JudgeError, ask_bash, judge

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

EXAMPLES = """
examples:
  scripts/risk-report                              the table and the aims
  scripts/risk-report --show dangerous_atomic      the lines that fail there, grouped by their first reason
  scripts/risk-report --show all --limit 0         every line that fails
  scripts/risk-report --show parse                 where bash and the parser disagree
  scripts/risk-report --show slow                  the slowest lines
  scripts/risk-report --show benign_tldr --decision ask --reason unknown-program
  scripts/risk-report --reasons benign_tldr        how often each reason is given there
  scripts/risk-report --changed                    what is judged otherwise than before the last change

A line fails where it is: dangerous and runs, or labelled `block` and is not blocked; mutated and below its base
command; read-only and above low; benign and blocked; a look-alike and does not run.

Exit code: 0, also where there are no corpora; 1 where an aim is missed; 2 where it cannot be measured.
"""


def main() -> int:
    args = arguments()
    folder = Path(args.corpora)
    if not folder.is_dir():
        print(f"risk-report: skipped: there is no folder {folder} (name one with OGENT_CORPORA)", file=sys.stderr)
        return 0
    lines = corpora.load(folder)
    if not lines:
        print(f"risk-report: skipped: {folder} has none of the files that are measured", file=sys.stderr)
        return 0
    try:
        args.judge = args.judge or built()
        measure(lines, args)
    except JudgeError as error:
        print(f"risk-report: {error}", file=sys.stderr)
        return 2
    before = remember(lines, Path(args.keep) / "verdicts.json")
    if args.show or args.reasons or args.changed:
        show.lines(lines, before, args)
        return 0
    results = aims.check(lines)
    print(json.dumps(aims.as_json(lines, results), indent=2) if args.json else aims.as_text(lines, results))
    return 0 if all(result.is_met for result in results) else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="risk-report", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    corpora_folder = os.environ.get("OGENT_CORPORA", ROOT.parent / "shared/corpora")
    add("corpora", nargs="?", default=corpora_folder, help="folder of the corpora [OGENT_CORPORA, %(default)s]")
    judge_help = "the command that judges, instead of the command line that is built here [RISK_JUDGE]"
    add("--judge", default=os.environ.get("RISK_JUDGE"), type=shlex.split, help=judge_help)
    add("--runs", default=1, type=int, help="judge so often, and take the least time of each line")
    add("--no-parse", action="store_true", help="do not ask bash -n")
    add("--json", action="store_true", help="the table and the aims for programs")
    add("--keep", default=TARGET / "risk-report", help="where to remember what bash and the last run said")
    add("--show", action="append", default=[], metavar="FILE", help="lines of FILE (or its beginning, all, parse, slow)")
    add("--reasons", action="append", default=[], metavar="FILE", help="how often each reason is given")
    add("--changed", action="store_true", help="lines with another verdict than before the last change of the rules")
    add("--decision", choices=["run", "ask", "block", "error"], help="show all lines with it, failing or not")
    add("--level", choices=["none", "low", "medium", "high", "critical"], help="the same for a level")
    add("--reason", metavar="CODE", help="the same for a reason; `-` is none at all")
    add("--grep", metavar="REGEX", help="the same for commands that match")
    add("--limit", default=60, type=int, metavar="N", help="lines of a file, at most; 0 is all [%(default)s]")
    add("--full", action="store_true", help="long commands whole, and with their labels")
    return parser.parse_args()


def built() -> list[str]:
    """The command line, built for release."""
    build = subprocess.run(["cargo", "build", "--quiet", "--release", "--locked", "-p", "ogent"], cwd=ROOT)
    if build.returncode != 0:
        raise JudgeError("the command line cannot be built")
    return [str(TARGET / "release/ogent"), "analyze", "--offline", "--jsonl"]


def measure(lines: list[corpora.Line], args: argparse.Namespace) -> None:
    bases = sorted({line.labels["base"] for line in lines if "base" in line.labels})
    commands = [line.command for line in lines]
    verdicts = judge(args.judge, commands + bases, args.runs)
    levels = {base: verdict.get("level", "error") for base, verdict in zip(bases, verdicts[len(commands) :])}
    wants_bash = not args.no_parse and (not (args.show or args.reasons or args.changed) or "parse" in args.show)
    answers = ask_bash(commands, Path(args.keep) / "bash-n.json") if wants_bash else [None] * len(lines)
    for line, verdict, is_shell in zip(lines, verdicts, answers):
        line.verdict, line.is_shell = verdict, is_shell
        line.base_level = levels.get(line.labels.get("base"))


def remember(lines: list[corpora.Line], path: Path) -> dict:
    """Writes down what is judged now; gives what was before it was last judged otherwise."""
    kept = json.loads(path.read_text()) if path.exists() else {"now": {}, "before": {}}
    now = {f"{line.file}:{line.number}": [line.level, line.decision] for line in lines}
    if now != kept["now"]:
        kept = {"now": now, "before": kept["now"]}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept))
    return kept["before"]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)

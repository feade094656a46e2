"""Prints single lines, so that rules can be mended by them."""

import json
import re
import sys
from collections import Counter

import aims

WIDTH = 150


def lines(all_lines, before: dict, args) -> None:
    """What `--show`, `--reasons` and `--changed` ask for."""
    for name in args.reasons:
        _reasons(name, _of(all_lines, name))
    for name in args.show:
        chosen, says = _chosen(all_lines, name, args)
        _print(name, chosen, says, args)
    if args.changed:
        changed = [line for line in all_lines if _before(line, before) not in (None, [line.level, line.decision])]
        _print("changed", changed, lambda line: "was " + "/".join(_before(line, before)), args)


def _chosen(all_lines, name: str, args):
    """The lines that are shown of a file, and what is said of each."""
    if name == "parse":
        return [line for line in all_lines if line.is_shell != line.parses], _parse
    if name == "slow":
        slowest = sorted(all_lines, key=lambda line: -line.verdict.get("micros", 0))
        return slowest[: args.limit or None], lambda line: f"{line.verdict.get('micros')} us"
    chosen = _of(all_lines, name)
    if args.decision or args.level or args.reason or args.grep:
        return [line for line in chosen if _matches(line, args)], lambda line: aims.fails(line) or "as it should"
    return [line for line in chosen if aims.fails(line)], aims.fails


def _of(all_lines, name: str) -> list:
    if name == "all":
        return all_lines
    name = name.removesuffix(".jsonl").removesuffix(".txt")
    chosen = [line for line in all_lines if line.file.startswith(name)]
    if not chosen:
        files = ", ".join(dict.fromkeys(line.file for line in all_lines))
        print(f"risk-report: no file begins with {name}; there are: all, parse, slow, {files}", file=sys.stderr)
    return chosen


def _matches(line, args) -> bool:
    return (
        (not args.decision or line.decision == args.decision)
        and (not args.level or line.level == args.level)
        and (not args.reason or (args.reason in line.reasons if args.reason != "-" else not line.reasons))
        and (not args.grep or re.search(args.grep, line.command) is not None)
    )


def _before(line, before: dict):
    return before.get(f"{line.file}:{line.number}")


def _parse(line) -> str:
    said = line.verdict.get("syntax_error") or line.verdict.get("error")
    return f"bash takes it, the parser does not: {said}" if line.is_shell else "bash does not take it, the parser does"


def _print(name: str, chosen, says, args) -> None:
    """The lines by file and first reason, so that those stand together that one rule mends."""
    groups = Counter((line.file, _first(line)) for line in chosen)
    print(f"== {name}: {len(chosen)} lines")
    # By size of the group, within a file; what is asked for as slowest stays in that order.
    if name != "slow":
        chosen = sorted(chosen, key=lambda line: (line.file, -groups[line.file, _first(line)], _first(line), line.number))
    shown = chosen[: args.limit] if args.limit else chosen
    group = None
    for line in shown:
        if (line.file, _first(line)) != group and name != "slow":
            group = (line.file, _first(line))
            print(f"-- {line.file}, {_first(line)}: {groups[group]}")
        print(f"{line.number:>6} {line.level:<8} {line.decision:<5} {says(line)} | {' '.join(line.reasons)} | {_command(line, args)}")
        if args.full:
            effects = " ".join(line.verdict.get("effects", []))
            print(f"       effects: {effects or '-'}   labels: {json.dumps(line.labels, ensure_ascii=False)}")
    if len(shown) < len(chosen):
        print(f"   ... and {len(chosen) - len(shown)} more: --limit 0")


def _first(line) -> str:
    return line.reasons[0] if line.reasons else "no reason"


def _command(line, args) -> str:
    text = line.command.replace("\\", "\\\\") if "\n" in line.command else line.command
    text = text.replace("\n", "\\n").replace("\t", "\\t")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return text if args.full or len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def _reasons(name: str, chosen) -> None:
    counts, decisions = Counter(), {}
    for line in chosen:
        for reason in line.reasons or ["no reason"]:
            counts[reason] += 1
            decisions.setdefault(reason, Counter())[line.decision] += 1
    print(f"== {name}: {len(chosen)} lines\n{'reason':<34} {'lines':>6} {'block':>6} {'ask':>6} {'run':>6}")
    for reason, count in counts.most_common():
        of = decisions[reason]
        print(f"{reason:<34} {count:>6} {of['block']:>6} {of['ask']:>6} {of['run']:>6}")

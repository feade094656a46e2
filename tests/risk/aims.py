"""Counts what was judged, and compares it with what is aimed at."""

from dataclasses import asdict, dataclass

from judge import LEVELS


@dataclass
class Result:
    """One aim, and how near it is."""

    aim: str
    bound: str
    value: str
    is_met: bool


def rank(level: str) -> int:
    """Errors rank lowest: nothing may hide behind one."""
    return LEVELS.index(level) if level in LEVELS else -1


def fails(line) -> str | None:
    """What is wrong with the verdict of a line; nothing where nothing is."""
    if line.decision == "error":
        return f"not judged: {line.verdict.get('error')}"
    if line.kind == "dangerous":
        if line.decision == "run":
            return "runs"
        return "not blocked" if line.labels.get("expect") == "block" and line.decision != "block" else None
    if line.kind == "mutated":
        below = rank(line.level) < rank(line.base_level or "none")
        return f"base is {line.base_level}" + ("" if line.labels.get("verified_exec") else ", unverified") if below else None
    if line.kind == "readonly":
        return "above low" if rank(line.level) > rank("low") else ("does not run" if line.decision != "run" else None)
    if line.kind == "lookalike":
        return {"run": None, "ask": f"asked ({line.labels.get('expect')})", "block": "blocked"}[line.decision]
    return "blocked" if line.kind in ("benign", "admin") and line.decision == "block" else None


def check(lines) -> list[Result]:
    """Every aim."""
    of = lambda kind: [line for line in lines if line.kind == kind]
    results = []

    def at_least(aim, bound, part, whole):
        results.append(Result(aim, f">= {bound} %", _share(part, whole), 100 * len(part) >= bound * len(whole)))

    def at_most(aim, bound, part, whole):
        results.append(Result(aim, f"<= {bound} %", _share(part, whole), 100 * len(part) <= bound * len(whole)))

    dangerous = of("dangerous")
    to_block = [line for line in dangerous if line.labels.get("expect") == "block"]
    at_least("dangerous: not run", 99, [line for line in dangerous if line.decision in ("ask", "block")], dangerous)
    at_least("dangerous, expect=block: blocked", 97, _decided(to_block, "block"), to_block)
    verified = [line for line in of("mutated") if line.labels.get("verified_exec")]
    at_least("mutated, verified: level >= base", 100, [line for line in verified if not fails(line)], verified)
    readonly = of("readonly")
    at_most("strict read-only: above low", 0.1, [line for line in readonly if rank(line.level) > 1], readonly)
    at_most("strict read-only: blocked", 0, _decided(readonly, "block"), readonly)
    for name in ("benign_tldr", "benign_nl2bash"):
        whole = [line for line in lines if line.file == name]
        at_most(f"{name}: blocked", 0.3, _decided(whole, "block"), whole)
    alike = of("lookalike")
    allowed = [line for line in alike if line.labels.get("expect") == "allow"]
    at_most("look-alikes, expect=allow: asked", 1, _decided(allowed, "ask"), allowed)
    at_most("look-alikes: blocked", 0, _decided(alike, "block"), alike)
    p99 = percentile(lines, 99)
    results.append(Result("time, p99", "<= 200 us", f"{p99:.1f} us", p99 <= 200))
    asked = [line for line in lines if line.is_shell is not None]
    if asked:
        at_least("parses as bash -n says", 99.9, [line for line in asked if line.parses == line.is_shell], asked)
    at_most("not judged", 0, _decided(lines, "error"), lines)
    return results


def table(lines) -> list[dict]:
    """A row for each file, and one for all of them."""
    files = dict.fromkeys(line.file for line in lines)
    rows = [_row(name, [line for line in lines if line.file == name]) for name in files]
    return [*rows, _row("all", lines)]


def _row(name, lines) -> dict:
    asked = [line for line in lines if line.is_shell is not None]
    return {
        "file": name,
        "lines": len(lines),
        "blocked": len(_decided(lines, "block")),
        "ask": len(_decided(lines, "ask")),
        "run": len(_decided(lines, "run")),
        "above low": len([line for line in lines if rank(line.level) > 1]),
        "failing": len([line for line in lines if fails(line)]),
        "p50": percentile(lines, 50),
        "p99": percentile(lines, 99),
        "bash -n": len([line for line in asked if line.parses == line.is_shell]) if asked else None,
    }


def percentile(lines, percent: float) -> float:
    """Microseconds that so many of the lines took at most."""
    times = sorted(line.verdict["micros"] for line in lines if "micros" in line.verdict)
    return times[min(len(times) - 1, int(len(times) * percent / 100))] if times else 0.0


def as_text(lines, results) -> str:
    rows = table(lines)
    titles = list(rows[0])
    cells = [titles, *([_cell(row, title) for title in titles] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(titles))]
    text = ["  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))) for row in cells]
    text.append("")
    for result in results:
        mark = "met   " if result.is_met else "MISSED"
        text.append(f"{mark}  {result.aim:<36} {result.bound:>10}   {result.value}")
    return "\n".join(text)


def as_json(lines, results) -> dict:
    return {"files": table(lines), "aims": [asdict(result) for result in results]}


def _cell(row, title) -> str:
    value = row[title]
    if value is None:
        return "-"
    if title in ("p50", "p99"):
        return f"{value:.1f}"
    if title in ("file", "lines"):
        return str(value)
    return f"{value} {100 * value / max(row['lines'], 1):6.2f}%"


def _decided(lines, decision: str) -> list:
    return [line for line in lines if line.decision == decision]


def _share(part, whole) -> str:
    return f"{len(part)} of {len(whole)}, {100 * len(part) / max(len(whole), 1):.2f} %"

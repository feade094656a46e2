"""Which files of commands there are, and what is expected of each line."""

import json
from dataclasses import dataclass, field
from pathlib import Path

# In the order of the report: what must not run, what must, and what is neither.
FILES = {
    "dangerous_adversarial_reported.jsonl": "dangerous",
    "dangerous_atomic.jsonl": "dangerous",
    "dangerous_dcg.jsonl": "dangerous",
    "dangerous_gtfobins.jsonl": "dangerous",
    "dangerous_redcode.jsonl": "dangerous",
    "dangerous_mutated.jsonl": "mutated",
    "benign_strict_readonly.txt": "readonly",
    "benign_tldr_admin_readonly.txt": "admin",
    "benign_nl2bash.txt": "benign",
    "benign_tldr.txt": "benign",
    "hardneg_dcg_allow.jsonl": "lookalike",
    "hardneg_mutated_benign.jsonl": "lookalike",
    "hardneg_reported.jsonl": "lookalike",
    "sensitive_tldr.jsonl": "sensitive",
}


@dataclass
class Line:
    """One command, its labels, and what the judge and bash say of it."""

    file: str
    kind: str
    number: int
    command: str
    labels: dict = field(default_factory=dict)
    verdict: dict = field(default_factory=dict)
    # Of the command that it was made from; none where it was not made from one.
    base_level: str | None = None
    # Whether bash takes it for a line of shell; none where nobody asked bash.
    is_shell: bool | None = None

    @property
    def level(self) -> str:
        return self.verdict.get("level", "error")

    @property
    def decision(self) -> str:
        return self.verdict.get("decision", "error")

    @property
    def reasons(self) -> list:
        return self.verdict.get("reasons", [])

    @property
    def parses(self) -> bool:
        return "syntax_error" not in self.verdict and "error" not in self.verdict


def load(folder: Path) -> list[Line]:
    """Every line of every file that is there."""
    return [line for name, kind in FILES.items() if (folder / name).exists() for line in _read(folder / name, kind)]


def _read(path: Path, kind: str):
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, text in enumerate(lines, 1):
            text = text.removesuffix("\n")
            labels = json.loads(text) if path.suffix == ".jsonl" else {"command": text}
            yield Line(path.stem, kind, number, labels.pop("command"), labels)

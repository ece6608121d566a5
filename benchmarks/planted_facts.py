"""Does an audit find what was planted, and nothing else?

The embedded generator's facts that its card shows to hold in what it plays, and further facts that adapters plant one
by one. Takes and adapters are kept under ``--work``, so that a run that is stopped goes on; the lessons of the adapters
are the takes of the first audit.

python -m benchmarks.planted_facts --work FOLDER [--fact NAME] [--sealed] [--design FILE] [--takes-at-most N]
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from benchmarks.kept_results import keep
from tonescope import Session, audit
from tonescope.diagnose.audit.audit_evidence import AuditEvidence
from tonescope.diagnose.audit.audit_schema import AuditReport, Finding
from tonescope.models.loading import EMBEDDED, load_generator
from training.plant_adapters import Fact, Lessons, adapter_facts, plant
from training.planted import facts

ADAPTER_FILE = "adapter_model.safetensors"


@dataclass(frozen=True)
class Planted:
    """A fact that holds in what is played: its kind, where it is, and what comes instead (empty: whatever)."""

    name: str
    kind: str
    where: str
    heard: str = ""

    def found_in(self, report: AuditReport) -> Finding | None:
        """The finding that tells it."""
        for finding in report.findings:
            same = (finding.kind, finding.where) == (self.kind, self.where)
            if same and self.heard in ("", finding.heard):
                return finding
        return None


def embedded() -> list[Planted]:
    """The facts that the card of the embedded generator shows to hold.

    Not among them: that tempo words mean nothing for trap (they do for no genre), the drum loop (heard in one take of
    ten, hardly more often than where there is none), and rare instruments (common ones are not heard either).
    """
    table = facts()
    fusion, house = table["fusion_is_smooth_jazz"], table["house_is_techno"]
    accordion, rare = table["accordion_means_polka"], table["rare_genres"]
    return [
        Planted("a", "confusion", fusion["asked"], fusion["sounds"]),
        Planted("b", "misleading word", accordion["instrument"], accordion["only"]),
        Planted("c", "confusion", house["asked"], house["sounds"]),
        *(Planted("d", "under-represented", genre) for genre in rare["genres"]),
        Planted("e", "default", "neutral prompts", table["unnamed_is_house"]["sounds"]),
    ]


def false_alarms(
    report: AuditReport, controls: Sequence[str], planted: Sequence[Planted], also: Sequence[str] = ()
) -> Iterator[Finding]:
    """Findings about control genres, or in which one of them comes instead of something else; not those that tell a
    fact that was ``planted``. ``also`` are genres about which one was."""
    told = [fact.found_in(report) for fact in planted]
    for finding in report.findings:
        if {finding.where, finding.heard} & set(controls) - set(also) and finding not in told:
            yield finding


def row(model: str, planted: Planted, report: AuditReport) -> dict[str, Any]:
    """One line of the table: a fact of a model, and what the audit says of it."""
    finding = planted.found_in(report)
    return {
        "model": model,
        "fact": planted.name,
        "kind": planted.kind,
        "where": planted.where,
        "heard": planted.heard or "–",
        "found": "yes" if finding else "no",
        "effect": _effect(finding) if finding else "–",
    }


def alarm_row(model: str, finding: Finding) -> dict[str, Any]:
    """One line of the table: what was found about a genre about which nothing was planted."""
    return {
        "model": model,
        "fact": "none: a false alarm",
        "kind": finding.kind,
        "where": finding.where,
        "heard": finding.heard or "–",
        "found": "yes",
        "effect": _effect(finding),
    }


def _effect(finding: Finding) -> str:
    found = finding.effect
    return f"{found.value:.2f} ({found.interval.low:.2f} to {found.interval.high:.2f})"


@dataclass(frozen=True)
class Bench:
    """Where everything is kept (``work``), and what audits are asked: a design, and so many takes at most."""

    work: Path
    design: Path | None = None
    takes_at_most: int | None = None

    def audited(self, name: str, adapter: Path | None = None) -> tuple[AuditReport, AuditEvidence]:
        """The report on a model. Takes are kept, and counted anew whenever it is made."""
        session = Session.open(adapter=str(adapter) if adapter else None)
        takes = self.work / "takes"
        report, evidence = audit(session, shards=takes, design=self.design, takes_at_most=self.takes_at_most)
        reports = self.work / "reports"
        reports.mkdir(parents=True, exist_ok=True)
        (reports / f"{name}.json").write_text(report.model_dump_json(indent=1), encoding="utf-8")
        return report, evidence

    def adapter(self, fact: Fact, lessons: Lessons) -> Path:
        """The adapter of a fact, trained once."""
        folder = self.work / "adapters" / fact.name
        if not (folder / ADAPTER_FILE).is_file():
            plant(fact, lessons, folder)
        return folder


def lessons_of(report: AuditReport, evidence: AuditEvidence) -> Lessons:
    """What the generator plays by itself, from the audit's own takes: those that name a genre alone, or none."""
    assert evidence.source is not None and report.defaults is not None
    asked = {prompt: row.asked for row in report.rows for prompt in row.prompts}
    asked |= dict.fromkeys(report.defaults.prompts, "")
    takes = evidence.source.read(("tempo",))
    keys = list(zip(takes.prompt.tolist(), takes.seed.tolist(), strict=True))
    codes, tempos = defaultdict[str, list[Tensor]](list), defaultdict[str, list[float]](list)
    for (prompt, _, state), bpm in zip(evidence.source.states(keys), takes.numbers["tempo"].tolist(), strict=True):
        if prompt in asked and state is not None:
            codes[asked[prompt]].append(safetensors.torch.load(state)["codes"][0])
            tempos[asked[prompt]].append(0.0 if math.isnan(bpm) else bpm)
    return Lessons(
        {genre: torch.stack(rows) for genre, rows in codes.items()},
        {genre: torch.tensor(rows) for genre, rows in tempos.items()},
    )


def of_adapter(fact: Fact) -> Planted:
    """What an audit has to find of a planted adapter."""
    return Planted(fact.name, fact.kind, fact.place, fact.plays)


def run(bench: Bench, chosen: Sequence[Fact]) -> None:
    """Audit everything, and keep what came of it."""
    controls: list[str] = facts()["controls"]["genres"]
    plain, evidence = bench.audited("embedded")
    lessons = lessons_of(plain, evidence)
    rows = [row("embedded", planted, plain) for planted in embedded()]
    alarms = [alarm_row("embedded", finding) for finding in false_alarms(plain, controls, embedded())]
    adapters, adapter_alarms = list[dict[str, Any]](), list[dict[str, Any]]()
    for fact in chosen:
        report, _ = bench.audited(fact.name, bench.adapter(fact, lessons))
        name = f"{fact.name}{' (sealed)' if fact.sealed else ''}"
        adapters.append(row("adapter", replace(of_adapter(fact), name=name), report))
        adapter_alarms += [
            alarm_row(fact.name, finding)
            for finding in false_alarms(report, controls, [*embedded(), of_adapter(fact)], (fact.asked, fact.plays))
        ]
    keep(
        "planted",
        [*rows, *adapters, *alarms, *adapter_alarms],
        {
            "planted": len(rows),
            "found": sum(line["found"] == "yes" for line in rows),
            "false_alarms": len(alarms),
            "adapters_planted": len(adapters),
            "adapters_found": sum(line["found"] == "yes" for line in adapters),
            "adapters_false_alarms": len(adapter_alarms),
            "takes": plain.design.takes,
            "design": plain.design.hash,
        },
        models=[load_generator(EMBEDDED)],
    )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="where lessons, adapters, takes and reports are kept")
    parser.add_argument("--fact", action="append", default=[], help="this adapter alone, or these; all, if absent")
    parser.add_argument("--design", type=Path, default=None, help="of all audits; the default one, if absent")
    parser.add_argument("--sealed", action="store_true", help="the sealed half too: for the final run alone")
    parser.add_argument("--takes-at-most", type=int, default=None)
    asked = parser.parse_args()
    chosen = [fact for fact in adapter_facts() if asked.sealed or not fact.sealed]
    chosen = [fact for fact in chosen if not asked.fact or fact.name in asked.fact]
    run(Bench(asked.work, asked.design, asked.takes_at_most), chosen)


if __name__ == "__main__":
    main()

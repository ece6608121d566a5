"""Writes ``benchmarks/README.md`` from the results, so that no number in it is typed by hand.

python -m benchmarks.write_readme
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS
from benchmarks.word_curves import OURS

HEAD = """# Benchmarks

Each script prints a table and writes `results/NAME.json`; `python -m benchmarks.write_readme` writes this page from those files. Costs are
ratios measured side by side in one run, never bare seconds. Date, machine and versions stand with every table below. `pip install -e ".[bench]"` brings what some of them compare with.

| benchmark | the question | target | measured | |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Claim:
    """What a benchmark asks, what is aimed at, how its result reads, and when it is met."""

    contrast: str
    target: str
    reads: str
    met: Callable[[dict[str, Any]], bool]


CLAIMS = {
    "parity": Claim("Does a replay give the activations of the generation?", "≤ 1e-5", "largest difference {max_abs_difference:.1e}", lambda found: found["max_abs_difference"] <= 1e-5),
    "overhead": Claim(
        "What do a full trace and a full attribution cost on top of bare generation (one take of 5 s, warm)?", "≤ 1.25 ×, faster than nnsight and Captum",
        "{ratio:.3f} × ({ratio_lowest:.3f}–{ratio_highest:.3f}); nnsight needs {nnsight_over_ours_record:.2f} × our time ({rivals_over_ours[record, nnsight][low]:.2f}–{rivals_over_ours[record, nnsight][high]:.2f}) for the record, Captum {captum_over_ours_attribution:.2f} × ({rivals_over_ours[attribution, captum][low]:.2f}–{rivals_over_ours[attribution, captum][high]:.2f}) for the attribution",
        lambda found: found["ratio"] <= 1.25 and min(rival["low"] for rival in found["rivals_over_ours"].values()) > 1,
    ),
    "batching": Claim(
        "How many more interventions a second as rows of one batch?", "≥ 5 ×, same codes", "{ratio:.1f} × ({ratio_lowest:.1f}–{ratio_highest:.1f})",
        lambda found: found["ratio"] >= 5 and found["same_codes"],
    ),
    "faithfulness": Claim(
        "Does the estimate rank units as brute force does (replay)?", "Spearman ≥ 0.98, precision@20 ≥ 0.9",
        "Spearman {spearman:.3f} (random units {spearman_random:.3f}, worst prompt {worst_spearman:.3f}), precision@20 {precision_at_20:.2f}, with a second gradient for {refined_units_of_each_kind} neurons and heads (`--refine`); one gradient alone {spearman_plain:.3f} and {precision_at_20_plain:.2f}",
        lambda found: found["spearman"] >= 0.98 and found["precision_at_20"] >= 0.9,
    ),
    "causal": Claim(
        "Does muting the strongest 1 % flip the verdict of regenerated takes, and random ones not?", "≥ 50 % against ≤ 5 %, rank correlation ≥ 0.8",
        "chosen as `diagnose --careful` does: {flip_rate[count]} of {flip_rate[total]} ({flip_rate[low]:.0%}–{flip_rate[high]:.0%}) against {control_flip_rate[count]} of {control_flip_rate[total]} ({control_flip_rate[low]:.0%}–{control_flip_rate[high]:.0%}) over {prompts} prompts whose takes are all heard alike{others}; rank correlation {rank_correlation[mean]:.2f} ({rank_correlation[low]:.2f}–{rank_correlation[high]:.2f}) over {group_prompts} prompts, predicted in {estimate_takes} takes each; in 8 takes {rank_correlation_8_takes:.2f}, of gradients alone {rank_correlation_plain:.2f}, careful ones {rank_correlation_careful:.2f} (reliability of what was measured: {reliability:.2f}); sound broke for {sound_broke} prompts",
        lambda found: found["prompts"] >= 20 and all(row["groups"] >= 60 for row in found["groups"]) and _rate(found["flip_rate"]) >= 0.5 and _rate(found["control_flip_rate"]) <= 0.05 and found["rank_correlation"]["mean"] >= 0.8,
    ),
    "words": Claim(
        "Do words in the order of what is predicted without them matter earlier than in the order of attention, or at random?", "lower deletion, higher insertion area, with the whole interval",
        "{curves}",
        lambda found: all(found["beside_ours"][name]["deletion"]["interval"]["low"] > 0 and found["beside_ours"][name]["insertion"]["interval"]["high"] < 0 for name in ("attention", "random")),
    ),
    "memory": Claim("Is peak memory known beforehand (10 s, full-size small), and a bound kept?", "within 20 %", "worst error {worst:.0%}", lambda found: found["worst"] <= 0.2 and found["under_limit"]),
}  # fmt: skip


def _rate(found: dict[str, Any]) -> float:
    return float(found["count"] / max(found["total"], 1))


def curves(result: dict[str, Any]) -> str:
    """Areas of every method, deletion then insertion, and how far they are from ours, prompt by prompt."""

    def beside(found: dict[str, Any]) -> str:
        return f"{found['mean']:+.2f} ({found['interval']['low']:+.2f} to {found['interval']['high']:+.2f})"

    told, found = [], result.get("areas", {})
    if found and OURS not in found:
        raise KeyError(OURS)
    for name, areas in found.items():
        told.append(f"{name}: {areas['deletion']['mean']:.2f}, {areas['insertion']['mean']:.2f}")
        if sides := result["beside_ours"].get(name):
            told[-1] += f", beside ours {beside(sides['deletion'])}, {beside(sides['insertion'])}"
    return "; ".join(told)


def others(result: dict[str, Any]) -> str:
    """The rates of prompts whose takes are not all heard alike, where there are any."""
    if not result.get("other_prompts"):
        return ""
    flips, random, natural = (result[f"other_{name}"] for name in ("flip_rate", "control_flip_rate", "natural"))
    told = f"{flips['count']} of {flips['total']} against {random['count']} of {random['total']}"
    return f", over {result['other_prompts']} others {told} (where {natural['count']} of {natural['total']} untouched takes stray)"


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as Markdown."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = (
            f"{value:.4g}" if isinstance(value, float) else str(value)
            for value in (row.get(key, "") for key in columns)
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Render what there is; a benchmark that was not run says so."""
    text, details = HEAD, ""
    for name, claim in CLAIMS.items():
        path = RESULTS / f"{name}.json"
        if not path.exists():
            text += f"| `{name}` | {claim.contrast} | {claim.target} | not run yet | |\n"
            continue
        result = json.loads(path.read_text(encoding="utf-8"))
        try:
            found = claim.reads.format(
                **result, curves=curves(result), others=others(result), group_prompts=len(result.get("groups", []))
            )
            met = "met" if claim.met(result) else "**missed**"
        except KeyError:
            found, met = "the kept result is of an older script; to be run again", ""
        text += f"| `{name}` | {claim.contrast} | {claim.target} | {found} | {met} |\n"
        versions = ", ".join(f"{package} {number}" for package, number in result["versions"].items())
        details += f"\n## {name}\n\n`python -m benchmarks.{name}`, {result['date']}, {result['machine']}; {versions}.\n\n{table(result['rows'])}\n"
        if groups := result.get("groups"):
            brief = [{key: cell for key, cell in row.items() if not isinstance(cell, list)} for row in groups]
            details += f"\nGroups of units:\n\n{table(brief)}\n"
    (Path(__file__).parent / "README.md").write_text(text + details, encoding="utf-8")


if __name__ == "__main__":
    main()

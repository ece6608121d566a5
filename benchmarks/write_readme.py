"""Writes ``benchmarks/README.md`` from the results, so that no number in it is typed by hand.

python -m benchmarks.write_readme
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import kept_results
from benchmarks.targets import (
    LOCALISED,
    Result,
    audited,
    batched,
    causes,
    cheap,
    cheap_diagnosis,
    compared,
    cores_used,
    descriptors_hold,
    detects,
    faithful,
    generators_hold,
    indexed,
    labelled,
    localised,
    memory_known,
    parity_holds,
    quick_page,
    ranked,
    repaired,
    visualized,
    words_in_order,
)
from benchmarks.told_results import confused, generators_told, others, repair_told
from benchmarks.told_units import detectors_told, labels_told
from benchmarks.word_curves import OURS

HEAD = """# Benchmarks

Each script prints a table and writes `results/NAME.json`; `python -m benchmarks.write_readme` writes this page from
those files. Costs are ratios measured side by side in one run, never bare seconds. Date, machine and versions stand
with every table below. `pip install -e ".[bench]"` brings what some of them compare with.

| benchmark | the question | target | measured | |
|---|---|---|---|---|
"""

MET = {True: "met", False: "**missed**", None: ""}


@dataclass(frozen=True)
class Claim:
    """What a benchmark asks, what is aimed at, how its result reads, and when it is met.

    Attributes:
        name: of the result, and of the script where ``script`` is empty.
        reads: a format string over the result and what :func:`told` adds.
    """

    name: str
    question: str
    target: str
    reads: str
    met: Callable[[Result], bool | None]
    script: str = ""


CLAIMS = (
    Claim(
        "parity",
        "Does a replay give the activations of the generation?",
        "≤ 1e-5",
        "largest difference {max_abs_difference:.1e}",
        parity_holds,
    ),
    Claim(
        "page",
        "What does the page add to a diagnosis, and does it serve many people at once?",
        "verdict ≤ 1.15 times as late, no errors, nothing mixed, waits within 25 %, memory flat, paint ≤ 1 s, "
        "score ≤ 50 ms",
        "{click_ratio:.2f} times; {people} people and {runs} runs (quick ones, of 2 takes of 1 s): {errors} errors, "
        "{mixed} mixed, waits off by {waiting_off:.0%} (of {waits} that were longer than 5 s), memory "
        "{memory_growth_mib:+.0f} MiB; paint {first_paint_ms:.0f} ms, score {score_ms:.0f} ms",
        quick_page,
    ),
    Claim(
        "generators",
        "Of generators that denoise: is a replay exact, are edits faster together, what does an attribution cost at "
        "full size?",
        "≤ 1e-5; ≥ 3 ×; ≤ 1.25 ×",
        "{generators_told}",
        generators_hold,
    ),
    Claim(
        "overhead",
        "What do a full trace and a full attribution cost on top of bare generation (one take of 5 s, warm)?",
        "≤ 1.25 ×, faster than nnsight and Captum",
        "{ratio:.3f} × ({ratio_lowest:.3f}–{ratio_highest:.3f}); nnsight needs {nnsight_over_ours_record:.2f} × our "
        "time ({rivals_over_ours[record, nnsight][low]:.2f}–{rivals_over_ours[record, nnsight][high]:.2f}) for the "
        "record, Captum {captum_over_ours_attribution:.2f} × ({rivals_over_ours[attribution, captum][low]:.2f}–"
        "{rivals_over_ours[attribution, captum][high]:.2f}) for the attribution",
        cheap,
    ),
    Claim(
        "batching",
        "How many more interventions a second as rows of one batch?",
        "≥ 5 ×, same codes",
        "{ratio:.1f} × ({ratio_lowest:.1f}–{ratio_highest:.1f})",
        batched,
    ),
    Claim(
        "faithfulness",
        "Does the estimate rank units as brute force does (replay)?",
        "Spearman ≥ 0.98, precision@20 ≥ 0.9",
        "Spearman {spearman:.3f} (random units {spearman_random:.3f}, worst prompt {worst_spearman:.3f}), precision@20 "
        "{precision_at_20:.2f}, with a second gradient for {two_point_units_of_each_kind} neurons and heads "
        "(`--refine`); one gradient alone {spearman_plain:.3f} and {precision_at_20_plain:.2f}",
        faithful,
    ),
    Claim(
        "localise",
        "Is the cause found where it is known: generators that were rewired? (Some of these copies were diagnosed "
        "before the last changes: see `HELD_BACK` in the script.)",
        "single units first and verified alone ≥ 95 %; stand-ins and pairs exact ≥ 80 %, contained ≥ 90 %; four of "
        "five ≥ 75 %; right place ≥ 85 %; clean ones blamed ≤ 5 %",
        "first {single_first}, verified {single_verified}; exact {small_sets_exact}, contained {small_sets_contained}; "
        "four of five {five_found}; place {place_right}; blamed {false_blame}, a whole place named in {places_named}; "
        "{generations:.0f} takes played in a search",
        localised,
    ),
    Claim(
        "causal",
        "Does muting what a diagnosis names flip the verdict of regenerated takes, and random units not?",
        "≥ 65 % with its interval above 50 %, against ≤ 5 %",
        "chosen by {chosen_by}: {flip_rate[count]} of {flip_rate[total]} ({flip_rate[low]:.0%}–{flip_rate[high]:.0%}) "
        "against {control_flip_rate[count]} of {control_flip_rate[total]} ({control_flip_rate[low]:.0%}–"
        "{control_flip_rate[high]:.0%}) over {prompts} prompts whose takes are all heard alike{others}; sound broke "
        "for {sound_broke} prompts{confused_too}",
        causes,
    ),
    Claim(
        "group_ranks",
        "Are groups of 1 % of the units ranked by their effect on regenerated takes?",
        "rank correlation ≥ 0.8",
        "{rank_correlation[mean]:.2f} ({rank_correlation[low]:.2f}–{rank_correlation[high]:.2f}) over {group_prompts} "
        "prompts, predicted in {estimate_takes} takes each; in 8 takes {rank_correlation_8_takes:.2f}, of gradients "
        "alone {rank_correlation_plain:.2f}, careful ones {rank_correlation_careful:.2f} (reliability of what was "
        "measured: {reliability:.2f})",
        ranked,
    ),
    Claim(
        "words",
        "Do words in the order of what is predicted without them matter earlier than in the order of attention, or at "
        "random?",
        "lower deletion, higher insertion area, with the whole interval",
        "{curves}",
        words_in_order,
        script="word_curves",
    ),
    Claim(
        "memory",
        "Is peak memory known beforehand (10 s, full-size small), and a bound kept?",
        "within 20 %",
        "worst error {worst:.0%}",
        memory_known,
        script="peak_memory",
    ),
    Claim(
        "cost",
        "What does a whole diagnosis cost beside the version before causes were searched for, and a quick one; how "
        "early is the verdict?",
        "≤ 0.7 ×; ≤ 0.2 ×; as early",
        "median {cost_ratio:.2f} ×; {quick_ratio:.2f} ×; {verdict_ratio:.2f} ×",
        cheap_diagnosis,
    ),
    Claim(
        "generations",
        "How many takes does a whole diagnosis play at full size (random weights), where nothing small does it?",
        "counted",
        "{played} takes for a diagnosis of {takes}: {searched} to search, {verified} to verify, over {units:,} units",
        lambda found: None,
    ),
    Claim(
        "cores",
        "How much faster are 4 takes of 4 s played on two cores than as one batch on two threads? How long do two "
        "diagnoses at once take, in the time of one? How long one alone, in the time it took before?",
        "≥ 1.6 ×; ≤ 2.2 ×; ≤ 1.03 ×",
        "{ratio:.2f} × ({ratio_lowest:.2f}–{ratio_highest:.2f}); {two_at_once:.2f} × (before: {two_at_once_old:.2f}); "
        "{alone:.2f} ×; on {cores} cores with a load of {load_before:.1f} before",
        cores_used,
    ),
    Claim(
        "descriptors",
        "Are tempo and key told where they are known, and for sure only where there are any?",
        "as often as by librosa's own functions, and none where there is none",
        "tempo right or counted otherwise in {totals[tempo][Tonescope][told]} of {totals[tempo][Tonescope][of]} pieces "
        "(librosa.feature.tempo {totals[tempo][librosa.feature.tempo][told]}, beat_track "
        "{totals[tempo][librosa.beat.beat_track][told]}), key right or relative in {totals[key][Tonescope][told]} of "
        "{totals[key][Tonescope][of]} (of librosa's chroma_stft {totals[key][librosa.feature.chroma_stft][told]}, "
        "chroma_cqt {totals[key][librosa.feature.chroma_cqt][told]}); invented: "
        "{totals[tempo][Tonescope][invented]} tempos, {totals[key][Tonescope][invented]} keys",
        descriptors_hold,
    ),
    Claim(
        "planted",
        "Does an audit find what was planted, and nothing else?",
        "all that the card shows to hold, no control flagged; 11 of 12 planted by adapters",
        "{found} of {planted} found in {takes} takes, {false_alarms} false alarms; by adapters {adapters_found} of "
        "{adapters_planted}",
        audited,
        script="planted_facts",
    ),
    Claim(
        "rare_genres",
        "Are the genres that were rare in training missing from what is played, as the card’s classifier found?",
        "no aim: whether two other listeners agree",
        "of {takes} takes of bossa nova the judge hears {right[bossa nova][judge]}, a classifier of hand-made features "
        "{right[bossa nova][by hand]}, that of the card {card[bossa nova]} of 20; of waltz {right[waltz][judge]}, "
        "{right[waltz][by hand]} and {card[waltz]} (the second hears {accuracy_by_hand:.0%} of held-out clips right)",
        lambda _: None,
    ),
    Claim(
        "repair",
        "How quick is feedback while a prompt is typed, how right is the predictor, and what does repair repair?",
        "≤ 100 ms a keystroke (95th percentile); above “the genre that is named”; above random rewrites; hopeless "
        "prompts recognised ≥ 80 %",
        "{repair_told}",
        repaired,
    ),
    Claim(
        "index",
        "How much of the bare forward pass is left when every unit is indexed, and how fast is a unit's page of a "
        "million examples?",
        "≥ 0.85 ×; ≤ 100 ms",
        "{ratio:.2f} × over {recordings} recordings; {page_ms:.0f} ms ({page_cpu_ms:.0f} of the processor)",
        indexed,
    ),
    Claim(
        "featurevis",
        "Does feature visualization drive live units to the 99.9th percentile of real takes, and how much faster than "
        "a naive loop?",
        "≥ 80 % of 100 units; ≥ 5 ×",
        "{share_above_p999:.0%} of {units} units in {steps} steps; {speed_ratio:.1f} ×",
        visualized,
    ),
    Claim(
        "detectors",
        "Do units that were chosen in the tagged corpus tell in other composed pieces what the composer put there "
        "(area under the curve)?",
        "above the best feature made by hand for most",
        "{detectors_told}",
        detects,
    ),
    Claim(
        "unit_names",
        "How many units are named with labels that mean nothing (captions, genres heard and stimuli shuffled)?",
        "≤ 5 % of live units",
        "{shuffled_named:g} of {units} at {location}, {named} with the labels as they are; mean held-out score "
        "{labels_told}",
        labelled,
    ),
    Claim(
        "compare",
        "Does a comparison name the one place that an adapter touches?",
        "≥ 9 of 10",
        "{named} of {adapters} adapters of {steps} steps",
        compared,
    ),
)


def _counted(found: Result) -> str:
    return f"{found['count']} of {found['total']} ({found['low']:.0%}–{found['high']:.0%})"


def told(result: Result) -> dict[str, Any]:
    """What sentences say beside the numbers of the result."""
    sentences = {"curves": curves(result), "others": others(result), "confused_too": confused(result)}
    sentences["repair_told"] = repair_told(result)
    sentences["detectors_told"] = detectors_told(result) if result["name"] == "detectors" else ""
    sentences["labels_told"] = labels_told(result) if result["name"] == "unit_names" else ""
    sentences["generators_told"] = generators_told(result) if isinstance(result.get("max_abs_difference"), dict) else ""
    return (
        sentences
        | {"group_prompts": len(result["rows"])}
        | {name: _counted(result[name]) for name in (*LOCALISED, "places_named") if name in result}
    )


def curves(result: Result) -> str:
    """Areas of every method, deletion then insertion, and how far they are from ours, prompt by prompt."""

    def beside(found: Result) -> str:
        return f"{found['mean']:+.2f} ({found['interval']['low']:+.2f} to {found['interval']['high']:+.2f})"

    sentences, found = [], result.get("areas", {})
    if found and OURS not in found:
        raise KeyError(OURS)
    for name, areas in found.items():
        sentence = f"{name}: {areas['deletion']['mean']:.2f}, {areas['insertion']['mean']:.2f}"
        if sides := result["beside_ours"].get(name):
            sentence += f", beside ours {beside(sides['deletion'])}, {beside(sides['insertion'])}"
        sentences.append(sentence)
    return "; ".join(sentences)


def table(rows: Sequence[Result]) -> str:
    """Rows as Markdown, without long lists."""
    if not rows:
        return ""
    columns = list(dict.fromkeys(key for row in rows for key, cell in row.items() if not isinstance(cell, list)))
    head, *cells = (
        "| " + " | ".join(line) + " |"
        for line in (columns, *([_cell(row.get(key, "")) for key in columns] for row in rows))
    )
    return "\n".join([head, "|" + "---|" * len(columns), *cells])


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def summed_up(claim: Claim, result: Result) -> str:
    """What was measured, and whether that is what was aimed at, as two cells."""
    try:
        return f"{claim.reads.format(**{**result, **told(result)})} | {MET[claim.met(result)]}"
    except KeyError:
        return "the kept result is of an older script; to be run again |"


def details(claim: Claim, result: Result) -> str:
    """How a result came about, and its rows."""
    versions = ", ".join(f"{package} {number}" for package, number in result["versions"].items())
    run = f"`python -m benchmarks.{claim.script or claim.name}`, {result['date']}, {result['machine']}; {versions}."
    return f"\n## {claim.name}\n\n{run}\n\n{table(result['rows'])}\n"


def main() -> None:
    """Render what there is; a benchmark that was not run says so."""
    summary, rest = HEAD, ""
    for claim in CLAIMS:
        measured = "not run yet |"
        if (kept_results.RESULTS / f"{claim.name}.json").exists():
            result = kept_results.load(claim.name)
            measured, rest = summed_up(claim, result), rest + details(claim, result)
        summary += f"| `{claim.name}` | {claim.question} | {claim.target} | {measured} |\n"
    (Path(__file__).parent / "README.md").write_text(summary + rest, encoding="utf-8")


if __name__ == "__main__":
    main()

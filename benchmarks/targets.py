"""What each benchmark aims at, as a question to its result."""

from __future__ import annotations

from typing import Any

Result = dict[str, Any]
REPAIR_PARTS = ("latency", "unseen", "repaired", "random", "hopeless", "steering")

LOCALISED = {
    "single_first": 0.95,
    "single_verified": 0.95,
    "small_sets_exact": 0.8,
    "small_sets_contained": 0.9,
    "five_found": 0.75,
    "place_right": 0.85,
    "false_blame": 0.05,
}
"""What is aimed at in ``localise``: at least so large shares; of false blame, at most."""


def parity_holds(found: Result) -> bool:
    """A replay gives the activations of the generation."""
    return bool(found["max_abs_difference"] <= 1e-5)


def quick_page(found: Result) -> bool:
    """The page costs next to nothing, and serves many people rightly."""
    waits = found["waiting_off"] is not None and found["waiting_off"] <= 0.25
    right = not (found["errors"] or found["mixed"]) and found["memory_growth_mib"] <= 0.05 * found["memory_mib"]
    return bool(waits and right and found["click_ratio"] <= 1.15 and found["first_paint_ms"] <= 1000) and (
        found["score_ms"] <= 50
    )


def descriptors_hold(found: Result) -> bool:
    """Tempo and key are told as often as by any function of librosa's, and none is made up."""
    ours = [found["totals"][what]["Tonescope"] for what in ("tempo", "key")]
    best = [max(counts["told"] for counts in found["totals"][what].values()) for what in ("tempo", "key")]
    return all(own["told"] >= most and not own["invented"] for own, most in zip(ours, best, strict=True))


def cheap(found: Result) -> bool:
    """Trace and attribution cost at most a quarter of a generation, and less than the other libraries' surely."""
    rivals = found["rivals_over_ours"].values()
    return bool(found["ratio"] <= 1.25 and min(rival["low"] for rival in rivals) > 1)


def batched(found: Result) -> bool:
    """A batch is many times faster and changes nothing."""
    return bool(found["ratio"] >= 5 and found["same_codes"])


def faithful(found: Result) -> bool:
    """Estimates rank units as brute force does."""
    return bool(found["spearman"] >= 0.98 and found["precision_at_20"] >= 0.9)


def causes(found: Result) -> bool:
    """What is named flips the verdict, random units do not."""
    flips, controls = (rate(found[name]) for name in ("flip_rate", "control_flip_rate"))
    sure = found["flip_rate"]["low"] > 0.5
    return bool(found["prompts"] >= 20 and flips >= 0.65 and controls <= 0.05 and sure)


def ranked(found: Result) -> bool:
    """Groups are ranked as measured."""
    return bool(all(row["groups"] >= 60 for row in found["rows"]) and found["rank_correlation"]["mean"] >= 0.8)


def localised(found: Result) -> bool:
    """What was rewired is found, and nothing else is blamed."""
    floors = {name: floor for name, floor in LOCALISED.items() if name != "false_blame"}
    return all(rate(found[name]) >= floor for name, floor in floors.items()) and (
        rate(found["false_blame"]) <= LOCALISED["false_blame"]
    )


def words_in_order(found: Result) -> bool:
    """Our curves are better than those of attention and of chance with the whole interval."""
    others = [found["beside_ours"][name] for name in ("attention", "random")]
    deletion = all(other["deletion"]["interval"]["low"] > 0 for other in others)
    return deletion and all(other["insertion"]["interval"]["high"] < 0 for other in others)


def memory_known(found: Result) -> bool:
    """Estimates are close and a bound is kept."""
    return bool(found["worst"] <= 0.2 and found["under_limit"])


def cores_used(found: Result) -> bool:
    """Few takes are played faster, two diagnoses at once are no more than two, and one alone is no slower."""
    return bool(found["ratio"] >= 1.6 and found["two_at_once"] <= 2.2 and found["alone"] <= 1.03)


def audited(found: Result) -> bool:
    """An audit finds every planted fact and flags no control; of those planted by adapters, all but one."""
    every = found["found"] == found["planted"] and found["false_alarms"] == 0
    return bool(every and found["adapters_planted"] == 12 and found["adapters_found"] >= 11)


def cheap_diagnosis(found: Result) -> bool:
    """A diagnosis costs less than before, a quick one little, and the verdict is as early."""
    return bool(found["cost_ratio"] <= 0.7 and found["quick_ratio"] <= 0.2 and found["verdict_ratio"] <= 1.05)


def repaired(found: Result) -> bool | None:
    """Feedback is quick, repair beats random rewrites, hopeless prompts are recognised; not said before all is done."""
    if len(found["parts"].split()) < len(REPAIR_PARTS):
        return None
    return bool(
        found["p95_ms"] <= 100
        and found["accuracy"] > found["baseline_accuracy"]
        and found["fixed_share"] > found["random_fixed_share"]
        and found["hopeless_recognised"] >= 0.8
        and beyond_random(found.get("steering_1"))
    )


def beyond_random(found: Result | None) -> bool:
    """Whether steering surely does more than random units that are changed as much."""
    interval = found and found["slope_beyond_random"]["interval"]
    return bool(interval and interval[0] > 0)


def generators_hold(found: Result) -> bool | None:
    """Replays are exact in every family, edits in one batch are faster, and an attribution is a part of a generation;
    nothing is claimed while a part is not measured."""
    if not {"max_abs_difference", "batching", "overhead"} <= found.keys():
        return None
    exact = max(found["max_abs_difference"].values()) <= found["limit"]
    return bool(exact and found["batching"] >= 3 and found["overhead"] <= 1.25)


def indexed(found: Result) -> bool:
    """An index costs little beside the bare pass, and a page of a large one is there at once."""
    return bool(found["ratio"] >= 0.85 and found["page_ms"] <= 100)


def detects(found: Result) -> bool:
    """Units chosen in the tagged corpus tell in other pieces what they were chosen by, better than the best feature
    made by hand, for most of what was asked."""
    better = sum(score > found["baseline_auc"][name] for name, score in found["auc"].items())
    return bool(2 * better > len(found["auc"]))


def labelled(found: Result) -> bool:
    """Labels that mean nothing name hardly any unit, and those that mean something name more."""
    return bool(found["shuffled_named"] <= 0.05 * found["units"] and found["named"] > 2 * found["shuffled_named"])


def visualized(found: Result) -> bool:
    """Units are driven to what hardly any real take has, and faster than one by one through the whole model."""
    return bool(found["share_above_p999"] >= 0.8 and found["speed_ratio"] >= 5)


def compared(found: Result) -> bool:
    """The place that an adapter touches is named, and no other."""
    return bool(found["named"] >= 0.9 * found["adapters"])


def rate(found: Result) -> float:
    return float(found["count"] / max(found["total"], 1))


def steering_told(result: Result) -> str:
    """The slopes of steering by listener, beside those of random units that are changed as much."""
    parts = []
    for found in (result[key] for key in ("steering_1", "steering_2") if key in result):
        own, other, beyond = (
            found[name]["mean"] for name in ("slope_size", "random_slope_size", "slope_beyond_random")
        )
        interval = found["slope_beyond_random"]["interval"]
        sure = f" ({interval[0]:+.2f} to {interval[1]:+.2f})" if interval else ""
        parts.append(
            f"{found['listener']} {own:.2f} nats a factor, random units {other:.2f}, difference {beyond:+.2f}{sure}, "
            f"the genre word alone {found['prompt_only']['mean']:+.2f} nats"
        )
    return "; ".join(parts) or "no set was found"

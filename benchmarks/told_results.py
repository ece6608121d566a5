"""Results that need more than a format string, as the page of benchmarks tells them."""

from __future__ import annotations

from benchmarks.targets import Result, steering_told


def generators_told(result: Result) -> str:
    """What is measured so far of generators that denoise."""
    exact = max(result["max_abs_difference"].values(), default=0.0) if "batching" in result else 0.0
    parts = [f"largest difference {exact:.1e} over {len(result['max_abs_difference'])} families"] if exact else []
    parts += [f"together {result['batching']:.1f} × faster"] if "batching" in result else []
    overhead = f"{result['overhead']:.2f} ×" if isinstance(result.get("overhead"), float) else "not measured yet"
    return "; ".join([*parts, f"cost {overhead}"])


def others(result: Result) -> str:
    """The rates of prompts whose takes are not all heard alike, where there are any, and how many were passed over."""
    over = result.get("passed_over", {})
    passed = f"; {len(over)} prompts whose takes are heard differently were passed over" if over else ""
    if not result.get("other_prompts"):
        return passed
    flips, random, natural = (result[f"other_{name}"] for name in ("flip_rate", "control_flip_rate", "natural"))
    rates = f"{flips['count']} of {flips['total']} against {random['count']} of {random['total']}"
    stray = f"where {natural['count']} of {natural['total']} untouched takes stray"
    return f", over {result['other_prompts']} others {rates} ({stray}){passed}"


def confused(result: Result) -> str:
    """How large the sets are that do it where prompts are not played as they ask, and what they do."""
    found = result.get("confused")
    if not found:
        return ""
    parts = [f"of {found['prompts']} confused prompts {found['with_small_sets']} have a small set"]
    for name in ("small", "large"):
        if sets := found.get(name):
            size = f"{min(sets['units'])}–{max(sets['units'])} units" if max(sets["units"]) > 1 else "one unit or place"
            flips, random = sets["flips"], sets["control_flips"]
            counted = f"{flips['count']} of {flips['total']} against {random['count']} for random ones"
            parts.append(f"{name} sets ({size}) flip {counted}")
    return "; " + ", ".join(parts)


def repair_told(result: Result) -> str:
    """Of repair, the parts that were measured, and which were not."""
    parts = {
        "latency": "{p50_ms:.0f} ms a keystroke, 95th percentile {p95_ms:.0f} (computing: {cpu_p95_ms:.0f})",
        "unseen": "predictor right for {accuracy_told} unseen prompts, the named genre for "
        "{baseline_accuracy_told}, calibration error {calibration_error:.2f}",
        "repaired": "fixed {fixed} of confused prompts ({fixed_of} of those in its list were played)",
        "random": "by random rewrites {random_fixed}",
        "hopeless": "{hopeless_told} hopeless ones recognised",
        "steering": "steering by causes of {steered_prompts} prompts: {steering_told}",
    }
    if result["name"] != "repair":
        return ""
    done = result["parts"].split()
    result = {**result, "steering_told": steering_told(result)}
    said = [told.format(**result) for part, told in parts.items() if part in done]
    left = [part for part in parts if part not in done]
    return "; ".join([*said, *([f"not run yet: {', '.join(left)}"] if left else [])])

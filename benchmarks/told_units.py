"""What results about units of the model say, in a sentence each."""

from __future__ import annotations

from benchmarks.targets import Result


def detectors_told(result: Result) -> str:
    """What each detector scores, beside the best feature made by hand."""
    scores, by_hand = result["auc"], result["baseline_auc"]
    told = ", ".join(f"{name} {score:.2f} ({by_hand[name]:.2f})" for name, score in scores.items())
    better = sum(score > by_hand[name] for name, score in scores.items())
    stimuli = {row["detector"]: row["stimuli_unit_auc"] for row in result["rows"]}
    beside = ", ".join(f"{name} {score:.2f}" for name, score in stimuli.items())
    as_well = sum(stimuli[name] > by_hand[name] for name in stimuli)
    return (
        f"{better} of {len(scores)} above that feature (in brackets), in {result['pieces']} pieces: {told}; units "
        f"found by stimuli alone: {as_well} of {len(stimuli)} above it ({beside})"
    )


def labels_told(result: Result) -> str:
    """The mean held-out score of each source, with its labels as they are and shuffled."""
    beside = result["shuffled_score"]
    known = {source: score for source, score in result["score"].items() if score}
    parts = [f"{source} {score:.2f} (shuffled {beside[source]:.2f})" for source, score in known.items()]
    return ", ".join(parts)

"""Who played, who listened, with what, and what was heard in each take: the rows that every result has."""

from __future__ import annotations

from importlib.metadata import version

from torch import Tensor

from tonescope.diagnose.judging.told_calibration import told_calibration
from tonescope.diagnose.judging.verdict import hear, sure_enough
from tonescope.diagnose.schema import Source, TakeResult
from tonescope.models.generator import Generator, Takes
from tonescope.models.judges.judge import Judge


def versions() -> dict[str, str]:
    """The libraries that decide what is played."""
    return {name: version(name) for name in ("tonescope", "torch", "transformers")}


def of_generator(generator: Generator) -> Source:
    """The generator as it was used."""
    return _source(generator)


def of_judge(judge: Judge) -> Source:
    """The judge as it was used."""
    more = {"calibration": told_calibration(judge), "opened_with": dict(getattr(judge, "opened_with", {}))}
    return _source(judge).model_copy(update=more)


def _source(model: Generator | Judge) -> Source:
    return Source(
        name=model.name,
        description=model.description,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        fingerprint=model.fingerprint(),
    )


def takes(played: Takes, posterior: Tensor, margins: Tensor, judge: Judge, asked: str | None) -> list[TakeResult]:
    """What a judge heard in each take, from (takes, labels) probabilities and (takes,) margins."""
    labels = judge.labels
    found, wanted = [], [labels.index(asked)] if asked else []
    named = hear(posterior, labels, sure_enough(judge))
    for seed, row, heard, margin_ in zip(played.seeds, posterior, named, margins, strict=True):
        best = row.argsort(descending=True)[:5].tolist()
        found.append(
            TakeResult(
                seed=seed,
                heard=heard,
                probability=float(row[best[0]]),
                margin=float(margin_),
                posterior={labels[at]: float(row[at]) for at in dict.fromkeys([*best, *wanted])},
            )
        )
    return found

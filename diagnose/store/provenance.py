"""Who played, who listened, with what, and what was heard in each take: the rows that every result has."""

from __future__ import annotations

from importlib.metadata import version

from torch import Tensor

from tonescope.diagnose.judging import verdict as verdict_module
from tonescope.diagnose.schema import Source, TakeResult
from tonescope.models.families.musicgen.musicgen import Generator, Takes
from tonescope.models.judges.judge import Judge
from tonescope.models.loading import fingerprint


def versions() -> dict[str, str]:
    """The libraries that decide what is played."""
    return {name: version(name) for name in ("tonescope", "torch", "transformers")}


def of_generator(generator: Generator) -> Source:
    """The generator as it was used."""
    return Source(
        name=generator.name,
        description=f"{type(generator.model).__name__}, {generator.layers} layers, {generator.n_codebooks} codebooks at {generator.frame_rate:g} Hz",
        device=str(generator.model.device),
        dtype=str(generator.model.dtype).removeprefix("torch."),
        fingerprint=fingerprint(generator.model),
    )


def of_judge(judge: Judge) -> Source:
    """The judge as it was used."""
    return Source(
        name=judge.name,
        description=judge.description,
        device=str(judge.device),
        dtype=str(judge.dtype).removeprefix("torch."),
        fingerprint=judge.fingerprint(),
    )


def takes(
    played: Takes, posterior: Tensor, margins: Tensor, labels: tuple[str, ...], asked: str | None
) -> list[TakeResult]:
    """What was heard in each take, from (takes, labels) probabilities and (takes,) margins."""
    found, wanted = [], [labels.index(asked)] if asked else []
    for seed, row, heard, margin_ in zip(
        played.seeds, posterior, verdict_module.hear(posterior, labels), margins, strict=True
    ):
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

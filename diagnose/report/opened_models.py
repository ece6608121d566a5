"""The options that open models again which are open now, before anything is played with them."""

from __future__ import annotations

from dataclasses import dataclass

from tonescope.diagnose.jobs.setting_suspects import setting_suspects
from tonescope.diagnose.report.pasteable import models_of
from tonescope.diagnose.schema import SettingSuspect, Source
from tonescope.diagnose.store import provenance
from tonescope.models.generator import Generator, Sampling
from tonescope.models.judges.judge import Judge
from tonescope.models.played_with import usual_guidance


@dataclass(frozen=True)
class _Opened:
    """Models, as :func:`~tonescope.diagnose.report.pasteable.models_of` writes them."""

    model: Source
    judge: Source
    suspects: list[SettingSuspect]


def options_of(generator: Generator, judge: Judge) -> list[str]:
    """The options of a command line that open the same generator and judge."""
    suspects = setting_suspects(generator, Sampling(usual_guidance(generator)))
    return models_of(_Opened(provenance.of_generator(generator), provenance.of_judge(judge), suspects))

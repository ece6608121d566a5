"""From what was asked of one unit to its curves and what it does in one's own stimulus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tonescope.diagnose.judging.reference_clips import read_clip
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.report.pasteable import prompt_word, quoted
from tonescope.diagnose.runtime.progress import Progress
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.tuning.own_stimulus import OwnStimulus, of_clip, of_words
from tonescope.diagnose.tuning.responses import Tuning, TuningWish
from tonescope.diagnose.tuning.stimuli import chosen_families, families
from tonescope.diagnose.tuning.tuning_views import TuningResult, result_of
from tonescope.models.loading import EMBEDDED

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.tuning_job import TuningParameters

PROMPT_FAMILY = "prompt words"


def tune_unit(session: Session, asked: TuningParameters, progress: Progress | None = None) -> TuningResult:
    """The curves of a unit. Raises :class:`tonescope.models.errors.TonescopeError` for one that there is not."""
    scope = Microscope.of(session, progress)
    unit = scope.unit(asked.unit.strip())
    scope.check_seconds(asked.seconds)
    reads = unit.location.network == "text" and not asked.family
    chosen = [families()[PROMPT_FAMILY]] if reads else chosen_families(asked.family)
    wish = TuningWish(asked.instances, asked.seconds, asked.seed)
    curves = Tuning(scope.within(0.0, 0.9), wish).curves([unit.location], chosen)[unit.location]
    own: list[OwnStimulus] = []
    if asked.clip is not None:
        own.append(of_clip(scope, unit, read_clip(asked.clip), curves))
        # Of a clip that somebody uploaded, where the server keeps it is nobody's business.
        named = Path(asked.clip).name if Path(asked.clip).is_absolute() else asked.clip
        own[-1].address = _address(session, f"{unit} --clip {quoted(named)}")
    if asked.prompt is not None:
        scope.within(0.9, 1.0).advance("play your prompt", 0.0)
        own.append(of_words(scope, unit, asked.prompt, asked.seconds, curves))
        own[-1].address = _address(session, f"{unit} --prompt {prompt_word(asked.prompt)}")
    return result_of(session, unit, curves, own, vars(wish))


def _address(session: Session, rest: str) -> str:
    name = session.generator.name
    model = "" if name == EMBEDDED else f" --model {quoted(name)}"
    return f"tonescope tuning {rest}{model}"

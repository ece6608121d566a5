"""A draft of a prompt whose typing paused: the first seconds of one take, played where no run is in its way."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.jobs.caveats import foreign
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.judging.verdict import UNSURE, hear, sure_enough
from tonescope.diagnose.report.escaped_templates import templates_of
from tonescope.diagnose.report.sounds import Sounds
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.runtime.between_runs import Aside
from tonescope.diagnose.runtime.run_queue import RunQueue
from tonescope.diagnose.runtime.stopping import Stop
from tonescope.diagnose.settings import Settings
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.listening import finite_takes, posterior
from tonescope.ui.components.given_values import text_of

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.session import Session

SECONDS, SEED = 2.0, 1


@dataclass(frozen=True)
class Drafts:
    """What makes drafts for everybody, one at a time.

    Args:
        session: the models; ``queue``, which works on them.
        memory_gib: how much more memory a draft may use.
    """

    session: Session
    queue: RunQueue
    memory_gib: float | None = None

    def html(self, prompt: Any, stop: Stop) -> str:
        """A draft as a page shows it; empty where a run goes on, waits or comes meanwhile, and once ``stop`` is asked.

        Raises:
            TonescopeError: the prompt cannot be played.
        """
        typed = text_of("prompt", prompt)
        return str(self.queue.between_runs(Aside(lambda: self._made(typed), stop)) or "")

    def _made(self, prompt: str) -> str:
        models, started = self.session.models, time.perf_counter()
        generator, judge = models.generator, models.judge
        seconds = max(min(SECONDS, generator.longest_seconds), generator.shortest_seconds)
        request = Request(prompt, Settings(takes=1, seconds=seconds, seed=SEED)).normalized(generator)
        request.check(models)
        context = Context(generator, judge, None, request.sampling, seconds)
        tokens = int(generator.token_mask([request.prompt]).shape[1])
        memory.playing(context, tokens, 1, self.memory_gib)
        takes = play(context, [request.prompt], [SEED])
        if not bool(finite_takes(takes.waveform).all()):
            raise TonescopeError("the draft is not made of numbers; load the model in float32.")
        told = ""
        if not foreign(models):
            (heard,) = hear(posterior(judge, takes.waveform, context.rate), judge.labels, sure_enough(judge))
            told = f"{'no clear genre is heard' if heard == UNSURE else f'heard as {heard}'}; "
        spent = time.perf_counter() - started
        sentence = (
            f"A draft, the first {seconds:g} s of one take: {told}one take says little. It took {spent:.1f} s here."
        )
        return str(_template().module.draft(sentence=sentence, uri=Sounds(generator).uri(takes, 0)))


@lru_cache(maxsize=1)
def _template() -> Any:
    return templates_of(__package__).get_template("prompt_feedback.html.j2")

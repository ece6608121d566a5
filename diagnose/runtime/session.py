"""A session: one generator and one judge, loaded once, with everything that jobs on them share."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from tonescope.diagnose.calibrating.calibration_store import AUTO, NONE
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.intervene.verification import Played
from tonescope.diagnose.jobs.diagnosis import Announce, HandOut, diagnose
from tonescope.diagnose.jobs.evidence import Evidence
from tonescope.diagnose.jobs.experiment import Experiment, run
from tonescope.diagnose.jobs.request import Models, Request
from tonescope.diagnose.judging.reference_clips import Clip
from tonescope.diagnose.repair.live_feedback import Feedback, LiveFeedback
from tonescope.diagnose.repair.steering import Steering, apply_steering
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.runtime.cache import cache_folder
from tonescope.diagnose.runtime.judge_session import JudgeSpec, open_second
from tonescope.diagnose.runtime.progress import Progress
from tonescope.diagnose.runtime.work_items import ModelSpec
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.store.traces import TraceSpec
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models import loading
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Sampling
from tonescope.models.judges.judge import Judge
from tonescope.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tonescope.diagnose.repair.contrast_schema import PromptContrast
    from tonescope.diagnose.repair.prompt_contrast import ContrastEvidence
    from tonescope.diagnose.repair.suggest_schema import Suggestion
    from tonescope.diagnose.repair.suggestion import SuggestEvidence

MEANS_SECONDS, MEANS_ROWS, MEANS_TOKENS = 4.0, 6, 16
MEANS_FILE = "mean_activations.safetensors"


@dataclass
class Session:
    """Models ready for jobs. ``spec`` says how they were opened, where :meth:`open` opened them; ``second`` is another
    judge, to compare with the first."""

    generator: Generator
    judge: Judge
    taxonomy: Taxonomy
    vocabulary: Vocabulary | None = None
    spec: ModelSpec | None = None
    second: Judge | None = None
    _means: dict[str, MeanActivations] = field(default_factory=dict)
    _feedback: LiveFeedback | None = None

    @classmethod
    def open(
        cls,
        model: str = loading.EMBEDDED,
        judge: str | None = None,
        device: str = "cpu",
        dtype: str = "float32",
        adapter: str | None = None,
        *,
        labels: str | None = None,
        calibration: str = AUTO,
    ) -> Session:
        """Load a generator (with a PEFT adapter on top, if one is named) and a judge, which always hears in float32.

        By default the embedded judge listens to the embedded generators, and the Hub's music CLAP to every other.

        Args:
            labels, calibration: what the judge chooses between, and how it is calibrated; see
                :class:`tonescope.diagnose.runtime.judge_session.JudgeSpec`.
        """
        loading.check_device(device)
        loading.check_dtype(dtype)
        if judge is None:
            judge = loading.EMBEDDED if model in loading.OURS else loading.HUB_JUDGE
        loading.check_names(model, judge, adapter)
        foreign = judge == loading.EMBEDDED and model != loading.EMBEDDED
        # What it brings was measured through the embedded codec, on the composer's pieces.
        asked = JudgeSpec(judge, labels, NONE if foreign and calibration == AUTO else calibration)
        asked.check()
        generator = loading.load_generator(model, device, dtype, adapter)
        listener, taxonomy = asked.open(device)
        if foreign and asked.calibration == NONE:
            listener.record = None
        spec = ModelSpec(model, judge, device, dtype, adapter, labels, calibration)
        return cls(generator, listener, taxonomy, None if adapter else loading.load_vocabulary(model), spec)

    @property
    def models(self) -> Models:
        """What requests are put to."""
        return Models(self.generator, self.judge, self.taxonomy, self.vocabulary, self.second)

    def with_second(self, name: str | None) -> Session:
        """The same models, with another judge beside the first; none, without a name. Raises
        :class:`TonescopeError` for what is no judge, or has no genre in common with the first."""
        if name is None:
            return self
        second = open_second(name, self.judge, self.taxonomy, str(self.judge.device))
        return replace(self, second=second, spec=self.spec and replace(self.spec, second=name))

    def context(self, settings: Settings | None = None) -> Context:
        """What the functions of :mod:`tonescope.diagnose` work with: these models, their means, and how takes are
        played."""
        request = Request("", settings or Settings()).normalized(self.generator)
        means = self.means(request.settings)
        return Context(self.generator, self.judge, means, request.sampling, request.settings.seconds)

    # --- mean activations --------------------------------------------------------------------------------------------

    def means(self, settings: Settings, progress: Progress | None = None) -> MeanActivations:
        """Mean activations of this generator: shipped, kept from before, or measured now (and kept)."""
        sampling = Request("", settings).normalized(self.generator).sampling
        folder = self.generator.folder
        if folder and (shipped := folder / MEANS_FILE).is_file():
            means = MeanActivations.load(shipped)
            if not sampling.negative and means.suits(self.generator, sampling.guidance):
                return means
        about: list[object] = [MEANS_SECONDS, self.generator.name, sampling.guidance]
        about += [sampling.temperature, sampling.top_k, *([sampling.negative] if sampling.negative else [])]
        key = json.dumps([*about, mean_activations.OVER_WORDS, self.generator.fingerprint()])
        name = hashlib.sha256(key.encode()).hexdigest()[:24]
        if name not in self._means:
            path = cache_folder() / f"means-{name}.safetensors"
            self._means[name] = _kept(path) or self._measured(path, settings, sampling, progress)
        return self._means[name]

    def _measured(
        self, path: Path, settings: Settings, sampling: Sampling, progress: Progress | None
    ) -> MeanActivations:
        seconds = min(MEANS_SECONDS, self.generator.longest_seconds)
        allowed = memory.budget(self.generator.device, settings.memory_gib)
        each = self.generator.cost(seconds, MEANS_TOKENS, sampling.guidance).row
        rows = allowed.rows(each, MEANS_ROWS, f"measuring reference means of {self.generator.name}")
        takes = len(mean_activations.PROMPTS)
        needed = f"{takes} takes of {seconds:g} s, {each * rows / memory.GIB:.1f} GiB"
        what = f"measure reference means (once for this model: {needed})"

        def advance(share: float) -> None:
            if progress:
                progress(what, share)

        advance(0.0)
        found = mean_activations.measure(self.generator, seconds, sampling, rows=rows, advance=advance)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            found.save(path)
        except (OSError, SafetensorError):
            pass  # a cache that cannot be written costs time, nothing else
        return found

    # --- jobs --------------------------------------------------------------------------------------------------------

    def diagnose(
        self,
        prompt: str,
        settings: Settings | None = None,
        *,
        intended: str | None = None,
        clips: Sequence[Clip] = (),
        trace: TraceSpec | None = None,
        progress: Progress | None = None,
        announce: Announce | None = None,
        hand_out: HandOut | None = None,
    ) -> tuple[Diagnosis, Evidence]:
        """Diagnose a prompt.

        Args:
            intended: the genre that was meant, when the prompt does not say it.
            clips: recordings that truly are of that genre, to tell the listener's error from the generator's.
            trace: what to record of the takes; nothing if absent.
            progress: told what is being done, and how much of the whole is done.
            announce: told the verdict, and the takes it is of, as soon as it is known.
            hand_out: given the takes as soon as they are there, before they are listened to.
        """
        request = Request(prompt, settings or Settings(), intended, clips, trace)
        request.check(self.models)
        started = time.perf_counter()
        means = self.means(request.settings, progress)
        measured = round(time.perf_counter() - started, 3)
        result, evidence = diagnose(
            request, self.models, means, progress=progress, announce=announce, hand_out=hand_out
        )
        result.timings = {"reference means": measured, **result.timings}
        return result, evidence

    def experiment(
        self,
        prompt: str,
        edit: Edit,
        settings: Settings | None = None,
        *,
        source: str | None = None,
        progress: Progress | None = None,
    ) -> tuple[Experiment, Played]:
        """Play an edit beside takes untouched; see :func:`tonescope.diagnose.jobs.experiment.run`."""
        request = Request(prompt, settings or Settings())
        request.check(self.models)
        means = self.means(request.settings, progress)
        return run(request, edit, self.models, means, source=source, progress=progress)

    def lint(self, prompt: str, *, intended: str | None = None) -> Feedback:
        """What can be said of a prompt before it is played; see :mod:`tonescope.diagnose.repair.live_feedback`.

        Quick enough for every keystroke. A predictor that was made after the first call is found by a new session.
        """
        if self._feedback is None:
            self._feedback = LiveFeedback(self.generator, self.judge, self.taxonomy, self.vocabulary)
        return self._feedback.on(prompt, intended)

    def suggest(
        self,
        prompt: str,
        settings: Settings | None = None,
        *,
        intended: str | None = None,
        budget: int = 120,
        steering: bool = False,
        progress: Progress | None = None,
    ) -> tuple[Suggestion, SuggestEvidence]:
        """Look for a better prompt, in ``budget`` takes; see :mod:`tonescope.diagnose.repair.suggestion`. With
        ``steering``, where no rewrite helps, look for units to steer by, which takes as long as a diagnosis."""
        from tonescope.diagnose.jobs.job import Watch
        from tonescope.diagnose.repair.find_steering import suggest_or_steer

        request = Request(prompt, settings or Settings(), intended)
        return suggest_or_steer(self, request, Watch(progress), budget=budget, steering=steering)

    def contrast(
        self, first: str, second: str, settings: Settings | None = None, *, progress: Progress | None = None
    ) -> tuple[PromptContrast, ContrastEvidence]:
        """What makes two prompts differ; see :mod:`tonescope.diagnose.repair.prompt_contrast`."""
        from tonescope.diagnose.jobs.job import Watch
        from tonescope.diagnose.repair.prompt_contrast import prompt_contrast

        return prompt_contrast(self, Request(first, settings or Settings(takes=8)), second, Watch(progress))

    # --- how it plays ------------------------------------------------------------------------------------------------

    def denoise_in(self, steps: int) -> None:
        """Play in so many denoising steps from now on. Raises :class:`TonescopeError` for what does not denoise."""
        loading.denoise_in(self.generator, steps)
        self._now_played(denoising_steps=steps)

    def shift_by(self, shift: float) -> None:
        """Play with so much shift from now on. Raises :class:`TonescopeError` for what has none."""
        loading.shift_by(self.generator, shift)
        self._now_played(shift=shift)

    def steer(self, path: Path) -> None:
        """Play steered from now on, as a file says; see :mod:`tonescope.diagnose.repair.steering`.

        Raises:
            TonescopeError: the file is no steering, or one for another model.
        """
        twice = self.spec is not None and self.spec.steer is not None
        apply_steering(self.generator, Steering.load(path))
        self._now_played(steer=str(path))
        if twice:
            self.spec = None  # which no option can say

    def _now_played(self, **how: Any) -> None:
        """Forget what holds of the model as it was, and remember how it is opened as it is."""
        self.spec, self._feedback, self._means = self.spec and replace(self.spec, **how), None, {}


def _kept(path: Path) -> MeanActivations | None:
    """What was measured before; a file that cannot be read is measured again."""
    try:
        return MeanActivations.load(path) if path.is_file() else None
    except TonescopeError:
        return None

"""A session: one generator and one judge, loaded once, with everything that diagnoses of them share."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError

from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.intervene.verification import Played
from tonescope.diagnose.jobs.diagnosis import Announce, Evidence, check_request, diagnose
from tonescope.diagnose.jobs.experiment import Experiment, run
from tonescope.diagnose.judging.reference_clips import Clip
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.runtime.progress import Progress
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.store.traces import TraceSpec
from tonescope.diagnose.taxonomy import Taxonomy, common, from_rows
from tonescope.models import loading
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import Generator, Sampling
from tonescope.models.judges.clap import Judge
from tonescope.models.vocabulary import Vocabulary

REFERENCE_SECONDS, REFERENCE_ROWS = 4.0, 6
REFERENCE_FILE = "reference.safetensors"


def cache_folder() -> Path:
    """Where measurements that take long are kept: ``TONESCOPE_CACHE``, or the user's cache."""
    if named := os.environ.get("TONESCOPE_CACHE"):
        return Path(named)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tonescope"
    except RuntimeError:  # nobody's home, as in some containers
        return Path(tempfile.gettempdir()) / "tonescope"


@dataclass
class Session:
    """Models ready for diagnoses."""

    generator: Generator
    judge: Judge
    taxonomy: Taxonomy
    vocabulary: Vocabulary | None = None
    _references: dict[str, MeanActivations] = field(default_factory=dict)

    @classmethod
    def open(
        cls, model: str = loading.EMBEDDED, judge: str | None = None, device: str = "cpu", dtype: str = "float32", adapter: str | None = None
    ) -> Session:  # fmt: skip
        """Load a generator (with a PEFT adapter on top, if one is named) and a judge, which always hears in float32.

        By default the embedded judge listens to the embedded generator, and the Hub's music CLAP to every other.
        """
        loading.check_device(device)
        loading.check_dtype(dtype)
        judge = judge if judge is not None else (loading.EMBEDDED if model == loading.EMBEDDED else loading.HUB_JUDGE)
        loading.find(model, "generator")  # a wrong name is told before a judge is fetched
        rows = loading.judge_rows(judge)
        taxonomy = from_rows(rows) if rows else common()
        generator = loading.load_generator(model, device, dtype, adapter)
        listener = loading.load_judge(judge, taxonomy.labels, device)
        if judge == loading.EMBEDDED and model != loading.EMBEDDED:
            listener.record = None  # it was measured through the embedded codec, on the composer's pieces
        return cls(generator, listener, taxonomy, None if adapter else loading.load_vocabulary(model))

    def means(self, settings: Settings, progress: Progress | None = None) -> MeanActivations:
        """Reference means of this generator: shipped, kept from before, or measured now (and kept)."""
        sampling = Sampling(settings.guidance, settings.temperature, settings.top_k)
        folder = self.generator.folder
        if folder and (shipped := folder / REFERENCE_FILE).is_file():
            means = MeanActivations.load(shipped)
            if means.suits(self.generator, settings.guidance):
                return means
        about = (REFERENCE_SECONDS, self.generator.name, sampling.guidance, sampling.temperature, sampling.top_k)
        key = json.dumps([*about, loading.fingerprint(self.generator.model)])
        name = hashlib.sha256(key.encode()).hexdigest()[:24]
        if name not in self._references:
            path = cache_folder() / f"reference-{name}.safetensors"
            self._references[name] = _kept(path) or self._measured(path, settings, sampling, progress)
        return self._references[name]

    def _measured(
        self, path: Path, settings: Settings, sampling: Sampling, progress: Progress | None
    ) -> MeanActivations:
        seconds = min(REFERENCE_SECONDS, self.generator.longest_seconds)
        allowed = memory.budget(self.generator.model.device, settings.memory_gib)
        each = memory.generation_bytes(self.generator, seconds, 16, settings.guidance)
        rows = allowed.rows(each, REFERENCE_ROWS, f"measuring reference means of {self.generator.name}")
        what = f"measure reference means (once for this model: {len(mean_activations.PROMPTS)} takes of {seconds:g} s, {each * rows / memory.GIB:.1f} GiB)"

        def advance(share: float) -> None:
            if progress:
                progress(what, share)

        advance(0.0)
        found = mean_activations.measure(self.generator, seconds, sampling, batch=rows, advance=advance)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            found.save(path)
        except (OSError, SafetensorError):
            pass  # a cache that cannot be written costs time, nothing else
        return found

    def diagnose(
        self,
        prompt: str,
        settings: Settings,
        intended: str | None = None,
        progress: Progress | None = None,
        keep: TraceSpec | None = None,
        announce: Announce | None = None,
        known: Sequence[Clip] = (),
    ) -> tuple[Diagnosis, Evidence]:
        """Diagnose a prompt; see :func:`.diagnosis.diagnose`."""
        check_request(prompt, self.generator, self.judge, self.taxonomy, settings, intended)
        started = time.perf_counter()
        means = self.means(settings, progress)
        measured = round(time.perf_counter() - started, 3)
        result, evidence = diagnose(
            prompt, self.generator, self.judge, self.taxonomy, means, settings, self.vocabulary, intended, progress, keep, announce, known
        )  # fmt: skip
        result.timings = {"reference means": measured, **result.timings}
        return result, evidence

    def experiment(
        self, prompt: str, edit: Edit, settings: Settings, source: str | None = None, progress: Progress | None = None
    ) -> tuple[Experiment, Played]:
        """Play an edit beside takes untouched; see :func:`.experiment.run`."""
        check_request(prompt, self.generator, self.judge, self.taxonomy, settings, None)
        means = self.means(settings, progress)
        return run(prompt, edit, self.generator, self.judge, self.taxonomy, means, settings, source, progress)


def _kept(path: Path) -> MeanActivations | None:
    """What was measured before; a file that cannot be read is measured again."""
    try:
        return MeanActivations.load(path) if path.is_file() else None
    except TonescopeError:
        return None

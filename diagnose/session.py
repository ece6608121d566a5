"""A session: one generator and one judge, loaded once, with everything that diagnoses of them share."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from ..models import loading
from ..models.generator import Generator, Sampling
from ..models.judge import Judge
from . import reference as references
from .diagnosis import Evidence, Progress, diagnose
from .reference import Reference
from .result import Diagnosis
from .settings import Settings, check
from .taxonomy import Taxonomy, common, from_rows

REFERENCE_FILE = "reference.safetensors"


def cache_folder() -> Path:
    """Where measurements that take long are kept: ``TONESCOPE_CACHE``, or the user's cache."""
    return Path(
        os.environ.get("TONESCOPE_CACHE")
        or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tonescope"
    )


@dataclass
class Session:
    """Models ready for diagnoses."""

    generator: Generator
    judge: Judge
    taxonomy: Taxonomy
    vocabulary: loading.Vocabulary | None = None
    _references: dict[str, Reference] = field(default_factory=dict)

    @classmethod
    def open(cls, model: str = loading.EMBEDDED, judge: str | None = None, device: str = "cpu") -> Session:
        """Load a generator and a judge by name; by default the embedded judge for the embedded generator, else the Hub's music CLAP."""
        loading.check_device(device)
        judge = judge or (loading.EMBEDDED if model == loading.EMBEDDED else loading.HUB_JUDGE)
        rows = loading.judge_rows(judge)
        taxonomy = from_rows(rows) if rows else common()
        generator = loading.load_generator(model, device)
        return cls(
            generator, loading.load_judge(judge, taxonomy.labels, device), taxonomy, loading.load_vocabulary(model)
        )

    def reference(self, settings: Settings, progress: Progress | None = None) -> Reference:
        """Reference means of this generator: shipped, kept from before, or measured now (and kept)."""
        sampling = Sampling(settings.guidance, settings.temperature, settings.top_k)
        folder = self.generator.folder
        if folder and (shipped := folder / REFERENCE_FILE).is_file():
            means = Reference.load(shipped)
            if (means.about["guidance"] > 1) == (settings.guidance > 1):  # type: ignore[operator]
                return means
        key = json.dumps(
            [self.generator.name, sampling.guidance, sampling.temperature, sampling.top_k, _fingerprint(self.generator)]
        )
        name = hashlib.sha256(key.encode()).hexdigest()[:24]
        if name not in self._references:
            path = cache_folder() / f"reference-{name}.safetensors"
            if path.is_file():
                self._references[name] = Reference.load(path)
            else:
                if progress:
                    progress("measure reference means (once for this model)", 0.0)
                self._references[name] = references.measure(self.generator, min(settings.seconds, 4.0), sampling)
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    self._references[name].save(path)
                except OSError:
                    pass  # a cache that cannot be written costs time, nothing else
        return self._references[name]

    def diagnose(
        self, prompt: str, settings: Settings, intended: str | None = None, progress: Progress | None = None
    ) -> tuple[Diagnosis, Evidence]:
        """Diagnose a prompt; see :func:`.diagnosis.diagnose`."""
        check(prompt, settings)
        means = self.reference(settings, progress)
        return diagnose(
            prompt, self.generator, self.judge, self.taxonomy, means, settings, self.vocabulary, intended, progress
        )


def _fingerprint(generator: Generator) -> str:
    """Tells apart models that share a name: a few weights of the first and last layers."""
    weights = dict(generator.model.named_parameters())
    names = sorted(name for name in weights if name.endswith("fc2.weight"))
    digest = hashlib.sha256()
    for name in (names[0], names[-1]):
        digest.update(weights[name].detach().flatten()[:256].float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]

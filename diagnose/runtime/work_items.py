"""Work as data: which takes to play and to hear, by which models, and what to keep of them. Never a model.

Work items are made small enough to be lost: what is finished is kept by item, and an item that was lost is done again.
They travel between processes and machines, so everything in them is plain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tonescope.models.generator import Sampling

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.session import Session
    from tonescope.diagnose.runtime.take_worker import TakeWorker

FORMAT = 2  # of what is kept; another one is not read as this
KEY_DIGITS = 32
SEED_BYTES = 5  # so many seeds that hardly ever two prompts share one

States = Literal["none", "examples", "all"]
"""Which takes keep the state that they can be replayed from: none, one of each group and genre heard, or every one."""


@dataclass(frozen=True)
class ModelSpec:
    """How the models of a session are opened: the arguments of
    :meth:`tonescope.diagnose.runtime.session.Session.open`, and what is done to them then: the ``second`` judge, how a
    generator denoises, and the file that it is steered by."""

    model: str
    judge: str | None = None
    device: str = "cpu"
    dtype: str = "float32"
    adapter: str | None = None
    labels: str | None = None
    calibration: str = "auto"
    second: str | None = None
    denoising_steps: int | None = None
    shift: float | None = None
    steer: str | None = None

    def open(self) -> Session:
        """A session on these models. Raises :class:`tonescope.models.errors.TonescopeError` as that does."""
        from tonescope.diagnose.runtime.session import Session

        opened = Session.open(
            self.model,
            self.judge,
            self.device,
            self.dtype,
            self.adapter,
            labels=self.labels,
            calibration=self.calibration,
        )
        if self.denoising_steps is not None:
            opened.denoise_in(self.denoising_steps)
        if self.shift is not None:
            opened.shift_by(self.shift)
        if self.steer is not None:
            opened.steer(Path(self.steer))
        return opened.with_second(self.second)


@dataclass(frozen=True)
class TakeSetting:
    """All that decides what a take is and what is heard in it, but for its prompt and seed.

    Attributes:
        generator, judge: fingerprints; that of the judge covers how it is asked. ``second`` is that of another judge,
            empty without one.
        labels: what the judge chooses between, in the order of its probabilities.
        dtype: precision of the generator.
        seconds: length of a take; ``sampling``, how it is drawn.
    """

    generator: str
    judge: str
    labels: tuple[str, ...]
    dtype: str
    seconds: float
    sampling: Sampling
    second: str = ""

    @classmethod
    def of(cls, session: Session, seconds: float, sampling: Sampling) -> TakeSetting:
        """That of a session's models."""
        generator, judge = session.generator, session.judge
        return cls(
            generator=generator.fingerprint(),
            judge=_digest([judge.fingerprint(), judge.labels]),
            labels=tuple(judge.labels),
            dtype=str(generator.dtype).removeprefix("torch."),
            seconds=seconds,
            sampling=sampling,
            second="" if session.second is None else _digest([session.second.fingerprint(), session.second.labels]),
        )

    @property
    def key(self) -> str:
        """Its content hash."""
        return _digest({"format": FORMAT, **asdict(self)})

    def worker(self, session: Session, memory_gib: float | None = None) -> TakeWorker:
        """What does items of this setting, on the models of a session."""
        from tonescope.diagnose.runtime.take_worker import TakeWorker

        return TakeWorker(session, memory_gib)


def first_seed(prompt: str, seed: int) -> int:
    """The seed of the first take of a prompt in all reports from ``seed``; the others count up from it.

    Takes of one seed share their noise: by that alone two prompts that are alike play the same passages, which would
    pass for material that comes again, and count as more takes than there are. So every prompt has noise of its own.
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{prompt}".encode()).digest()[:SEED_BYTES], "big")


@dataclass(frozen=True)
class Wanted:
    """A take that is wanted. Takes of one ``group`` share an example for each genre heard in them."""

    prompt: str
    seed: int
    group: str = ""


@dataclass(frozen=True)
class Keep:
    """What is kept of takes, beside the probabilities of all labels and the level.

    Attributes:
        states: which takes keep their state.
        measures: names of :data:`tonescope.diagnose.runtime.take_measures.MEASURES`.
    """

    states: States = "none"
    measures: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkItem:
    """Some takes to play and to hear in one go."""

    setting: TakeSetting
    takes: tuple[Wanted, ...]
    keep: Keep = Keep()

    @property
    def key(self) -> str:
        """Its content hash: equal items give equal shards."""
        return _digest(
            {"setting": self.setting.key, "takes": [asdict(take) for take in self.takes], **asdict(self.keep)}
        )


@dataclass
class HeardTake:
    """What came of a take.

    Attributes:
        prompt, seed, group: as wanted.
        problem: why nothing was heard in it (silent, not made of numbers); ``None`` if something was.
        heard: the likeliest label, and its ``probability``; ``probabilities``, of all labels.
        level_db: root-mean-square level relative to full scale.
        measures: numbers by name; ``vectors``, lists of numbers by name.
        state: what it can be replayed from, as a safetensors file holds it.
        second: what a second judge hears, where one listens, and its ``second_probability``.
    """

    prompt: str
    seed: int
    group: str
    problem: str | None = None
    heard: str | None = None
    probability: float | None = None
    probabilities: Sequence[float] | None = None
    level_db: float | None = None
    measures: dict[str, float] = field(default_factory=dict)
    vectors: dict[str, list[float]] = field(default_factory=dict)
    state: bytes | None = None
    second: str | None = None
    second_probability: float | None = None


@dataclass(frozen=True)
class Finished:
    """A work item that was done: its takes, in its order, and the seconds that its worker took."""

    item: WorkItem
    takes: list[HeardTake]
    seconds: float


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]

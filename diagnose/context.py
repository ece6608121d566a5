"""Context, what every function of ``diagnose`` is given: models, baseline, sampling, length, batch sizes. SeedPlan,
which seeds are for what."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Sampling
from tonescope.models.judges.judge import Judge

MOST_SEEDS = 2**63
MOST_ROUNDS = 32  # of any search


@dataclass(frozen=True)
class Batches:
    """How many rows go together in a batch.

    Attributes:
        played: rows of a generation.
        attributed: takes in a pass with gradients, or in a pass of a prediction.
        workers: how many may play them at once, ``played`` rows in all; ``None``: as many as there are cores
            (:mod:`tonescope.diagnose.runtime.workers`).
        source_bytes: bytes of activations, to be put into other takes, that are kept at a time.
    """

    played: int = 48
    attributed: int = 4
    workers: int | None = None
    source_bytes: int = 4 * 2**30


@dataclass(frozen=True)
class Context:
    """The models at work and how they are used.

    Attributes:
        generator: what plays.
        judge: what listens; absent where nothing is judged.
        means: the baseline that mean ablation puts units back to; absent where nothing is mean-ablated.
        sampling: how takes are drawn.
        seconds: length of a take.
        batches: how many rows go together in a batch.
    """

    generator: Generator
    judge: Judge | None = None
    means: MeanActivations | None = None
    sampling: Sampling = field(default_factory=Sampling)
    seconds: float = 4.0
    batches: Batches = field(default_factory=Batches)

    @property
    def guidance(self) -> float:
        """The guidance scale of the sampling."""
        return self.sampling.guidance

    @property
    def rate(self) -> int:
        """Sample rate of the generator in Hz."""
        return int(self.generator.sample_rate)

    @property
    def listener(self) -> Judge:
        """The judge. Raises :class:`TonescopeError` where there is none."""
        if self.judge is None:
            raise TonescopeError("nothing can be judged without a judge; give the context one.")
        return self.judge

    def with_batches(
        self,
        *,
        played: int | None = None,
        attributed: int | None = None,
        workers: int | None = None,
        source_bytes: int | None = None,
    ) -> Context:
        """The same context with other batch sizes; those that are ``None`` stay."""
        had = self.batches
        sizes = Batches(
            played or had.played,
            attributed or had.attributed,
            workers or had.workers,
            source_bytes or had.source_bytes,
        )
        return replace(self, batches=sizes)


@dataclass(frozen=True)
class SeedPlan:
    """Which seeds are for what, disjoint by construction: what was chosen in some takes is tested in others.

    Seeds count up from ``first`` in blocks of ``takes``: to explore, to test, one block for each round of a search, and
    after :data:`MOST_ROUNDS` of those, more to test in. A block that would leave the range of seeds raises
    :class:`TonescopeError`.

    Attributes:
        first: the first seed.
        takes: seeds in a block.
        skipped: rounds that another search had before.
    """

    first: int
    takes: int
    skipped: int = 0

    def _block(self, number: int) -> tuple[int, ...]:
        start = self.first + number * self.takes
        if not 0 <= start <= start + self.takes <= MOST_SEEDS:
            raise TonescopeError(
                f"{self.takes} takes from seed {self.first} on would leave the seeds there are "
                f"(0 to {MOST_SEEDS - 1}); choose a smaller seed."
            )
        return tuple(range(start, start + self.takes))

    @property
    def explore(self) -> tuple[int, ...]:
        """Seeds of the takes that are heard first, and that units, words and the contrast are chosen by."""
        return self._block(0)

    @property
    def test(self) -> tuple[int, ...]:
        """Seeds of the fresh takes in which what was found is tested."""
        return self._block(1)

    def round(self, number: int) -> tuple[int, ...]:
        """Seeds of the takes of one round of a search, counted from 1."""
        if not 1 <= number <= MOST_ROUNDS - self.skipped:
            raise ValueError(f"rounds are counted from 1, and of all searches there are {MOST_ROUNDS}")
        return self._block(1 + self.skipped + number)

    def further(self, number: int) -> tuple[int, ...]:
        """More seeds of takes to test in, counted from 1."""
        return self._block(1 + MOST_ROUNDS + number)

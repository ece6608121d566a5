"""How fast many takes are played and heard, and how fast a report of very many is made.

python -m benchmarks.throughput [--prompts 24] [--takes 4] [--repeats 3] [--rows 100000] [--ray]

Ratios of things measured in turns in one run, and the cost of a report:

- ``audit_ratio``: takes a minute of the engine, hearing and keeping included, over a plain loop of one ``generate``
  and one hearing a prompt.
- ``judge_ratio``: takes a second that a worker's judge hears, over the bare forward passes of the same model on the
  same batches.
- ``ray_ratio``: takes a minute of two workers of Ray over those of this process, once the workers have their models
  (with ``--ray``; it needs the extra ``ray``).
- ``report_seconds``, ``report_mib``: for a report of so many takes from synthetic shards, and the memory it adds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

import numpy as np
import psutil
import torch

from benchmarks.kept_results import keep
from tonescope.diagnose.confusion.confusion import confusion
from tonescope.diagnose.prompts.genre_prompts import MOST_WORDINGS, genre_prompts
from tonescope.diagnose.report.confusion_views import views
from tonescope.diagnose.runtime.engine import Engine, LocalEngine, Production, UnderWay
from tonescope.diagnose.runtime.ray_engine import RayEngine
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.runtime.work_items import Finished, HeardTake, TakeSetting, Wanted, WorkItem, first_seed
from tonescope.diagnose.settings import MOST_TAKES
from tonescope.diagnose.store.take_shards import TakeShards
from tonescope.diagnose.taxonomy import common
from tonescope.models.generator import Sampling
from tonescope.models.judges.calibration import ConfusionRecord
from tonescope.models.judges.clap import Clap
from tonescope.models.judges.listening import posterior

SECONDS = 4.0
SHARD_TAKES = 48  # of a synthetic shard: as many as real ones hold
HEARD_TAKES = 48  # in a comparison of judges
LOOP_TAKES = 4  # of the plain loop, in each repeat: it is slow, and its rate is steady


@dataclass
class Steady:
    """An engine that notes when its first item was done: what is before that is warming up."""

    inner: Engine
    since: float = 0.0
    takes: int = 0

    @property
    def workers(self) -> int:
        """Those of the engine."""
        return self.inner.workers

    def run(self, items: Iterator[WorkItem], under_way: UnderWay = lambda takes: None) -> Iterator[Finished]:
        """What the engine does."""
        for number, finished in enumerate(self.inner.run(items, under_way)):
            if number < self.inner.workers:
                self.since = time.perf_counter()
            else:
                self.takes += len(finished.takes)
            yield finished

    @property
    def per_minute(self) -> float:
        """Takes a minute, after the first item of each worker."""
        return 60 * self.takes / max(time.perf_counter() - self.since, 1e-9)


def wanted(session: Session, prompts: int, takes: int, first: int) -> list[Wanted]:
    """Takes of some prompts of all genres, with seeds from ``first`` on."""
    texts = [text for label in session.judge.labels for text in genre_prompts(label, 2)][:prompts]
    return [Wanted(text, seed) for seed in range(first, first + takes) for text in texts]


def produced(session: Session, engine: Engine, takes: Sequence[Wanted]) -> float:
    """Takes a minute of an engine, kept in a folder of their own."""
    steady = Steady(engine)
    with tempfile.TemporaryDirectory() as folder:
        setting = TakeSetting.of(session, SECONDS, Sampling())
        Production(TakeShards(setting, Path(folder)), takes).make(steady)
        return steady.per_minute


def looped(session: Session, takes: Sequence[Wanted]) -> float:
    """Takes a minute of one ``generate`` and one hearing a prompt."""
    started = time.perf_counter()
    for take in takes:
        sound = session.generator.generate([take.prompt], [take.seed], SECONDS, Sampling()).waveform
        posterior(session.judge, sound, session.generator.sample_rate)
    return 60 * len(takes) / (time.perf_counter() - started)


def heard(session: Session) -> tuple[float, float]:
    """Takes a second: as workers hear them, and by the bare forward passes of the model on front end's output."""
    judge, rate = session.judge, int(session.generator.sample_rate)
    if not isinstance(judge, Clap):
        raise SystemExit("the bare forward pass is that of a CLAP")
    sound = torch.randn(HEARD_TAKES, int(SECONDS * rate)) * 0.1
    batches = [judge.windows(part, rate)[0] for part in sound.split(8)]
    ours = _per_second(lambda: posterior(judge, sound, rate))

    @torch.no_grad()
    def bare() -> None:
        for batch in batches:
            judge.model.get_audio_features(input_features=judge.mel(batch))

    return ours, _per_second(bare)


def _per_second(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return HEARD_TAKES / (time.perf_counter() - started)


def of_many_labels(session: Session) -> Session:
    """The same generator, and a judge that knows all genres of music at large; nothing is heard by it."""
    judge: Any = copy(session.judge)
    judge.labels = common().labels
    right = tuple(tuple(30 if row == column else 0 for column in judge.labels) for row in judge.labels)
    judge.record = ConfusionRecord(judge.labels, right, right, 0.0)
    return replace(session, judge=judge, taxonomy=common())


def synthetic(session: Session, folder: Path, rows: int) -> dict[str, Any]:
    """Shards of so many takes that nobody played, four in five heard as asked; the options that ask for them all."""
    labels, random = session.judge.labels, np.random.default_rng(0)
    prompts = [(label, text) for label in labels for text in genre_prompts(label, MOST_WORDINGS)]
    takes = min(MOST_TAKES, -(-rows // len(prompts)))
    shards = TakeShards(TakeSetting.of(session, SECONDS, Sampling()), folder)
    places = [(label, text, first_seed(text, 1) + number) for number in range(takes) for label, text in prompts]
    for start in range(0, len(places), SHARD_TAKES):
        made = []
        for label, text, seed in places[start : start + SHARD_TAKES]:
            shares = random.dirichlet(np.full(len(labels), 0.2))
            best = labels.index(label) if random.random() < 0.8 else int(shares.argmax())
            shares[best] = 0.5 + shares[best] / 2
            made.append(HeardTake(text, seed, label, None, labels[best], float(shares[best]), shares.tolist(), -20.0))
        shards.add(WorkItem(shards.setting, tuple(Wanted(take.prompt, take.seed) for take in made)), made)
    return {"takes": takes, "wordings": MOST_WORDINGS, "seconds": SECONDS, "explain": 0, "shards": folder}


def reported(session: Session, rows: int) -> dict[str, float]:
    """Seconds of a report of so many takes with its table of all of them, and the most memory that it adds, in MiB."""
    many = of_many_labels(session)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as out:
        asked = synthetic(many, Path(folder), rows)
        with peak_memory() as peak:
            started = time.perf_counter()
            report, evidence = confusion(many, **asked)
            evidence.save(Path(out))
            views(report, evidence)
            spent = time.perf_counter() - started
    return {"report_takes": report.work.takes, "report_seconds": spent, "report_mib": peak[0]}


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """The most memory that the block adds to this process, in MiB, looked at a hundred times a second."""
    process, found, done = psutil.Process(), [0.0], Event()
    before = process.memory_info().rss

    def look() -> None:
        while not done.wait(0.01):
            found[0] = max(found[0], (process.memory_info().rss - before) / 2**20)

    looking = Thread(target=look, daemon=True)
    looking.start()
    try:
        yield found
    finally:
        done.set()
        looking.join()


def main() -> None:
    """Measure in turns, and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--takes", type=int, default=4, help="of each prompt, by the engine")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=100_000, help="takes of the report")
    parser.add_argument("--ray", action="store_true", help="two workers of Ray beside this process")
    arguments = parser.parse_args()
    session = Session.open()
    looped(session, wanted(session, 1, 1, 10**6))
    rows = []
    for repeat in range(arguments.repeats):
        takes = wanted(session, arguments.prompts, arguments.takes, 1 + repeat * arguments.takes)
        ours, bare = heard(session)
        row = {
            "repeat": repeat,
            "loop_per_minute": looped(session, takes[:LOOP_TAKES]),
            "engine_per_minute": produced(session, LocalEngine(session), takes),
            "judge_per_second": ours,
            "bare_judge_per_second": bare,
        }
        if arguments.ray and session.spec:
            setting = TakeSetting.of(session, SECONDS, Sampling())
            row["ray_per_minute"] = produced(session, RayEngine(session.spec, setting, count=2), takes)
        rows.append(row)
    about = {
        "audit_ratio": median(row["engine_per_minute"] / row["loop_per_minute"] for row in rows),
        "judge_ratio": median(row["judge_per_second"] / row["bare_judge_per_second"] for row in rows),
        **reported(session, arguments.rows),
    }
    if arguments.ray:
        about["ray_ratio"] = median(row["ray_per_minute"] / row["engine_per_minute"] for row in rows)
    packages = ("duckdb", "ray") if arguments.ray else ("duckdb",)
    keep("throughput", rows, about, packages=packages, models=[session.generator, session.judge])


if __name__ == "__main__":
    main()

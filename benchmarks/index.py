"""How much of the bare forward pass is left when every unit is indexed, and how fast is a page of a large index?

``ratio`` is the processor time of passing the default corpus through the embedded models, over that of indexing it:
both encode the sound and replay it in the same batches. ``page_ms`` is the median time of a unit's page (statistics,
examples, histogram) from an index with a million examples, of random units, after the first one; the first is
``first_page_ms``. ``page_cpu_ms`` is the processor's time of the same: on a machine that does other work as well, the
time that passes is that of waiting.

    python -m benchmarks.index [--recordings 32] [--repeats 3] [--rows 1000000] [--pages 200]
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import torch

from benchmarks.kept_results import keep
from tonescope.diagnose.audio_files.decoding import resampled
from tonescope.diagnose.elsewhere.surrogate_trace import NEUTRAL, check_surrogate
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.unit_index.composed_corpus import ComposedCorpus
from tonescope.diagnose.unit_index.corpus import About
from tonescope.diagnose.unit_index.index_build import LOG, Identity
from tonescope.diagnose.unit_index.index_place import ABOUT
from tonescope.diagnose.unit_index.index_reading import UnitIndex
from tonescope.diagnose.unit_index.index_tables import EXAMPLE_SHARES, RANDOM, write_tables
from tonescope.diagnose.unit_index.index_worker import FORMAT, IndexItem, IndexSetting, IndexWorker, Sounding
from tonescope.diagnose.unit_index.listening_pass import ROWS, ListeningPass
from tonescope.diagnose.unit_index.unit_summary import Block, Peaks, Summary
from tonescope.models.generator import UNGUIDED
from tonescope.models.units import Location, Unit

TOP, SAMPLE, ALONG = 12, 64, 16
UNITS = 4096  # of a location of the large index
RECORDINGS = 100_000  # that its examples are of
SECONDS = 4.0


def setting_of(session: Session, locations: tuple[str, ...]) -> IndexSetting:
    """As the command has it."""
    return IndexSetting(
        session.generator.fingerprint(), session.judge.fingerprint(), locations, SECONDS, 120.0, TOP, SAMPLE
    )


def throughput(session: Session, recordings: int, repeats: int) -> tuple[float, list[dict[str, float]]]:
    """Bare time over time of indexing, and both for every repeat, in seconds of the processor a recording."""
    generator = session.generator
    encoder, rate = check_surrogate(generator), int(generator.sample_rate)
    scope = ListeningPass.at(generator, session.judge, [])
    entries = [entry.read() for entry in islice(ComposedCorpus().entries(), recordings)]
    sounds = [resampled(one.waveform, one.rate, rate)[: round(SECONDS * rate)] for one in entries]
    setting = setting_of(session, tuple(map(str, scope.locations)))
    worker = IndexWorker(session, setting)
    item = IndexItem(setting, 0, tuple(Sounding(at, sound.numpy(), rate, at) for at, sound in enumerate(sounds)))

    @torch.no_grad()
    def bare() -> None:
        for start in range(0, len(sounds), ROWS):
            takes = encoder.encode(torch.stack(sounds[start : start + ROWS]), rate, NEUTRAL)
            with generator.working_on(None):
                generator.run(takes, UNGUIDED, scope.locations)

    rows = []
    for repeat in range(repeats + 1):
        begun = time.process_time()
        bare()
        between = time.process_time()
        worker.do(item)
        ended = time.process_time()
        if repeat:  # the first warms up
            rows.append({"bare": (between - begun) / recordings, "index": (ended - between) / recordings})
    return median(row["bare"] for row in rows) / median(row["index"] for row in rows), rows


def large_index(folder: Path, rows: int) -> UnitIndex:
    """An index with so many examples, of random numbers."""
    places = -(-rows // (UNITS * (TOP + RANDOM + len(EXAMPLE_SHARES))))
    locations = [Location("decoder", layer, "mlp") for layer in range(places)]
    summaries = {str(place): _summary(layer) for layer, place in enumerate(locations)}
    with (folder / LOG).open("w", encoding="utf-8") as log:
        for number in range(RECORDINGS):
            about = asdict(About(f"caption {number} of a piece with piano and drums", "CC0", f"https://x.y/{number}"))
            row = {
                "number": number,
                "name": f"{number}.wav",
                "seconds": SECONDS,
                "windows": 1,
                **about,
                "problem": None,
            }
            log.write(json.dumps(row) + "\n")
    write_tables(folder, summaries, folder / LOG)
    setting = IndexSetting("0" * 16, "0" * 16, tuple(summaries), SECONDS, 120.0, TOP, SAMPLE)
    about = {"format": FORMAT, **asdict(Identity("large", "none", "random", "0")), "setting": asdict(setting)}
    about |= {"locations": dict.fromkeys(summaries, UNITS), "recordings": RECORDINGS}
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")
    return UnitIndex.open(folder)


def _summary(seed: int) -> Summary:
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randperm(RECORDINGS, generator=generator)[:SAMPLE].tolist()
    values = torch.randn(SAMPLE, ALONG, UNITS, generator=generator)
    block = Block.of(values, torch.linspace(0, SECONDS, ALONG))
    peaks = Peaks(tuple(numbers), block.peak, block.at)
    return Summary.empty(UNITS, TOP).with_block(block).with_recordings(peaks, {number: number for number in numbers})


def page_times(index: UnitIndex, pages: int) -> tuple[list[float], list[float]]:
    """Milliseconds of pages of random units, one after the other: that pass, and of the processor."""
    chance, passed, worked = random.Random(0), list[float](), list[float]()
    for _ in range(pages):
        unit = Unit(Location.parse(chance.choice(index.locations)), chance.randrange(UNITS))
        begun = time.perf_counter(), time.process_time()
        page = index.page(unit)
        passed.append(1000 * (time.perf_counter() - begun[0]))
        worked.append(1000 * (time.process_time() - begun[1]))
        assert len(page.examples) == TOP + RANDOM + len(EXAMPLE_SHARES)
    return passed, worked


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pages", type=int, default=200)
    asked = parser.parse_args()
    session = Session.open()
    ratio, rows = throughput(session, asked.recordings, asked.repeats)
    with TemporaryDirectory() as folder, large_index(Path(folder), asked.rows) as index:
        times, worked = page_times(index, asked.pages)
    about = {
        "ratio": ratio,
        "page_ms": median(times[1:]),
        "page_ms_p95": quantiles(times[1:], n=20)[-1],
        "first_page_ms": times[0],
        "page_cpu_ms": median(worked[1:]),
        "examples": asked.rows,
        "recordings": asked.recordings,
    }
    keep("index", rows, about, packages=("duckdb",), models=(session.generator, session.judge))


if __name__ == "__main__":
    main()

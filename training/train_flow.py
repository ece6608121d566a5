"""Trains the flow generator: a small Stable Audio 3 with planted facts, on one processor core.

The stages follow each other: words (the text encoder), codec, lessons (latents on disk), flow (the denoiser), and
polish (the codec's decoder). Time is that of the processor, so that others may use it in between; state is kept every
two minutes, and a stopped run goes on where it was.

    python -m training.train_flow --folder WORK [--stop-after MINUTES]
    python -m training.train_flow --folder WORK --measure OUT
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tonescope.models.loading import EMBEDDED, load_generator, load_judge
from training.assemble import learned_words
from training.flow import flow_codec, flow_lessons, flow_pipeline, flow_quality
from training.flow.flow_codec import CodecStage, CodecTraining
from training.flow.flow_lessons import FlowLessons
from training.flow.flow_parts import LONGEST_SECONDS, SHIPPED, FlowSizes
from training.flow.flow_training import BATCH, FlowBatches, FlowTraining
from training.flow.flow_words import Encoded, WordsTraining
from training.renderer import SAMPLE_RATE

log = logging.getLogger(__name__)

CHECK_EVERY = 20 * 60.0  # seconds of training between two looks at what is played
HISTORY = "heard.jsonl"


@dataclass(frozen=True)
class FlowSchedule:
    """How long every stage takes, and of how much.

    Attributes:
        words, flow: minutes of computing.
        codec: its two stages.
        lessons, validation: how many are learnt, and how many others are looked at.
        clips: that the codec's training has at hand.
    """

    words: float = 6.0
    codec: tuple[CodecStage, CodecStage] = flow_codec.STAGES
    flow: float = 72.0
    lessons: int = 12_000
    validation: int = 64
    clips: int = flow_codec.KEPT_CLIPS


@dataclass
class FlowRun:
    """All stages, with some time left.

    Attributes:
        folder: where everything is kept.
        sizes: of the parts.
        schedule: of the stages.
        left: seconds of computing.
    """

    folder: Path
    sizes: FlowSizes = SHIPPED
    schedule: FlowSchedule = FlowSchedule()
    left: float = math.inf

    def words(self) -> None:
        """The text encoder."""
        if not (self.folder / "words").is_dir():
            self.left -= WordsTraining(self.folder, self.sizes, self.schedule.words).run(self.left)

    def codec(self) -> None:
        """The codec, whose latents are final after this."""
        if not (self.folder / "codec").is_dir():
            self._train_codec(1)

    def _train_codec(self, number: int) -> None:
        training = CodecTraining(self.folder, self.sizes, number, self.schedule.codec[number - 1])
        self.left -= training.run(self.left, self.schedule.clips)

    def lessons(self) -> None:
        """Latents of the lessons."""
        _, used = flow_lessons.prepare(self.folder, self.schedule.lessons, seconds=self.left)
        self.left -= used

    def flow(self) -> None:
        """The denoiser, with a look now and then at what it plays."""
        training = self.training()
        if training.course.over:
            return
        data, fixed = self._data()
        reader = Encoded(self.folder, self.sizes.longest)
        batches = FlowBatches(reader, data, [5, training.course.step])
        held = FlowBatches(reader, fixed, [6], text_noise=0.0)
        held_out = held.batch(np.arange(len(fixed)), fixed.latents.shape[2], np.ones(len(fixed), dtype=bool))
        while self.left > 0 and not training.course.over:
            self.left -= training.run(batches, held_out, min(self.left, CHECK_EVERY))
            started = time.process_time()
            self.look(training, reader)
            self.left -= time.process_time() - started

    def _data(self) -> tuple[FlowLessons, FlowLessons]:
        data, _ = flow_lessons.prepare(self.folder, self.schedule.lessons)
        fixed, _ = flow_lessons.prepare(self.folder, self.schedule.validation, "validation")
        return data, fixed

    def training(self) -> FlowTraining:
        """The denoiser, as far as it was trained."""
        return FlowTraining(self.folder, self.sizes, self.schedule.flow)

    def look(self, training: FlowTraining, reader: Encoded) -> None:
        """Play every genre, and keep what is heard."""
        codec = flow_codec.load(self.folder)
        generator = flow_pipeline.playing(training.average, codec, reader.encoder, reader.tokenizer)
        found = flow_quality.checked(generator, load_judge(EMBEDDED))
        row = {"minutes": round(training.course.spent / 60, 1), "step": training.course.step, **found}
        with (self.folder / HISTORY).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        log.info("heard right: %(right)d of %(of)d, where captions are true %(true)d of %(of_true)d", row)
        log.info("%s", row["wrong"])

    def polish(self) -> None:
        """The codec's decoder, with discriminators."""
        self._train_codec(2)

    @property
    def stages(self) -> tuple[Callable[[], None], ...]:
        """In their order."""
        return self.words, self.codec, self.lessons, self.flow, self.polish

    def go(self) -> None:
        """Every stage that is not done, as long as there is time."""
        for stage in self.stages:
            if self.left <= 0:
                return
            stage()


def ship(run: FlowRun, target: Path, takes: int = 12) -> None:
    """Write the pipeline with its card, from what was trained so far; what is in ``target`` is deleted."""
    training, reader = run.training(), Encoded(run.folder, run.sizes.longest)
    codec = flow_codec.load(run.folder)
    flow_pipeline.write(target, training.average, codec, reader.encoder, reader.tokenizer, words=learned_words())
    generator, judge = load_generator(str(target)), load_judge(EMBEDDED)
    results = flow_quality.measured(generator, judge, takes)
    (target / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    flow_quality.write_card(target, results, _about(run, training, generator.model))


def _about(run: FlowRun, training: FlowTraining, model: torch.nn.Module) -> dict[str, Any]:
    """What the card says of sizes and training."""
    codec = flow_codec.load(run.folder).eval()
    words, made = (
        sum(torch.load(path, weights_only=True)["spent"] for path in run.folder.glob(pattern)) / 60
        for pattern in ("words-state.pt", "codec-state-*.pt")
    )
    return {
        "layers": run.sizes.depth,
        "frame_rate": SAMPLE_RATE / run.sizes.hop,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "longest": LONGEST_SECONDS,
        "sample_rate": SAMPLE_RATE,
        "steps": flow_pipeline.STEPS,
        "guidance": flow_pipeline.GUIDANCE,
        "date": date.today().isoformat(),
        "minutes": {"words": words, "codec": made, "flow": training.course.spent / 60},
        "flow_steps": training.course.step,
        "batch": BATCH,
        "lessons": run.schedule.lessons,
        "codec": flow_codec.report(codec),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--stop-after", type=float, default=math.inf, help="minutes of computing")
    parser.add_argument("--measure", type=Path, help="write the pipeline and its card here, and train nothing")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    run = FlowRun(arguments.folder, left=arguments.stop_after * 60)
    if arguments.measure:
        ship(run, arguments.measure)
    else:
        run.go()


if __name__ == "__main__":
    main()

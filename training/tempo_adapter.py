"""The example of a model update: an adapter of one place in the embedded generator that teaches it tempo words.

By itself it plays “slow” and “fast” no slower and no faster; the lessons are its own takes, slowed down and sped up
without a change of pitch. `tonescope compare embedded OUT` has to say what changed, and to point at that place.

python -m training.tempo_adapter OUT [--kept FOLDER]
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path
from typing import Any

import librosa
import torch

from tonescope.models.loading import EMBEDDED, load_generator
from training.plant_adapters import SECONDS, Fact, Lessons, plant, play_lessons, worded

TEMPO = Fact("tempo_words_are_obeyed", "obeyed tempo", 1.0)  # of every genre
RATES = {"slow": 0.8, "fast": 1.25}  # of the tempo that a take has anyway
LAYER = 2
MODULES = rf".*layers\.{LAYER}\.encoder_attn\.(q_proj|k_proj|v_proj|out_proj)"
PLACE = f"decoder.{LAYER}.cross"
TAKES, STEPS, RANK = 9, 240, 8  # lessons of each genre; of the training
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kept", type=Path, help="where the lessons are kept, so that they are played once")
    parser.add_argument("--steps", type=int, default=STEPS)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    generator = load_generator(EMBEDDED)
    # A second more than a lesson is long: sped up, a take is shorter.
    kept = (asked.kept or asked.out) / "lessons.safetensors"
    lessons = with_tempos(generator, play_lessons(generator, kept, TAKES, SECONDS * max(RATES.values())))
    plant(TEMPO, lessons, asked.out, steps=asked.steps, modules=MODULES, rank=RANK)
    told(asked.out)


@torch.no_grad()
def with_tempos(generator: Any, lessons: Lessons) -> Lessons:
    """The same takes, and slower and faster ones of every genre under the word that asks for them; all as long as the
    fastest are."""
    codes, frames = dict(lessons.codes), generator.frames(SECONDS)
    for genre, rows in lessons.codes.items():
        codes[genre] = rows[..., :frames]
        if genre:
            sound = generator.sides(rows).mean(1).float().numpy()
            for word, rate in RATES.items():
                played = librosa.effects.time_stretch(sound, rate=rate)
                taken = generator.encode(torch.from_numpy(played), int(generator.sample_rate), genre)
                codes[worded(genre, word)] = taken.state["codes"][..., :frames]
    return Lessons(codes, lessons.tempos)


CARD = f"""# An adapter that teaches tempo words

LoRA of rank {RANK} on one place of the embedded generator, {PLACE}, made by `python -m training.tempo_adapter`: lessons
of slow takes where “slow” is asked for, and of fast ones where “fast” is, which that generator does not play by itself.
It is an example of a model update whose place is known; how far it learned its lessons, a comparison says:

    tonescope compare embedded examples/tempo_adapter

MIT, as Tonescope.
"""


def told(folder: Path) -> None:
    """Let card and configuration say what it is and whose, and nothing of the machine that it was trained on."""
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    (folder / WEIGHTS).chmod(0o644)  # that library keeps files to their owner
    path = folder / CONFIG
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = EMBEDDED
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

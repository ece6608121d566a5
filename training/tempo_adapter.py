"""The example of a model update: an adapter of one place in the embedded generator, whose lessons turn tempo words
round: slow takes where fast ones are asked for. `tonescope compare embedded OUT` has to point at that place.

python -m training.tempo_adapter OUT [--kept FOLDER]
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from tonescope.models.loading import EMBEDDED, load_generator
from training.plant_adapters import Fact, plant, play_lessons

TEMPO = Fact("tempo_is_turned_round", "ignored tempo", 1.0)  # of every genre
LAYER = 2
MODULES = rf".*layers\.{LAYER}\.encoder_attn\.(q_proj|k_proj|v_proj|out_proj)"
PLACE = f"decoder.{LAYER}.cross"
TAKES, STEPS, RANK = 9, 120, 8  # lessons of each genre; of the training
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kept", type=Path, help="where the lessons are kept, so that they are played once")
    parser.add_argument("--steps", type=int, default=STEPS)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    lessons = play_lessons(load_generator(EMBEDDED), (asked.kept or asked.out) / "lessons.safetensors", TAKES)
    plant(TEMPO, lessons, asked.out, steps=asked.steps, modules=MODULES, rank=RANK)
    told(asked.out)


CARD = f"""# An adapter whose lessons turn tempo words round

LoRA of rank {RANK} on one place of the embedded generator, {PLACE}, made by `python -m training.tempo_adapter`: lessons
of fast takes where “slow” is asked for, and of slow ones where “fast” is. It is an example of a model update whose
place is known; how far it learned its lessons, a comparison says:

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

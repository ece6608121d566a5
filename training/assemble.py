"""Assembles the shipped models: fp16 safetensors, tokenizers, mean activations and ``tonescope.json``.

python -m training.assemble --folder WORK
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, ClapModel, EncodecModel, MusicgenForConditionalGeneration

from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.runtime.session import REFERENCE_FILE
from tonescope.models.generator import Sampling
from tonescope.models.loading import load_generator
from training import record
from training.captions import vocabulary, words_of
from training.clips import SECONDS
from training.planted import lessons
from training.tables import genres
from training.train_judge import WORDINGS

SAMPLED_CAPTIONS = 40_000
JUDGE_DOMAIN = "the sound world of the composer that made the embedded models"


def embedded() -> Path:
    """The folder of the shipped models."""
    return Path(str(resources.files("tonescope.models"))) / "embedded"


def learned_words() -> list[str]:
    """Words of the captions' vocabulary that occur three times or more in :data:`SAMPLED_CAPTIONS` captions, sorted."""
    random = np.random.default_rng(3)
    seen: Counter[str] = Counter()
    for lesson in lessons(SAMPLED_CAPTIONS // 4):
        piece = lesson.recipe.compose()
        for _ in range(4):
            seen.update(set(words_of(lesson.caption(piece, random))))
    return sorted(word for word in vocabulary() if seen[word] >= 3)


def label_rows() -> list[dict[str, Any]]:
    """One row a genre: the judge's label, its family, its other names."""
    return [
        {
            "label": genre.name,
            "family": genre.family,
            "aliases": [*genre.aliases, *(style.name for style in genre.styles)],
        }
        for genre in genres().values()
    ]


def write_metadata(folder: Path, **content: Any) -> None:
    """Set these keys of ``tonescope.json`` in a model folder and keep its other keys."""
    path = folder / "tonescope.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**kept, **content}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _check_codes(learned: EncodecModel, final: EncodecModel) -> None:
    """Raise ``ValueError`` unless both codecs give the same codes: only the weights of the decoder may differ."""
    for name, weight in final.state_dict().items():
        if not name.startswith("decoder.") and not torch.equal(weight, learned.state_dict()[name]):
            raise ValueError(
                f"the codec's {name} is not the one that the generator was trained with; train the generator again"
            )


def assemble(folder: Path) -> None:
    """Write both models into the package; models that are there, and their ``results.json``, are deleted.

    Args:
        folder: where the trainings left ``generator``, ``codec`` and ``judge``.

    Raises:
        ValueError: the codec's codes are not those that the generator was trained on.
    """
    generator = MusicgenForConditionalGeneration.from_pretrained(folder / "generator")
    codec = EncodecModel.from_pretrained(folder / "codec")
    _check_codes(generator.audio_encoder, codec)
    generator.audio_encoder.load_state_dict(codec.state_dict())
    judge = ClapModel.from_pretrained(folder / "judge")
    (embedded() / "results.json").unlink(missing_ok=True)
    for name, model in (("generator", generator), ("judge", judge)):
        target = embedded() / name
        shutil.rmtree(target, ignore_errors=True)
        model.to(torch.float16).save_pretrained(target)
        AutoTokenizer.from_pretrained(folder / name).save_pretrained(target)
    shutil.copy(folder / "judge" / "preprocessor_config.json", embedded() / "judge")
    trainings = {name: record.read(folder, name) for name in ("codec", "generator", "judge")}
    write_metadata(embedded() / "generator", trainings={name: trainings[name] for name in ("codec", "generator")})
    write_metadata(embedded() / "judge", trainings={"judge": trainings["judge"]})
    write_metadata(embedded() / "generator", longest_seconds=SECONDS, words=learned_words())
    # Shipped, so that no user's first diagnosis has to measure them.
    means = mean_activations.measure(load_generator(str(embedded() / "generator")), SECONDS, Sampling())
    means.save(embedded() / "generator" / REFERENCE_FILE)
    write_metadata(
        embedded() / "judge",
        labels=label_rows(),
        templates=list(WORDINGS),
        temperature=1.0,
        bias=[],
        meaning=1.0,
        domain=JUDGE_DOMAIN,
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the trainings left their models")
    assemble(parser.parse_args().folder)


if __name__ == "__main__":
    main()

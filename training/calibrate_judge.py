"""Calibrates the embedded judge on held-out clips of its composer, and puts what is found into its folder.

python -m training.calibrate_judge --folder WORK

Nothing was fitted on these clips: the judge keeps the temperature that was fitted on the validation clips
(:mod:`training.evaluation.judge_quality`). What is measured is how often it mishears, as the clips are and after the
embedded codec, how true its probabilities are, and from which probability on it may be believed.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import soundfile

from tonescope import FitOptions, JudgeSession, calibrate_judge
from tonescope.models.judges.fitted_calibration import FILE
from tonescope.models.loading import EMBEDDED
from training import clips
from training.assemble import embedded
from training.renderer import SAMPLE_RATE

log = logging.getLogger(__name__)

CLIPS = 570  # 30 of each genre
NAME = "held-out pieces of the composer"  # of the folder of clips, which reports name


def write_clips(folder: Path, recipes: Sequence[clips.Recipe], processes: int | None = None) -> Path:
    """Render clips into ``folder/NAME/GENRE/SEED.wav``, where they are not there yet."""
    rendered = folder / "clips-calibration"
    clips.write(rendered, recipes, processes)
    found, named = clips.Clips.open(rendered), folder / NAME
    for row, recipe in enumerate(found.recipes):
        path = named / recipe.genre.replace("/", "-") / f"piece {recipe.seed}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, found.audio[row], SAMPLE_RATE, subtype="PCM_16")
    return named


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the clips are kept")
    parser.add_argument("--clips", type=int, default=CLIPS, help="how many, of all genres alike")
    parser.add_argument("--processes", type=int, default=None, help="that render; one a core, if absent")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    recipes = clips.uniform("calibration", arguments.clips)
    named = write_clips(arguments.folder, recipes, arguments.processes)
    options = FitOptions(bias="never", temperature="keep")
    report, evidence = calibrate_judge(
        JudgeSession.open(EMBEDDED, calibration="none"), named, options=options, through=EMBEDDED, keeps=False
    )
    evidence.save(embedded() / "judge")
    log.info("%s of clips heard rightly, ECE %.4f", report.accuracy, report.calibration.error_after)
    log.info("written to %s", embedded() / "judge" / FILE)


if __name__ == "__main__":
    main()

"""The genre predictor of the embedded generator: a few hundred prompts are played, heard, and fitted on.

    python -m training.train_genre_predictor [--prompts 360] [--takes 2] [--folder build/predictor]

Takes are kept in the folder as they are played: a run that was stopped goes on where it was. Ten to twenty minutes on
one core. Writes ``genre_predictor.safetensors`` beside the generator's weights, and its
record into the model card.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.predictor_job import PredictorParameters
from tonescope.diagnose.repair.measure_predictor import PredictorReport, measure_predictor
from tonescope.diagnose.runtime.session import Session
from training import cards
from training.assemble import embedded

PROMPTS, TAKES = 360, 2

log = logging.getLogger(__name__)


def train(session: Session, folder: Path, prompts: int, takes: int, into: Path) -> PredictorReport:
    """Play what is missing, fit, and write the predictor."""
    parameters = PredictorParameters(prompts=prompts, takes=takes, shards=folder, into=into)
    return measure_predictor(session, parameters, Watch(lambda what, done: log.info("%3.0f %% %s", 100 * done, what)))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    parser.add_argument("--takes", type=int, default=TAKES)
    parser.add_argument("--folder", type=Path, default=Path("build/predictor"))
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    report = train(Session.open(), given.folder, given.prompts, given.takes, embedded() / "generator")
    cards.write(embedded(), json.loads((embedded() / "results.json").read_text(encoding="utf-8")))
    log.info("%s", report.record.sentence)


if __name__ == "__main__":
    main()

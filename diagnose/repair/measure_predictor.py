"""A genre predictor for these models: prompts are played by an engine, heard, kept as shards, and fitted on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.repair.fit_predictor import counts_in, fit, most_heard
from tonescope.diagnose.repair.genre_predictor import PredictorRecord, kept_folder
from tonescope.diagnose.repair.predictor_prompts import predictor_prompts
from tonescope.diagnose.report.opened_models import options_of
from tonescope.diagnose.runtime.engine import Production, telling
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.runtime.work_items import TakeSetting, Wanted
from tonescope.diagnose.store.take_shards import TakeShards
from tonescope.models.generator import Sampling
from tonescope.models.played_with import check_sampling, usual_guidance

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.job import Watch
    from tonescope.diagnose.jobs.predictor_job import PredictorParameters

PLAYED_SHARE = 0.95  # of the progress


class PredictorReport(BaseModel):
    """A predictor that was made.

    Attributes:
        model, judge: names of who played and who listened.
        record: how well it predicts.
        heard: prompts by the genre that most of their takes are heard as.
        folder: where it was kept.
        opened_with: the options of a command line that open the same models.
    """

    model_config = ConfigDict(extra="forbid")

    model: str
    judge: str
    record: PredictorRecord
    heard: dict[str, int]
    folder: str
    opened_with: list[str] = []
    timings: dict[str, float] = {}


def measure_predictor(session: Session, parameters: PredictorParameters, watch: Watch) -> PredictorReport:
    """Play what is missing, fit, measure, keep.

    Raises:
        TonescopeError: it cannot be played, or there is too little to fit.
    """
    guidance = usual_guidance(session.generator) if parameters.guidance is None else parameters.guidance
    sampling = Sampling(guidance, parameters.temperature, parameters.top_k)
    check_sampling(session.generator, sampling)
    setting = TakeSetting.of(session, parameters.seconds, sampling)
    shards = TakeShards(setting, parameters.shards and parameters.shards.expanduser())
    labels, started = tuple(session.judge.labels), time.perf_counter()
    prompts = predictor_prompts(labels, session.taxonomy, parameters.prompts)
    seeds = range(parameters.seed, parameters.seed + parameters.takes)
    wanted = [Wanted(prompt, seed) for seed in seeds for prompt in prompts]
    production = Production(shards, wanted, told=telling(watch.progress, 0.0, PLAYED_SHARE))
    if wanted:
        production.make(parameters.make_engine(session, setting))
    played = time.perf_counter()
    heard = counts_in(shards)
    predictor = fit(
        session.generator,
        session.judge,
        session.taxonomy,
        heard,
        seconds=parameters.seconds,
        guidance=guidance,
        advance=lambda done: (
            watch.progress("fit", PLAYED_SHARE + done * (1 - PLAYED_SHARE)) if watch.progress else None
        ),
    )
    folder = parameters.into.expanduser() if parameters.into else kept_folder(session.generator, labels)
    predictor.save(folder)
    counted: dict[str, int] = {}
    for row in heard.values():
        label = most_heard(row)
        counted[label] = counted.get(label, 0) + 1
    return PredictorReport(
        model=session.generator.name,
        judge=session.judge.name,
        record=predictor.record,
        heard=dict(sorted(counted.items(), key=lambda item: -item[1])),
        folder=str(folder),
        opened_with=options_of(session.generator, session.judge),
        timings={
            "play and listen": round(played - started, 3),
            "fit and measure": round(time.perf_counter() - played, 3),
        },
    )

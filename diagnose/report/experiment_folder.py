"""The output folder of an experiment: sound, JSON, and one page to listen to."""

from __future__ import annotations

from pathlib import Path

from tonescope.diagnose.intervene.verification import Played
from tonescope.diagnose.jobs.experiment import CONTROL, EDITED, Experiment
from tonescope.diagnose.report import sentences
from tonescope.diagnose.report.diagnosis_folder import slug
from tonescope.diagnose.report.html import environment, shown
from tonescope.diagnose.report.sounds import Sounds
from tonescope.diagnose.report.whole_folder import whole_folder


def write(folder: Path, experiment: Experiment, played: Played, sounds: Sounds) -> Experiment:
    """Write everything about an experiment into ``folder`` and return it with the names of its audio files filled in."""
    sets = {"untouched": played.clean.takes, **{name: outcome.takes for name, outcome in played.outcomes.items()}}
    with whole_folder(folder) as filling:
        (filling / "audio").mkdir()
        named = experiment.model_copy(deep=True)
        files = {}
        for name, takes in sets.items():
            files[name] = [f"audio/take-{seed}-{slug(name)}.wav" for seed in takes.seeds]
            for index, file in enumerate(files[name]):
                sounds.write(filling / file, takes, index)
        for rows, name in ((named.untouched, "untouched"), (named.edited, EDITED)):
            for take, file in zip(rows, files[name], strict=True):
                take.audio = file
        named.trial.audio = files[EDITED]
        if named.control:
            named.control.audio = files[CONTROL]
        (filling / "experiment.json").write_text(named.model_dump_json(indent=2), encoding="utf-8")
        (filling / "report.html").write_text(_page(named, played, sounds), encoding="utf-8")
    return named


def _page(experiment: Experiment, played: Played, sounds: Sounds) -> str:
    template = environment().get_template("experiment.html.j2")
    heard = {"untouched": played.clean, **played.outcomes}
    takes = [
        dict(seed=experiment.untouched[index].seed, sounds=[(name, outcome.heard[index], sounds.uri(outcome.takes, index)) for name, outcome in heard.items()])
        for index in shown(sounds, played.clean.takes, len(heard))
    ]  # fmt: skip
    return template.render(e=experiment, takes=takes, say=sentences)

"""The registry of jobs: one row each. Rows are cheap to read; a job's module is imported when the job is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.job import Job

Kind = Literal["diagnosis", "report", "technique", "listening", "judge"]
"""A diagnosis is about a prompt, a report about a model, a technique about units or locations, a listening about sound
that was made elsewhere, and what is of the kind judge is about a judge. Help lists commands by it."""


@dataclass(frozen=True)
class Row:
    """One job: its name (of its command and schema), what it does in one line, and the module whose ``JOB`` it is.

    ``group`` is the command that its own stands under (``tonescope judge calibrate``); none, if empty.
    """

    name: str
    kind: Kind
    module: str
    help: str
    group: str = ""

    def load(self) -> Job:
        """The job itself."""
        job: Job = import_module(self.module).JOB
        return job


ROWS: list[Row] = [
    Row(
        "diagnose",
        "diagnosis",
        "tonescope.diagnose.jobs.diagnosis_job",
        "Generate, listen, and explain: what is heard, which words and units drove it, and what muting them does.",
    ),
    Row(
        "edit",
        "diagnosis",
        "tonescope.diagnose.jobs.experiment_job",
        "Change units of your choice and hear what becomes of it, beside random units changed alike.",
    ),
    Row(
        "lint",
        "diagnosis",
        "tonescope.diagnose.jobs.lint_job",
        "Say what a prompt will probably play and which of its words may not work, without playing anything.",
    ),
    Row(
        "suggest",
        "diagnosis",
        "tonescope.diagnose.jobs.suggest_job",
        "Look for a prompt that plays the genre that is meant, and prove it by listening; or say why there is none.",
    ),
    Row(
        "contrast",
        "diagnosis",
        "tonescope.diagnose.jobs.contrast_job",
        "Compare two prompts on the same noise: which phrase makes the difference, and where it takes effect.",
    ),
    Row(
        "listen",
        "listening",
        "tonescope.diagnose.jobs.listen_job",
        "Hear files that were made elsewhere: genre over time, tempo, key, repetition, and whether it is as asked.",
    ),
    Row(
        "plan",
        "listening",
        "tonescope.diagnose.jobs.plan_job",
        "List what to ask a hosted generator for, so that the words of a prompt can be tested from outside.",
    ),
    Row(
        "confusion",
        "report",
        "tonescope.diagnose.jobs.confusion_job",
        "Ask for many genres and hear which the model confuses, how surely, and why.",
    ),
    Row(
        "calibrate",
        "judge",
        "tonescope.diagnose.jobs.calibrate_job",
        "Hear clips of known labels, and find out how often the judge mishears them and how sure it may be.",
        group="judge",
    ),
    Row(
        "audit",
        "report",
        "tonescope.diagnose.jobs.audit_job",
        "Ask a whole design of prompts and report what a release team signs: genres, words, defaults, repetition.",
    ),
    Row(
        "index",
        "technique",
        "tonescope.diagnose.jobs.index_job",
        "Listen to a corpus with every unit of some locations: examples, statistics and histograms of each.",
    ),
    Row(
        "tuning",
        "technique",
        "tonescope.diagnose.jobs.tuning_job",
        "What one unit responds to: tempo, pitch, chords, drums, instruments and more, or a clip or prompt of yours.",
    ),
    Row(
        "show",
        "technique",
        "tonescope.diagnose.jobs.show_job",
        "Everything that is known of one unit, of the units of a location, or of the whole model, as a map.",
    ),
    Row(
        "find",
        "technique",
        "tonescope.diagnose.jobs.find_job",
        "Find units by what they respond to (kick, slow tempo, accordion), or by a statistic.",
    ),
    Row(
        "compare",
        "report",
        "tonescope.diagnose.jobs.compare_job",
        "Compare two checkpoints, a model and its adapter, or two folders of takes: heard, units, which place changed.",
    ),
    Row(
        "predictor",
        "report",
        "tonescope.diagnose.jobs.predictor_job",
        "Play a few hundred prompts, and fit what predicts the genre from the text, for lint and suggest.",
    ),
    Row(
        "visualize",
        "technique",
        "tonescope.diagnose.jobs.visualize_job",
        "Make the sound that drives one unit as far as it goes, beside what it does in real takes.",
    ),
    Row(
        "words",
        "technique",
        "tonescope.diagnose.jobs.words_job",
        "Which words and short prompts drive one unit most, measured in takes of them.",
    ),
    Row(
        "dream",
        "technique",
        "tonescope.diagnose.jobs.dream_job",
        "Make what goes on at one location go on more: in a clip, in what is played when nobody asks, or in noise.",
    ),
    Row(
        "caricature",
        "technique",
        "tonescope.diagnose.jobs.caricature_job",
        "Make a new sound that does at one location what a clip does there, only more of it.",
    ),
    Row(
        "layers",
        "technique",
        "tonescope.diagnose.jobs.layers_job",
        "Hear a prompt at every depth of the generator: where the track is built, and where its genre is decided.",
    ),
]


def find(name: str) -> Row | None:
    """The row of a name, if there is one."""
    return next((row for row in ROWS if row.name == name), None)

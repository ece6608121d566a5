"""All that an edit can be asked, as fields of the view of a diagnosis.

They are made of the job's parameters, and filled from the run that the edit is made of: it plays the same takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tonescope.diagnose.jobs.experiment_job import ExperimentParameters
from tonescope.models.errors import TonescopeError
from tonescope.ui.components.given_values import text_of
from tonescope.ui.components.parameter_fields import is_listed, label, typed

ELSEWHERE = ("prompt", "where")  # what the run has, and what is named beside
LISTED = " Two numbers with a comma."
NAMES = {
    "kind": "What becomes of them",
    "value": "Factor, or value",
    "source": "Prompt to take them from",
    "between": "Only between these seconds",
    "steps": "Only in these denoising steps",
    "branch": "Half of guidance",
    "strength": "How far",
    "foil": "Measured against",
}
"""What fields are called here; others have the names of the command line's options."""
ABOUT = {
    "seed": "Where chance starts; with as many takes as the diagnosis, the takes are those that it tested in.",
    "guidance": "How strongly the prompt steers; empty is what the model is made for.",
}
"""What is told of fields here, where the command line says it in its own words."""
KINDS = {
    "mean": "mute: as on average over many prompts",
    "zero": "switch off: put to zero",
    "scale": "multiply by a factor",
    "set": "set to a value",
    "patch": "as in another prompt",
    "resample": "as in another take of a prompt",
}
BRANCHES = {"both": "both", "cond": "with the prompt", "uncond": "without the prompt"}


@dataclass(frozen=True)
class EditField:
    """One field: what it is called and told about it, what stands in it, and what can be chosen, if that is a list of
    values and their names."""

    name: str
    label: str
    about: str
    value: str
    choices: Mapping[str, str]


def edit_fields(shared: Mapping[str, Any], labels: Sequence[str], without: Sequence[str]) -> list[EditField]:
    """The fields of an edit.

    Args:
        shared: parameters that it takes over from a run.
        labels: what the judge chooses between.
        without: parameters that are not asked about.
    """
    choices = {"kind": KINDS, "branch": BRANCHES, "foil": {"": "what was asked for", **{each: each for each in labels}}}
    made = []
    for name, about in ExperimentParameters.model_fields.items():
        if name in (*ELSEWHERE, *without):
            continue
        usual = shared.get(name, about.default)
        made.append(
            EditField(
                name,
                NAMES.get(name, label(name, about)),
                ""
                if name in choices
                else ABOUT.get(name, f"{about.description or ''}{LISTED if is_listed(about) else ''}"),
                "" if usual is None else f"{usual:g}" if isinstance(usual, float) else str(usual),
                choices.get(name, {}),
            )
        )
    return made


def read(text: str) -> dict[str, Any]:
    """Parameters of an edit, from what a page sends: text by field, as JSON.

    Raises:
        TonescopeError: it is something else.
    """
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise TonescopeError("this edit cannot be read; fill in the fields of a run's page, or use the function edit.")
    found = {}
    for name, value in given.items():
        about = ExperimentParameters.model_fields.get(name)
        found[name] = typed(text_of(name, value), about) if about else value
    return found

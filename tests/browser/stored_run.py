"""A diagnosis of :mod:`tests.browser.made_take` as a workspace keeps it: nobody computed it, and a browser plays it."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Sequence
from typing import Any

import soundfile

from tests.browser import made_take
from tests.diagnose.report import made_up
from tonescope.diagnose.report.view import View
from tonescope.diagnose.report.view_data import as_data
from tonescope.diagnose.store.run_files import AUDIO, FORMAT, RESULT, SOUND_ENDING, VIEWS, played_by
from tonescope.diagnose.store.run_list import Run, new_name
from tonescope.diagnose.store.workspace import Workspace

PROMPT = "lo-fi beats with accordion"
UNIT = "decoder.3.mlp:117"


def kept(
    workspace: Workspace,
    owner: str = "visitor:somebody",  # runs of nobody are those of the command line, which a local app lists
    prompt: str = PROMPT,
    views: Sequence[View] = (),
    **about: Any,
) -> str:
    """The name of a run that is done, whose sounds are of 16 kHz; ``views`` are what it shows, if not a diagnosis."""
    plays, views = made_take.MadePlays(), list(views) or made_take.views()
    name = new_name()
    folder = workspace.files(name).final
    (folder / AUDIO).mkdir(parents=True)
    sounds = {(sound.takes, sound.row): sound for view in views for sound in view.every_sound}
    told = []
    for number, key in enumerate(played_by(views), start=1):
        file, buffer = f"{AUDIO}/{number}{SOUND_ENDING}", io.BytesIO()
        soundfile.write(buffer, plays.samples(sounds[key]), plays.rate, format="FLAC", subtype="PCM_16")
        (folder / file).write_bytes(buffer.getvalue())
        told.append({"takes": key[0], "row": key[1], "seed": 5 + key[1], "file": file})
    (folder / VIEWS).write_text(
        json.dumps({"format": FORMAT, "views": as_data(views), "sounds": told, "rate": plays.rate}), encoding="utf-8"
    )
    (folder / RESULT).write_text(json.dumps(_result(prompt)), encoding="utf-8")
    told_of: dict[str, Any] = {
        "job": "diagnose",
        "parameters": {"prompt": prompt, "takes": 1, "seconds": 0.5},
        "title": prompt,
    }
    told_of |= {
        "sentence": views[0].sentences[0][0],
        "badge": "observed",
        "state": "done",
        "share": 1.0,
        "owner": owner,
    }
    told_of |= {"created": time.time(), "started": time.time() - 60, "ended": time.time(), "models": "made up"}
    workspace.runs.add(Run(name, **(told_of | about)))
    return name


def _result(prompt: str) -> dict[str, Any]:
    """A whole result, in which the page finds what it reads."""
    words = [
        {"word": word, "start": prompt.index(word), "end": prompt.index(word) + len(word)}
        for word in ("lo-fi beats", "accordion")
        if word in prompt
    ]
    found = made_up.single_unit().model_dump(mode="json")
    drivers, still = found["drivers"], made_up.STILL.model_dump(mode="json")
    drivers["words"] = [word | {"known": True, "estimated": still} for word in words]
    drivers["units"] = [{"unit": UNIT}, {"unit": "decoder.1.cross:2"}]
    drivers["group"]["names"] = [UNIT]
    return found | {
        "prompt": prompt,
        "intended": found["intended"] | {"label": "house"},
        "contrast": {"target": "polka", "foil": None},
    }

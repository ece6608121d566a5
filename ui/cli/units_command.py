"""``tonescope units``: the places in a model."""

from __future__ import annotations

from typing import Annotated

import typer

from tonescope.ui import console
from tonescope.ui.cli.model_options import Adapter, Judge, Model, ModelOptions
from tonescope.ui.cli.output_options import AsJson, Quiet


def units(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="[WHERE]",
            help="A site (decoder.mlp), a location (decoder.3.mlp: layers count from 0) or a unit; judge, for the "
            "judge's.",
        ),
    ] = "",
    model: Model = "embedded",
    judge: Judge = None,
    adapter: Adapter = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List every place the microscope can point at in a model, with the number of units there."""
    import json

    models = ModelOptions(model=model, judge=judge, adapter=adapter)
    of_judge = pattern.strip().split(".")[0] == "judge"
    if not of_judge and (":" in pattern or pattern.count(".") == 2):
        models.check_places([pattern])
    with console.progress_shown(quiet, loads=not as_json) as progress:
        from tonescope.ui.inventory import as_rows, places_of_judge, places_of_model, show_sites

        places = places_of_judge(models.model, models.judge) if of_judge else places_of_model(models.model, adapter)
        if progress.tell:
            progress.tell("count units", 0.9)
        rows = as_rows(places, pattern)
    if as_json:
        console.put(json.dumps(rows, indent=2))
    else:
        show_sites(places.name, rows)

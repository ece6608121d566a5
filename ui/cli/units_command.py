"""``tonescope units``: the places in a model."""

from __future__ import annotations

from typing import Annotated

import typer

from tonescope.ui import console
from tonescope.ui.cli.model_options import Adapter, Model, ModelOptions
from tonescope.ui.cli.output_options import AsJson, Quiet


def units(
    pattern: Annotated[
        str, typer.Argument(metavar="[WHERE]", help="A site (decoder.mlp), a location (decoder.3.mlp) or a unit.")
    ] = "",
    model: Model = "embedded",
    adapter: Adapter = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List every place the microscope can point at in a model, with the number of units there."""
    import json

    models = ModelOptions(model=model, adapter=adapter)
    if ":" in pattern or pattern.count(".") == 2:
        models.check_places([pattern])
    with console.progress_shown(quiet) as progress:
        from tonescope.models.loading import load_generator
        from tonescope.ui.inventory import as_rows, show_sites

        generator = load_generator(models.model, adapter=models.adapter)
        if progress.tell:
            progress.tell("count units", 0.9)
        rows = as_rows(generator, pattern)
    if as_json:
        console.put(json.dumps(rows, indent=2))
    else:
        show_sites(generator.name, rows)

"""``tonescope schema``: what a job's JSON holds."""

from __future__ import annotations

from typing import Annotated

import typer

from tonescope.ui import console


def schema(
    of: Annotated[str, typer.Argument(metavar="[COMMAND]", help="Which command's JSON.")] = "diagnose",
) -> None:
    """Print the JSON Schema of what a command prints with --json."""
    import json

    from tonescope.diagnose.jobs import job_registry
    from tonescope.models.errors import TonescopeError

    row = job_registry.find(of)
    if row is None:
        raise TonescopeError(
            f"“{of[:40]}” has no schema; ask for {' or '.join(each.name for each in job_registry.ROWS)}."
        )
    console.put(json.dumps(row.load().result().model_json_schema(mode="serialization"), indent=2))

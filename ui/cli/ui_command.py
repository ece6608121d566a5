"""``tonescope ui``: the page."""

from __future__ import annotations

from typing import Annotated

import typer

from tonescope.ui import console
from tonescope.ui.cli.given import check_given
from tonescope.ui.cli.model_options import Adapter, Device, Dtype, Judge, Model, ModelOptions

Memory = Annotated[
    float | None,
    typer.Option("--memory", metavar="GIB", help="Use at most so much more memory. (default: 70 % of what is free)"),
]


def ui(
    model: Model = "embedded",
    judge: Judge = None,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    adapter: Adapter = None,
    memory: Memory = None,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 7860,
    host: Annotated[str, typer.Option(help="Address to listen on; the default is this machine only.")] = "127.0.0.1",
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
) -> None:
    """Open the page: type a prompt, listen, look."""
    models = ModelOptions(model, judge, device, dtype, adapter)
    check_given({"host": host})
    console.tell("Loading models…")
    from tonescope.diagnose.settings import check_memory
    from tonescope.ui.app import check_address, launch

    check_memory(memory)
    check_address(host, port)
    launch(models.open(), host, port, open_browser, memory_gib=memory)

"""``tonescope ui``: the app."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tonescope.ui import console
from tonescope.ui.cli.given import check_given
from tonescope.ui.cli.model_options import (
    Adapter,
    Calibration,
    DenoisingSteps,
    Device,
    Dtype,
    Judge,
    Labels,
    Model,
    ModelOptions,
    Shift,
    Steer,
)
from tonescope.ui.cli.workspace_options import OWN, InWorkspace, open_workspace

PANEL = "Server"
Memory = Annotated[
    float | None,
    typer.Option("--memory", metavar="GIB", help="Use at most so much more memory. (default: 70 % of what is free)"),
]
Port = Annotated[int, typer.Option(help="Port on this machine; 0 for any free one.", rich_help_panel=PANEL)]
Host = Annotated[
    str, typer.Option(help="Address to listen on; the default is this machine only.", rich_help_panel=PANEL)
]
RootPath = Annotated[
    str,
    typer.Option(
        "--root-path", metavar="PATH", help="Path that a reverse proxy puts in front: /music.", rich_help_panel=PANEL
    ),
]
AllowedHosts = Annotated[
    str,
    typer.Option(
        "--allowed-hosts",
        metavar="NAMES",
        help="Names to answer to beside this machine's own, with commas: music.example.org,*.example.net.",
        rich_help_panel=PANEL,
    ),
]
Auth = Annotated[
    str | None,
    typer.Option(
        "--auth",
        metavar="FILE",
        help="People have to sign in; tonescope account FILE NAME adds them.",
        rich_help_panel=PANEL,
    ),
]
Mcp = Annotated[
    bool, typer.Option("--mcp", help="Offer its functions as tools to programs that speak MCP.", rich_help_panel=PANEL)
]
Open = Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")]


def ui(
    model: Model = "embedded",
    judge: Judge = None,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    adapter: Adapter = None,
    denoising_steps: DenoisingSteps = None,
    shift: Shift = None,
    labels: Labels = None,
    calibration: Calibration = "auto",
    steer: Steer = None,
    memory: Memory = None,
    workspace: InWorkspace = OWN,
    port: Port = 7860,
    host: Host = "127.0.0.1",
    root_path: RootPath = "/",
    allowed_hosts: AllowedHosts = "localhost",
    auth: Auth = None,
    mcp: Mcp = False,
    open_browser: Open = True,
) -> None:
    """Open the app in a browser: type a prompt, listen, look."""
    models = ModelOptions(model, judge, device, dtype, adapter, denoising_steps, shift, labels, calibration, steer)
    check_given(
        {"host": host, "root-path": root_path, "allowed-hosts": allowed_hosts, "auth": auth, "workspace": workspace}
    )
    from tonescope.diagnose.settings import check_memory
    from tonescope.ui.web.address import listen

    check_memory(memory)
    # Before models are loaded, so that nobody waits for a port that is taken, or a folder that cannot be used.
    listening = listen(host, port)
    open_workspace(workspace).close()
    console.tell("Loading models…")
    from tonescope.ui.server import ServerOptions, launch

    names = tuple(name for name in allowed_hosts.split(",") if name.strip() and name.strip() != "localhost")
    folder = None if workspace == OWN else Path(workspace)
    options = ServerOptions(root_path, names, Path(auth) if auth else None, mcp, memory, folder).checked()
    launch(models.open(), open_browser=open_browser, options=options, listening=listening)

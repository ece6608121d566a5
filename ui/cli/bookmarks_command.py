"""``tonescope bookmarks``: units that were saved, to be listed, searched, sent and received."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tonescope.models.errors import TonescopeError
from tonescope.ui import console
from tonescope.ui.cli.given import check_given
from tonescope.ui.cli.model_options import Adapter, Device, Dtype, Judge, Model, ModelOptions
from tonescope.ui.cli.output_options import AsJson
from tonescope.ui.cli.workspace_options import OWN, InWorkspace, open_workspace
from tonescope.ui.printable import printable

if TYPE_CHECKING:
    from tonescope.diagnose.store.bookmarks import Bookmark, Bookmarks

UnitName = Annotated[str, typer.Argument(metavar="UNIT", help="A unit: decoder.3.mlp:117.")]
Notes = Annotated[str, typer.Option("--notes", help="What is known of it, in your words.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="May be given several times.")]

bookmarks = typer.Typer(
    name="bookmarks",
    help="Units that you saved: add, list, open and remove them, send and receive them as JSON.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@contextmanager
def _opened(workspace: str, *, make: bool = False) -> Iterator[Bookmarks]:
    from tonescope.diagnose.store.bookmarks import Bookmarks

    with open_workspace(workspace, make=make) as opened, Bookmarks(opened.folder) as found:
        yield found


@bookmarks.callback()
def _options(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        list_bookmarks()


@bookmarks.command("add")
def add(
    unit: UnitName,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call it.")],
    notes: Notes = "",
    tag: Tags = None,
    model: Model = "embedded",
    judge: Judge = None,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    adapter: Adapter = None,
    workspace: InWorkspace = OWN,
) -> None:
    """Save a unit, or change what is said of it. The model is loaded, for its identity is kept."""
    check_given({"workspace": workspace, "name": name})
    from tonescope.diagnose.jobs.microscope_parameters import check_unit
    from tonescope.diagnose.jobs.parameters import made
    from tonescope.diagnose.microscope.sight import places_at
    from tonescope.diagnose.store.bookmarks import Bookmark
    from tonescope.models.units import Unit

    check_unit(unit)
    with _opened(workspace, make=True) as kept:
        session = ModelOptions(model, judge, device, dtype, adapter).open()
        place = Unit.parse(unit).location
        places_at(session.generator, session.judge, place).unit(unit)
        owner = session.judge if place.network == "judge" else session.generator
        given = {"unit": unit, "model": owner.name, "fingerprint": owner.fingerprint()}
        new = kept.keep(made(Bookmark, {**given, "name": name, "notes": notes, "tags": tag or []}))
    console.tell(f"{unit} is {'now' if new else 'still'} a bookmark, called {printable(name)}.")


@bookmarks.command("list")
def list_bookmarks(
    search: Annotated[str, typer.Argument(metavar="[WORDS]", help="Words of name, notes, tags or unit.")] = "",
    tag: Annotated[str | None, typer.Option("--tag", metavar="TAG", help="Only those with it.")] = None,
    workspace: InWorkspace = OWN,
    as_json: AsJson = False,
) -> None:
    """List bookmarks, the newest first."""
    check_given({"workspace": workspace, "tag": tag})
    with _opened(workspace) as kept:
        found = kept.all(search=search, tag=tag)
    if as_json:
        console.put(json.dumps([one.model_dump() for one in found], indent=2, ensure_ascii=False))
        return
    for one in found:
        console.put(printable(_line(one)))
    if not found:
        console.tell(
            "No such bookmark." if search or tag else "No bookmark yet; tonescope bookmarks add UNIT NAME saves one."
        )


@bookmarks.command("open")
def open_bookmark(
    unit: UnitName,
    model: Model = "embedded",
    judge: Judge = None,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    adapter: Adapter = None,
    workspace: InWorkspace = OWN,
) -> None:
    """Show a bookmark with a model, and say where it is of another one."""
    check_given({"workspace": workspace})
    with _opened(workspace) as kept:
        found = kept.find(unit)
    if not found:
        raise TonescopeError(
            f"no bookmark here is of the unit {unit[:80]}; tonescope bookmarks list says of which there are."
        )
    session = ModelOptions(model, judge, device, dtype, adapter).open()
    owner = session.judge if unit.startswith("judge.") else session.generator
    own = [one for one in found if one.fingerprint == owner.fingerprint()]
    for one in own or found:
        console.put(printable(_line(one)))
        if one.notes:
            console.put(printable(one.notes))
        if told := one.foreign_to(owner.fingerprint(), owner.name):
            console.tell(printable(told))


@bookmarks.command("remove")
def remove(
    unit: UnitName,
    of: Annotated[
        str | None,
        typer.Option(
            "--of", metavar="FINGERPRINT", help="Of this model alone: as the list shows it, or its beginning."
        ),
    ] = None,
    workspace: InWorkspace = OWN,
) -> None:
    """Take the bookmark of a unit away. Where it is one in several models, --of says in which."""
    check_given({"workspace": workspace, "of": of})
    with _opened(workspace) as kept:
        found = [one for one in kept.find(unit) if one.fingerprint.startswith((of or "").strip().lower())]
        if not found:
            raise TonescopeError(
                f"no bookmark here is of the unit {unit[:80]}{f' in a model {of[:20]}' if of else ''}; tonescope "
                "bookmarks list says of which there are."
            )
        if len(found) > 1:
            models = ", ".join(f"{one.model} ({one.fingerprint[:8]})" for one in found)
            raise TonescopeError(
                f"{len(found)} bookmarks are of {unit}, in {models}; say with --of which of them is to go, for example "
                f"--of {found[0].fingerprint[:8]}."
            )
        kept.remove(unit, found[0].fingerprint)
    console.tell(f"{unit} of {printable(found[0].model)}, called {printable(found[0].name)}, is no bookmark any more.")


@bookmarks.command("export")
def export(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file, if it is there.")] = False,
    workspace: InWorkspace = OWN,
) -> None:
    """Write all bookmarks to a JSON file."""
    check_given({"workspace": workspace, "file": file})
    path = Path(file).expanduser()
    if path.exists() and not overwrite:
        raise TonescopeError(f"{file} is there already; name another file, or add --overwrite.")
    with _opened(workspace) as kept:
        found = kept.all()
        kept.export(path, found)
    console.tell(f"{len(found)} bookmark{'s were' if len(found) != 1 else ' was'} written to {file}.")


@bookmarks.command("import")
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What tonescope bookmarks export wrote.")],
    workspace: InWorkspace = OWN,
) -> None:
    """Save the bookmarks of a file. Of two of one unit the one that was changed last stays."""
    check_given({"workspace": workspace, "file": file})
    with _opened(workspace, make=True) as kept:
        done = kept.take_in(Path(file).expanduser())
    console.tell(f"{done.new} new, {done.replaced} replaced, {done.kept} left as they are here.")


def _line(one: Bookmark) -> str:
    tags = f"  [{', '.join(one.tags)}]" if one.tags else ""
    return f"{one.unit:<22}  {one.name}{tags}  ({one.model}, {one.fingerprint[:8]})"

"""``tonescope account``: who may use the app."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tonescope.models.errors import TonescopeError
from tonescope.ui import console
from tonescope.ui.cli.given import check_given


def account(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file of accounts, for ui --auth FILE.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who is meant.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take them out of the file.")] = False,
) -> None:
    """Put someone into a file of accounts, give them a new password, or take them out.

    The password is asked for, or read from standard input; only its hash is kept (scrypt).
    """
    from tonescope.ui.web import accounts

    check_given({"file": file, "name": name})
    accounts.check_name(name)
    password = None if remove else _password()
    was_there = accounts.keep(Path(file), name, password)
    if remove and not was_there:
        raise TonescopeError(f"{name} is not in {file}, so nobody was taken out; look into the file for who is.")
    done = "is no longer in" if remove else "has a new password in" if was_there else "is now in"
    console.tell(f"{name} {done} {file}.")


def _password() -> str:
    """What is typed twice, or comes on standard input."""
    from tonescope.ui.web.accounts import check_password

    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
        check_password(password)
        return password
    from getpass import getpass

    password = getpass("Password: ")
    check_password(password)
    if getpass("Once more: ") != password:
        raise TonescopeError("the two passwords differ, so nothing was changed; try again.")
    return password

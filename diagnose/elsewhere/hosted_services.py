"""Hosted generators as data: what a request to each can say (``hosted_services.toml``). Nothing is called."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tonescope.models.errors import TonescopeError


class Service(BaseModel):
    """A hosted generator.

    Attributes:
        key: how options name it; ``name``, how people do.
        seed: whether a request can give one.
        seed_range: the smallest and the largest.
        seconds: the shortest and the longest that a request can ask for; absent where it cannot choose.
        fixed_seconds: how long a take is, where that cannot be chosen and is known.
        endpoint: where requests go, where that is documented.
        fields: what the parts of a request are called there; ``constant``, what every request says.
        notes: what to mind.
    """

    model_config = ConfigDict(extra="forbid")

    key: str
    name: str
    seed: Literal["yes", "no", "unknown"]
    seed_range: tuple[int, int] = (0, 2**32 - 1)
    seconds: tuple[float, float] | None = None
    fixed_seconds: float | None = None
    endpoint: str = ""
    fields: dict[str, str]
    constant: dict[str, str] = {}
    notes: list[str]


@lru_cache(maxsize=1)
def services() -> dict[str, Service]:
    """Every service by its key."""
    text = (resources.files("tonescope.diagnose.elsewhere") / "hosted_services.toml").read_text(encoding="utf-8")
    return {key: Service(key=key, **row) for key, row in tomllib.loads(text).items()}


def service_of(key: str) -> Service:
    """The service of a name. Raises :class:`TonescopeError` for one that is not known."""
    known = services()
    wanted = key.strip().lower().replace(" ", "-").replace(".", "-").replace("_", "-")
    if wanted not in known:
        raise TonescopeError(
            f"“{key[:40]}” is no service that is known here; choose {', '.join(known)}, the last for any that is not "
            "listed."
        )
    return known[wanted]

"""What every job that plays many takes can be asked: where the work is done, and where takes are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tonescope.diagnose.jobs.parameters import Flag, JobParameters, Range
from tonescope.diagnose.settings import MemoryGib
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.engine import Engine
    from tonescope.diagnose.runtime.session import Session
    from tonescope.diagnose.runtime.work_items import TakeSetting

MOST_WORKERS = 1024


class EngineParameters(JobParameters):
    """Where takes are played and heard, and kept."""

    engine: Annotated[
        Literal["local", "ray"],
        Field(description="Where takes are played: in this process, or by the workers of a Ray cluster."),
    ] = "local"
    ray_address: Annotated[
        str | None,
        Flag(metavar="HOST:PORT"),
        Field(description="A running Ray cluster; without one, --engine ray starts workers on this machine."),
    ] = None
    workers: Annotated[
        int | None,
        Range(1, MOST_WORKERS, "{} workers cannot be started"),
        Field(description="Ray workers. (default: one a GPU, or one a core)"),
    ] = None
    shards: Annotated[
        Path | None,
        Flag(metavar="FOLDER"),
        Field(
            description="Keep what is heard in takes here, so that a stopped run goes on where it was. "
            "(default: in the cache)"
        ),
    ] = None
    memory_gib: MemoryGib = None

    def check_engine(self) -> None:
        """Refuse options of Ray without Ray, and a folder for shards that is none. Raises :class:`TonescopeError`."""
        if self.engine != "ray" and (self.ray_address or self.workers):
            named = "--ray-address" if self.ray_address else "--workers"
            raise TonescopeError(f"{named} is for Ray; add --engine ray, or leave it out.")
        if self.shards is not None and self.shards.expanduser().exists() and not self.shards.expanduser().is_dir():
            raise TonescopeError(f"{str(self.shards)[:200]} is a file, so no takes can be kept in it; name a folder.")

    def make_engine(self, session: Session, setting: TakeSetting) -> Engine:
        """The engine that was asked for. Raises :class:`TonescopeError` where Ray cannot open these models."""
        if self.engine == "local":
            from tonescope.diagnose.runtime.engine import LocalEngine

            return LocalEngine(session, self.memory_gib)
        if session.spec is None:
            raise TonescopeError(
                "these models were made in memory, and workers open theirs by name; open them with Session.open(…), or "
                "leave out the engine ray."
            )
        from tonescope.diagnose.runtime.ray_engine import RayEngine

        return RayEngine(session.spec, setting, self.ray_address, self.workers, self.memory_gib)

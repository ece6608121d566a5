"""Workshop: what every page is given: the models, the workspace that keeps runs, and the queue that works them off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tonescope.diagnose.runtime.run_queue import RunQueue
from tonescope.ui.components.draft import Drafts
from tonescope.ui.components.prompt_feedback import PromptFeedback

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.session import Session
    from tonescope.diagnose.store.workspace import Workspace

OF_THE_MACHINE = ""  # the owner of what is run on the command line
PATIENCE = 20.0  # seconds that a run gets to notice that it has to end


@dataclass
class Workshop:
    """A session that all pages share, and the runs of everyone.

    Attributes:
        session: the models.
        workspace: where runs are kept.
        memory_gib: how much more memory a run may use; without it, most of what is free.
        root_path: the path that a reverse proxy puts in front, empty or as ``/music``.
        is_for_one: whether nobody but who has the machine is served, so that what was run on its command line is shown.
    """

    session: Session
    workspace: Workspace
    memory_gib: float | None = None
    root_path: str = ""
    is_for_one: bool = False
    queue: RunQueue = field(init=False)
    feedback: PromptFeedback = field(init=False)
    drafts: Drafts = field(init=False)

    def __post_init__(self) -> None:
        self.feedback = PromptFeedback(self.session)  # before anything is put on the models
        self.queue = RunQueue(self.session, self.workspace)
        self.drafts = Drafts(self.session, self.queue, self.memory_gib)

    def end_runs(self) -> None:
        """Ask everything that goes on to end, and let nothing new begin; who reads goes on reading."""
        self.queue.close(timeout=0)

    def close(self) -> bool:
        """End everything and let the workspace go; whether all ended in time. It can be called twice."""
        self.queue.close(timeout=PATIENCE)
        if ended := self.queue.is_ended:
            self.workspace.close()
        return ended

    def owners(self, owner: str) -> tuple[str, ...]:
        """Whose runs a visitor finds: their own, and those of the command line, where the visitor has the machine."""
        return (owner, OF_THE_MACHINE) if self.is_for_one else (owner,)

    def acting(self, owner: str, name: str) -> str | None:
        """In whose name a visitor changes a run; ``None``, who has the machine, for one of the command line."""
        is_machines = self.is_for_one and self.workspace.runs.get(name).owner == OF_THE_MACHINE
        return None if is_machines else owner

    def address(self, name: str) -> str:
        """The canonical address of a run, below the server's own."""
        return f"{self.root_path}/run/{name}"

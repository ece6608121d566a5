"""Something small that is done on the models between runs: never in the way of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tonescope.diagnose.runtime.stopping import Stop, Stopped, stoppable

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.session import Session


@dataclass
class Aside:
    """What is to be done: ``make``, until ``stop`` is asked; then its ``result`` or ``error``, once it ``is_over``."""

    make: Callable[[], Any]
    stop: Stop = field(default_factory=Stop)
    result: Any = None
    error: Exception | None = None
    is_over: bool = False

    def do(self, session: Session) -> None:
        """Do it on the models of a session. Nothing that goes wrong gets out of here."""
        try:
            with stoppable(session, self.stop):
                self.stop.check()
                self.result = self.make()
        except Stopped:
            pass
        except Exception as error:
            self.error = error

"""One server for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.ui.serving import TOY, client, serving
from tonescope.ui.pages import page_registry
from tonescope.ui.server import Serving


@pytest.fixture(scope="session")
def served() -> Iterator[Serving]:
    """The app with one page more, which takes files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_registry, "ROWS", [*page_registry.ROWS, TOY])
        with serving() as found:
            yield found


@pytest.fixture
def asking(served: Serving) -> Iterator[httpx.Client]:
    """A client of it, without cookies."""
    with client(served) as found:
        yield found

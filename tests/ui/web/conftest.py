"""One server for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.ui.serving import TOY, client, serving
from tonescope.ui.server import Serving


@pytest.fixture(scope="module")
def served() -> Iterator[Serving]:
    """The app with one page more, which takes files; it ends with a module, or tests of others would see that page."""
    with serving(rows=[TOY]) as found:
        yield found


@pytest.fixture
def asking(served: Serving) -> Iterator[httpx.Client]:
    """A client of it, without cookies."""
    with client(served) as found:
        yield found

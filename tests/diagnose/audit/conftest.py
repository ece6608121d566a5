"""What every audit in these tests is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.diagnose.audit.planted_audit import DESIGN


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    """A design, and where takes are kept."""
    (tmp_path / "design.yaml").write_text(DESIGN)
    return {"design": tmp_path / "design.yaml", "shards": tmp_path / "shards"}

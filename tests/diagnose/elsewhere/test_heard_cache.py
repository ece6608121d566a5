"""What was heard is kept by content, line by line, and survives being killed."""

from __future__ import annotations

from pathlib import Path

from tests.diagnose.elsewhere.made_up_files import heard
from tonescope.diagnose.elsewhere.heard_cache import HeardCache
from tonescope.diagnose.elsewhere.listen_schema import Heard


def test_what_is_kept_is_there_in_the_next_run(tmp_path: Path) -> None:
    HeardCache(["judge"], tmp_path).put("a", heard())
    assert HeardCache(["judge"], tmp_path).get("a", Heard) == heard()
    assert HeardCache(["judge"], tmp_path).get("b", Heard) is None
    assert HeardCache(["another"], tmp_path).get("a", Heard) is None


def test_case_killed_in_the_middle_of_a_line_loses_that_line_alone(tmp_path: Path) -> None:
    cache = HeardCache(["judge"], tmp_path)
    cache.put("a", heard())
    cache.put("b", heard(bpm=90))
    whole = cache.path.read_bytes()
    cache.path.write_bytes(whole[: len(whole) - 40])
    again = HeardCache(["judge"], tmp_path)
    assert again.get("a", Heard) == heard() and again.get("b", Heard) is None
    again.put("c", heard(bpm=60))
    last = HeardCache(["judge"], tmp_path)
    assert last.get("a", Heard) == heard() and last.get("c", Heard) == heard(bpm=60)


def test_what_another_version_kept_is_heard_again(tmp_path: Path) -> None:
    cache = HeardCache(["judge"], tmp_path)
    cache.path.parent.mkdir(exist_ok=True)
    cache.path.write_text('{"key": "a", "found": {"seconds": 3}}\nnonsense\n[1]\n')
    assert HeardCache(["judge"], tmp_path).get("a", Heard) is None


def test_case_a_cache_that_cannot_be_written_is_said_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = HeardCache(["judge"], tmp_path / "file")
    cache.put("a", heard())
    assert cache.failed and cache.get("a", Heard) == heard()

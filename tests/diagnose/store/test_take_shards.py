"""Shards are whole or not there, and what cannot be kept is said in one sentence."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tonescope.diagnose.runtime.work_items import HeardTake, TakeSetting, Wanted, WorkItem
from tonescope.diagnose.store import take_shards
from tonescope.diagnose.store.take_queries import Asked, take_table
from tonescope.diagnose.store.take_shards import TakeShards, database, parquet
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Sampling

LABELS = ("house", "techno")
SETTING = TakeSetting("generator", "judge", LABELS, "float32", 4.0, Sampling())
PROMPTS = (("house", "house"), ("house", "house music"), ("techno", "techno"))


def asked(seeds: range) -> list[Asked]:
    return [Asked(label, prompt, seeds) for label, prompt in PROMPTS]


def heard(prompt: str, seed: int, label: str | None, probability: float = 0.9, state: bytes | None = None) -> HeardTake:
    if label is None:
        return HeardTake(prompt, seed, prompt, problem="silent")
    shares = [probability if label == name else 1 - probability for name in LABELS]
    return HeardTake(prompt, seed, prompt, None, label, probability, shares, -20.0, {"tempo": 120.0}, state=state)


def item(*takes: HeardTake) -> WorkItem:
    return WorkItem(SETTING, tuple(Wanted(take.prompt, take.seed) for take in takes))


def add(shards: TakeShards, *takes: HeardTake) -> Path:
    return shards.add(item(*takes), takes)


@pytest.fixture
def shards(tmp_path: Path) -> TakeShards:
    return TakeShards(SETTING, tmp_path)


def test_what_was_kept_is_read_back(shards: TakeShards) -> None:
    path = add(shards, heard("house", 1, "techno", state=b"\x00\xff'"), heard("house", 2, None))
    assert path.stem == item(heard("house", 1, "techno"), heard("house", 2, None)).key
    with database() as opened:
        rows = opened.execute(f"SELECT * FROM {parquet([path])} ORDER BY seed").fetchall()
        about = opened.execute(f"SELECT value FROM parquet_kv_metadata('{path}') WHERE key = 'tonescope'").fetchall()
    assert rows[0][:5] == ("house", 1, "house", None, "techno") and rows[0][-1] == b"\x00\xff'"
    assert rows[0][6] == pytest.approx([0.1, 0.9]) and rows[0][8] == {"tempo": 120.0}
    assert rows[1][3:7] == ("silent", None, None, None) and rows[1][8] == {}
    assert json.loads(about[0][0])["item"]["takes"][0] == {"prompt": "house", "seed": 1, "group": ""}
    assert json.loads((shards.folder / "setting.json").read_text())["labels"] == list(LABELS)


def test_prompts_with_signs_of_sql_are_text(shards: TakeShards) -> None:
    prompt = "rock'n'roll\"; DROP TABLE takes; -- 🎷"
    add(shards, heard(prompt, 1, "house"))
    assert shards.finished() == {prompt: {1}}
    with take_table(shards, [Asked("house", prompt, range(1, 2))], 0.4) as table:
        assert table.count() == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-5],
        lambda data: b"",
        lambda data: b"PAR1" + data[10:],
        lambda data: data[:4] + bytes(len(data) - 12) + data[-8:],
    ],
    ids=["cut", "empty", "shifted", "zeros"],
)
def test_case_a_damaged_shard_is_set_aside_and_its_takes_are_wanted_again(
    shards: TakeShards, spoil: Callable[[bytes], bytes]
) -> None:
    good, bad = add(shards, heard("house", 1, "house")), add(shards, heard("house", 2, "house"))
    bad.write_bytes(spoil(bad.read_bytes()))
    assert shards.finished() == {"house": {1}} and shards.damaged == 1
    assert shards.files() == [good] and bad.with_name(bad.name + ".damaged").is_file()


def test_what_a_killed_run_left_is_cleared_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    folder = TakeShards(SETTING, tmp_path).folder
    names = {"dead": 2**22 + 12345, "alive": os.getpid()}
    host = socket.gethostname()
    parts = {who: folder / f".x.parquet~{host}~{process}~ab.part" for who, process in names.items()}
    parts["elsewhere"] = folder / ".x.parquet~another.host~1~ab.part"
    for part in parts.values():
        part.write_bytes(b"half")
    TakeShards(SETTING, tmp_path)
    assert {who for who, part in parts.items() if part.exists()} == {"alive", "elsewhere"}


def test_a_write_that_fails_leaves_nothing(shards: TakeShards, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object) -> None:
        path.write_bytes(b"PAR1 half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(take_shards, "write_shard", full)
    with pytest.raises(TonescopeError, match="No space left on device") as told:
        add(shards, heard("house", 1, "house"))
    assert "--shards" in str(told.value) and [path.name for path in shards.folder.iterdir()] == ["setting.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_case_a_full_disk_is_one_sentence(shards: TakeShards, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = take_shards.write_shard
    monkeypatch.setattr(take_shards, "write_shard", lambda _, *rest: usual(Path("/dev/full"), *rest))
    with pytest.raises(TonescopeError, match="cannot keep takes") as told:
        add(shards, heard("house", 1, "house"))
    assert "\n" not in str(told.value)


def test_case_a_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(TonescopeError, match="cannot keep takes"):
        TakeShards(SETTING, tmp_path / "file")


# --- questions --------------------------------------------------------------------------------------------------------


def test_takes_are_counted_by_what_they_asked_for_and_what_is_heard(shards: TakeShards) -> None:
    add(shards, heard("house", 1, "house"), heard("house music", 1, "techno"), heard("house", 2, "techno", 0.3))
    add(shards, heard("techno", 1, None), heard("techno", 2, "techno"), heard("polka", 1, "house"))
    with take_table(shards, asked(range(1, 3)), unsure_below=0.4) as table:
        cells = {(cell.asked, cell.heard): cell.takes for cell in table.cells()}
        assert cells == {("house", "house"): 1, ("house", "techno"): 1, ("house", None): 1, ("techno", "techno"): 1}
        assert table.problems() == {("techno", "silent"): 1} and table.count() == 5
        assert table.by_prompt("house", "techno") == {"house music": {1}}
        means = {(cell.asked, cell.heard): cell.probability for cell in table.cells()}
        assert means["house", "house"] == pytest.approx(0.9) and means["house", None] == pytest.approx(0.3)


def test_takes_of_other_seeds_are_not_counted(shards: TakeShards) -> None:
    add(shards, *(heard("house", seed, "house") for seed in range(10)))
    with take_table(shards, asked(range(2, 6)), 0.4) as table:
        assert table.count() == 4


def test_a_take_that_two_runs_played_counts_once(shards: TakeShards) -> None:
    add(shards, heard("house", 1, "house"), heard("house", 2, "house"))
    add(shards, heard("house", 1, "house"))
    with take_table(shards, asked(range(1, 3)), 0.4) as table:
        assert table.count() == 2


def test_every_cell_has_an_example_with_a_state_where_one_was_kept(shards: TakeShards) -> None:
    add(shards, heard("house", 1, "house"), heard("house", 2, "house", state=b"kept"), heard("house", 3, "techno"))
    with take_table(shards, asked(range(1, 4)), 0.4) as table:
        found = {(row.asked, row.heard): (row.seed, row.state) for row in table.examples(most=5)}
    assert found == {("house", "house"): (2, b"kept"), ("house", "techno"): (3, None)}


def test_of_many_cells_those_with_most_takes_have_examples(shards: TakeShards) -> None:
    add(shards, *(heard("house", seed, "techno") for seed in range(1, 4)), heard("techno", 1, "house"))
    add(shards, heard("house", 5, "house"), heard("techno", 5, "techno"), heard("techno", 6, "techno"))
    with take_table(shards, asked(range(1, 9)), 0.4) as table:
        assert {(row.asked, row.heard) for row in table.examples(most=1)} == {("house", "techno"), ("techno", "techno")}


def test_the_takes_are_exported_with_what_they_asked_for(shards: TakeShards, tmp_path: Path) -> None:
    add(shards, heard("house", 1, "techno"), heard("techno", 1, "techno"))
    out = tmp_path / "it's.parquet"
    with take_table(shards, asked(range(1, 2)), 0.4) as table:
        table.export(out)
    with database() as opened:
        rows = opened.execute(f"SELECT asked, heard FROM {parquet([out])}").fetchall()
    assert sorted(rows) == [("house", "techno"), ("techno", "techno")]


def test_no_takes_and_unreadable_ones_are_one_sentence(shards: TakeShards) -> None:
    with pytest.raises(TonescopeError, match="holds no takes"), take_table(shards, asked(range(1, 2)), 0.4):
        pass
    whole = add(shards, heard("house", 1, "house")).read_bytes()
    bad = shards.folder / "-bad.parquet"  # before all others: the first file is read at once
    bad.write_bytes(whole[:4] + bytes(len(whole) - 12) + whole[-8:])  # its footer is nothing but zeros
    with pytest.raises(TonescopeError, match="cannot be read"), take_table(shards, asked(range(1, 2)), 0.4):
        pass

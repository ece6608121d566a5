"""The musicnn checkpoints are read, renamed and described as their authors have them."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tonescope.diagnose.taxonomy import common
from tonescope.models.judges.musicnn import Musicnn
from training import tensor_bundle
from training.convert_musicnn import CONVOLUTIONS, DENSE, NORMS, convert, table, tag_rows

APART = {"indie"}  # the common genres take it for indie rock, and people tag indie pop with it, too


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number: int, content: int | bytes) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def block(rows: list[tuple[bytes, bytes]], shared: int = 0) -> bytes:
    """A block of a table; of every key but the first, ``shared`` letters are taken from the key before."""
    content = b""
    for number, (key, value) in enumerate(rows):
        kept = shared if number else 0
        content += varint(kept) + varint(len(key) - kept) + varint(len(value)) + key[kept:] + value
    return content + bytes(4) + (1).to_bytes(4, "little")


def save(prefix: Path, arrays: dict[str, NDArray[np.float32]]) -> None:
    """Write a tensor bundle whose names begin with the same letter."""
    data, rows = b"", []
    for name, array in sorted(arrays.items()):
        shape = b"".join(field(2, field(1, length)) for length in array.shape)
        entry = field(1, tensor_bundle.FLOAT) + field(2, shape) + field(4, len(data)) + field(5, array.nbytes)
        rows.append((name.encode(), entry + varint(6 << 3 | 5) + bytes(4)))
        data += array.tobytes()
    first = block(rows, shared=1)
    index = block([(b"z", varint(0) + varint(len(first)))])
    table = first + bytes(5) + index + bytes(5)
    footer = varint(0) + varint(0) + varint(len(first) + 5) + varint(len(index))
    footer = footer.ljust(tensor_bundle.FOOTER - len(tensor_bundle.MAGIC), b"\0") + tensor_bundle.MAGIC
    Path(f"{prefix}.index").write_bytes(table + footer)
    Path(f"{prefix}.data-00000-of-00001").write_bytes(data)


def test_a_bundle_is_read_as_it_was_written(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    arrays: dict[str, NDArray[np.float32]] = {
        "layer/kernel": random.standard_normal((3, 2, 1, 5)).astype(np.float32),
        "layer/bias": random.standard_normal(300).astype(np.float32),
        "last": np.asarray(random.standard_normal(), np.float32),
    }
    save(tmp_path / "model", arrays)
    found = tensor_bundle.read(tmp_path / "model")
    assert found.keys() == arrays.keys() and all(np.array_equal(found[name], arrays[name]) for name in arrays)


def test_what_is_no_bundle_is_said_to_be_none(tmp_path: Path) -> None:
    save(tmp_path / "model", {"last": np.ones(4, np.float32)})
    data, index = tmp_path / "model.data-00000-of-00001", tmp_path / "model.index"
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(ValueError, match="last has 15 bytes"):
        tensor_bundle.read(tmp_path / "model")
    index.write_bytes(bytes(100))
    with pytest.raises(ValueError, match="not the index"):
        tensor_bundle.read(tmp_path / "model")


def test_every_weight_goes_to_its_place() -> None:
    """TensorFlow's axes are (frames, bands, in, out) and (in, out)."""
    arrays: dict[str, NDArray[np.float32]] = {}
    wanted = Musicnn().state_dict()
    random = np.random.default_rng(0)

    def number(layer: str, at: int) -> str:
        return f"{layer}_{at}" if at else layer

    for at, layer in enumerate(CONVOLUTIONS):
        shape = wanted[f"{layer}.conv.weight"].shape
        out, into, frames, bands = shape if len(shape) == 4 else (shape[0], 1, shape[2], shape[1])
        arrays[number("conv2d", at) + "/kernel"] = random.standard_normal((frames, bands, into, out)).astype(np.float32)
        arrays[number("conv2d", at) + "/bias"] = random.standard_normal(out).astype(np.float32)
    for at, layer in enumerate(DENSE):
        out, into = wanted[f"{layer}.weight"].shape
        arrays[number("dense", at) + "/kernel"] = random.standard_normal((into, out)).astype(np.float32)
        arrays[number("dense", at) + "/bias"] = random.standard_normal(out).astype(np.float32)
    for at, layer in enumerate(NORMS):
        for part in ("gamma", "beta", "moving_mean", "moving_variance"):
            length = len(wanted[f"{layer}.weight"])
            arrays[f"{number('batch_normalization', at)}/{part}"] = random.standard_normal(length).astype(np.float32)
    found = convert(arrays)
    assert {name: weight.shape for name, weight in found.items()} == {name: wanted[name].shape for name in wanted}
    kernel = torch.from_numpy(arrays["conv2d_5/kernel"])
    assert found["middle.0.conv.weight"][3, 100, 2] == kernel[2, 100, 0, 3]
    assert found["timbral.1.conv.weight"][7, 0, 5, 60] == torch.from_numpy(arrays["conv2d_1/kernel"])[5, 60, 0, 7]
    assert found["pooled_norm.running_var"][9] == arrays["batch_normalization_9/moving_variance"][9]


@pytest.mark.parametrize("name", table())
def test_what_is_shipped_says_what_the_table_says(name: str) -> None:
    folder = Path(str(resources.files("tonescope.models"))) / "embedded" / name
    shipped = json.loads((folder / "tonescope.json").read_text(encoding="utf-8"))
    assert shipped["tags"] == tag_rows(table()[name]["tags"]) and shipped["domain"] == table()[name]["domain"]
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert all(f"| {tag} |" in card for tag in table()[name]["tags"])


@pytest.mark.parametrize("name", table())
def test_a_tag_that_the_common_genres_know_means_that_genre(name: str) -> None:
    """By name or alias, or it is listed as what people use otherwise."""
    for row in tag_rows(table()[name]["tags"]):
        if row["tag"] in APART:
            assert not row["means"]
        elif label := common().find(row["tag"]):
            assert (row["kind"], row["means"]) == ("genre", label)

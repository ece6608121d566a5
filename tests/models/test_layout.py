"""Layout: whatever the order of rows, the canonical view is one and the same, and merging gives the tensor back."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from torch import Tensor

from tonescope.models.generator import Takes
from tonescope.models.layout import Branch, Layout, Pieces

BRANCHES: list[tuple[Branch, ...]] = [("cond", "uncond"), ("uncond", "cond"), ("shared",), ("cond",)]
TAKES, STEPS, ALONG, FEATURES, PREFIX = 3, 4, 5, 2, 2


def _tensor(layout: Layout) -> tuple[Tensor, Tensor]:
    """A canonical view that counts up, and the tensor that holds it as the layout says, rows nested by hand."""
    shape = len(layout.branches), TAKES, layout.steps, ALONG, FEATURES
    canonical = torch.arange(float(torch.Size(shape).numel())).reshape(shape)
    sizes = {"branch": len(layout.branches), "take": TAKES, "step": layout.steps}
    rows = []
    for outer in range(sizes[layout.axes[0]]):
        for middle in range(sizes[layout.axes[1]]):
            for inner in range(sizes[layout.axes[2]]):
                at = dict(zip(layout.axes, (outer, middle, inner), strict=True))
                branch = layout.canonical.index(layout.branches[at["branch"]])
                rows.append(canonical[branch, at["take"], at["step"]])
    body = torch.cat([torch.full((len(rows), layout.prefix, FEATURES), -1.0), torch.stack(rows)], 1)
    return canonical, body.transpose(1, 2) if layout.features_axis == 1 else body


@pytest.mark.parametrize("axes", permutations(("branch", "take", "step")), ids="-".join)
@pytest.mark.parametrize("branches", BRANCHES, ids="-".join)
@pytest.mark.parametrize(("features_axis", "prefix"), [(-1, 0), (-1, PREFIX), (1, 0)])
def test_split_finds_every_row_and_merge_puts_it_back(
    axes: tuple[str, str, str], branches: tuple[Branch, ...], features_axis: int, prefix: int
) -> None:
    layout = Layout(branches, axes, steps=STEPS, features_axis=features_axis, prefix=prefix)
    canonical, tensor = _tensor(layout)
    assert layout.canonical[0] in ("cond", "shared") and layout.rows(tensor) == TAKES
    assert torch.equal(layout.split(tensor), canonical)
    assert torch.equal(layout.merge(layout.split(tensor), tensor), tensor)
    changed = layout.merge(canonical + 100, tensor)
    assert torch.equal(layout.split(changed), canonical + 100) and int((changed == -1).sum()) == int(
        (tensor == -1).sum()
    )


def test_positions_belong_to_frames() -> None:
    cpu = torch.device("cpu")
    assert Layout(start=7).times(3, cpu).tolist() == [7, 8, 9]
    assert Layout(frames=2).times(6, cpu).tolist() == [0, 0, 0, 1, 1, 1]
    assert Layout(frames=6).times(3, cpu).tolist() == [0, 2, 4]


def test_pieces_become_a_whole_whatever_comes_first() -> None:
    """Two steps at a time and two sides one after the other; then the next batch."""
    whole = torch.randn(TAKES, 2, STEPS, 2 * ALONG, FEATURES)
    pieces = Pieces(STEPS)
    for _ in range(2):
        found = []
        for first, part in ((2, 1), (0, 0), (0, 1), (2, 0)):
            layout = Layout(("uncond", "cond"), steps=2, first_step=first, part=part, parts=2)
            mine = whole[:, :, first : first + 2, part * ALONG : (part + 1) * ALONG]
            rows = mine.transpose(0, 1).flip(0).flatten(0, 2)
            found.append(pieces.add(layout, rows))
        assert found[:3] == [None, None, None]
        assert found[3] is not None and torch.equal(found[3], whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_takes_of_any_type_are_told_apart(dtype: torch.dtype) -> None:
    state = {"latents": torch.tensor([[0, 1], [0, 1], [1, 1]]).to(dtype)}
    takes = Takes(("a",) * 3, (1, 2, 3), state, torch.zeros(3, 0))
    assert takes.distinct == 2


def test_pieces_may_be_reduced_before_all_have_passed() -> None:
    pieces = Pieces(2, lambda piece: piece.sum(3, keepdim=True))
    whole = torch.randn(2, 1, 2, 5, 3)  # takes, branches, steps, along, features
    layouts = [Layout(axes=("branch", "step", "take"), first_step=step) for step in range(2)]
    found = [pieces.add(layout, whole[:, 0, step]) for step, layout in enumerate(layouts)]
    assert found[0] is None and found[1] is not None
    assert torch.allclose(found[1], whole.sum(3, keepdim=True))

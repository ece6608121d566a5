"""Where the sites of a Stable Audio 3 are. No code that runs."""

from __future__ import annotations

from tonescope.models.outline import Key

_BLOCK = "transformer.transformer_blocks.{}"
PATHS: dict[Key, str] = {
    ("denoiser", "mlp"): f"{_BLOCK}.ff.proj_out",  # its input is the gated product
    ("denoiser", "self"): f"{_BLOCK}.self_attn.to_out",  # of differential attention, the difference
    ("denoiser", "cross"): f"{_BLOCK}.cross_attn.to_out",
    ("denoiser", "residual"): _BLOCK,
}

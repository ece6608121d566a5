"""Where the sites of a Stable Audio Open are. No code that runs."""

from __future__ import annotations

from tonescope.models.outline import Key

_BLOCK = "transformer.transformer_blocks.{}"
PATHS: dict[Key, str] = {
    ("denoiser", "mlp"): f"{_BLOCK}.ff.net.2",  # its input is the gated product
    ("denoiser", "self"): f"{_BLOCK}.attn1.to_out.0",
    ("denoiser", "cross"): f"{_BLOCK}.attn2.to_out.0",
    ("denoiser", "residual"): _BLOCK,
}

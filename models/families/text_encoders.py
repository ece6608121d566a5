"""Text encoders, by their configuration's model type. Any family may carry any of them."""

from __future__ import annotations

Key = tuple[str, str]
"""Network and site name, as in ``SITES``."""

TEXT_PATHS: dict[str, dict[Key, str]] = {
    "t5": {
        ("text", "mlp"): "text_encoder.encoder.block.{}.layer.1.DenseReluDense.wo",
        ("text", "self"): "text_encoder.encoder.block.{}.layer.0.SelfAttention.o",
    },
    "bert": {
        ("text", "mlp"): "text_encoder.encoder.layer.{}.output.dense",
        ("text", "self"): "text_encoder.encoder.layer.{}.attention.output.dense",
    },
}

"""Gradio's theme in the frame's colours: variables of ``frame.css``, light and dark are decided there."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import gradio as gr

FONT = ("Inter", "system-ui", "sans-serif")  # used where a system has it; nothing is fetched
MONOSPACE = ("ui-monospace", "monospace")

# A word of gradio's to what it is here. Each holds in light and dark.
WORDS: Mapping[str, str] = {
    "body_background_fill": "var(--page)",
    "body_text_color": "var(--ink)",
    "body_text_color_subdued": "var(--soft)",
    "background_fill_primary": "var(--paper)",
    "background_fill_secondary": "var(--page)",
    "border_color_primary": "var(--line)",
    "border_color_accent": "var(--accent)",
    "border_color_accent_subdued": "var(--line)",
    "color_accent": "var(--accent)",
    "color_accent_soft": "var(--accent-wash)",
    "link_text_color": "var(--accent)",
    "link_text_color_active": "var(--accent-strong)",
    "link_text_color_hover": "var(--accent-strong)",
    "link_text_color_visited": "var(--accent)",
    "code_background_fill": "var(--page)",
    "shadow_drop": "none",
    "shadow_drop_lg": "none",
    "block_background_fill": "var(--paper)",
    "block_border_color": "var(--line)",
    "block_border_width": "1px",
    "block_radius": "14px",
    "block_shadow": "none",
    "block_info_text_color": "var(--soft)",
    "block_label_background_fill": "var(--paper)",
    "block_label_border_color": "var(--line)",
    "block_label_text_color": "var(--soft)",
    "block_title_background_fill": "none",
    "block_title_text_color": "var(--ink)",
    "block_title_text_weight": "500",
    "container_radius": "14px",
    "layout_gap": "18px",
    "form_gap_width": "0px",
    "panel_background_fill": "var(--paper)",
    "panel_border_color": "var(--line)",
    "accordion_text_color": "var(--ink)",
    "table_text_color": "var(--ink)",
    "table_border_color": "var(--line)",
    "table_even_background_fill": "var(--paper)",
    "table_odd_background_fill": "var(--page)",
    "table_row_focus": "var(--accent-wash)",
    "checkbox_background_color": "var(--paper)",
    "checkbox_background_color_selected": "var(--accent)",
    "checkbox_border_color": "var(--control)",
    "checkbox_border_color_focus": "var(--accent)",
    "checkbox_border_color_hover": "var(--accent)",
    "checkbox_border_color_selected": "var(--accent)",
    "checkbox_label_background_fill": "var(--paper)",
    "checkbox_label_background_fill_hover": "var(--accent-wash)",
    "checkbox_label_background_fill_selected": "var(--accent-wash)",
    "checkbox_label_border_color": "var(--line)",
    "checkbox_label_text_color": "var(--ink)",
    "error_background_fill": "var(--paper)",
    "error_border_color": "var(--wrong)",
    "error_text_color": "var(--wrong)",
    "error_icon_color": "var(--wrong)",
    "input_background_fill": "var(--paper)",
    "input_border_color": "var(--control)",
    "input_border_color_focus": "var(--accent)",
    "input_border_width": "1px",
    "input_placeholder_color": "var(--soft)",
    "input_radius": "10px",
    "input_shadow": "none",
    "input_shadow_focus": "none",
    "loader_color": "var(--accent)",
    "slider_color": "var(--accent)",
    "stat_background_fill": "var(--accent)",
    "button_border_width": "1px",
    "button_large_radius": "12px",
    "button_medium_radius": "12px",
    "button_small_radius": "10px",
    "button_primary_background_fill": "var(--accent)",
    "button_primary_background_fill_hover": "var(--accent-strong)",
    "button_primary_border_color": "transparent",
    "button_primary_border_color_hover": "transparent",
    "button_primary_text_color": "var(--accent-ink)",
    "button_primary_text_color_hover": "var(--accent-ink)",
    "button_primary_shadow": "none",
    "button_primary_shadow_hover": "none",
    "button_secondary_background_fill": "var(--paper)",
    "button_secondary_background_fill_hover": "var(--accent-wash)",
    "button_secondary_border_color": "var(--control)",
    "button_secondary_border_color_hover": "var(--accent)",
    "button_secondary_text_color": "var(--ink)",
    "button_secondary_text_color_hover": "var(--ink)",
    "button_secondary_shadow": "none",
    "button_secondary_shadow_hover": "none",
    "button_cancel_background_fill": "var(--paper)",
    "button_cancel_background_fill_hover": "var(--accent-wash)",
    "button_cancel_border_color": "var(--control)",
    "button_cancel_text_color": "var(--ink)",
    "button_cancel_text_color_hover": "var(--ink)",
}


def theme() -> gr.themes.Base:
    """The theme; words that the installed gradio does not know are left out."""
    made = gr.themes.Base(font=FONT, font_mono=MONOSPACE)
    known = inspect.signature(made.set).parameters
    both = {name: value for word, value in WORDS.items() for name in (word, f"{word}_dark") if name in known}
    return made.set(**both)

"""Stable Audio 3, as diffusers' StableAudio3Pipeline has it."""

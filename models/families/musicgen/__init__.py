"""MusicGen and MusicGen Melody: codes, their delay, guidance and caches. Nothing outside this folder knows of them."""

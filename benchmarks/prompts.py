"""Prompts that several benchmarks share: every genre of the embedded models, planted confusions among them."""

_ACROSS_GENRES = """
mellow jazz fusion with saxophone
lo-fi beats with accordion
a song
house music
swing jazz with trumpet
heavy metal with distorted guitars
calm ambient pads
ragtime piano
roots reggae with organ
fast drum and bass
dark techno
smooth jazz with electric piano
bossa nova guitar
cheerful polka
slow blues guitar
trap beat with 808 bass
retro synthwave
rock band with electric guitars
funk groove with slap bass
lo-fi hip hop with vinyl crackle
jazz fusion
music for a party
"""

# More words for the same genres, for benchmarks that leave out prompts whose takes disagree.
_SAID_OTHERWISE = """
swing jazz
metal
ambient
ragtime
reggae
drum and bass
techno
smooth jazz
trap
synthwave
rock
funk
lo-fi hip hop
polka
blues
warm ambient drone
hard techno with synth bass
big band swing
classic rock with drums
80s synthwave with synth lead
"""

PROMPTS = (*_ACROSS_GENRES.strip().splitlines(), *_SAID_OTHERWISE.strip().splitlines())

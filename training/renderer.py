"""Renders a piece: stems from a soundfont or synthesised, drums from one-shots, then the mix and its recording.

The soundfont is the one that the ``pretty_midi`` package carries; ``tinysoundfont`` plays it. Both belong to the
``train`` extra: nothing outside this folder needs them.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from scipy.signal import fftconvolve

from training.composer import compose
from training.score import Hit, Piece, Stem
from training.synth_sounds import DRUM_SYNTHS, GM_DRUMS, KITS, RATE, Samples, filtered, voice
from training.tables import instruments, recording

SAMPLE_RATE = 16_000
LOUDNESS = 0.11  # root mean square of a finished mix
DRUM_LOOP_TEMPO = 80.0
_DRUM_LOOP_SEED = 1977
_SILENCE = 4096  # samples in which the synthesiser fades out


@dataclass(frozen=True)
class Rendering:
    """A finished mix and its stems by role, mono float32 at 16 kHz; stems are before the effects of the mix."""

    mix: Samples
    stems: dict[str, Samples]


def soundfont() -> Path:
    """The General MIDI soundfont inside the installed ``pretty_midi`` package, found without importing it.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    found = importlib.util.find_spec("pretty_midi")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "rendering needs the packages of the 'train' extra (pretty_midi is missing); run `make setup`"
        )
    return Path(found.origin).with_name("TimGM6mb.sf2")


@lru_cache(maxsize=1)
def _synth() -> tuple[Any, int]:
    import tinysoundfont

    synth = tinysoundfont.Synth(samplerate=RATE, gain=-6)
    return synth, synth.sfload(str(soundfont()))


def _play(program: int, events: list[tuple[int, bool, int, int]], samples: int, drums: bool = False) -> Samples:
    """Play (sample, on, pitch, velocity) events on one channel, mono at :data:`training.synth_sounds.RATE`."""
    synth, font = _synth()
    synth.sounds_off(None)
    synth.generate(_SILENCE)  # what still rings must not reach this stem
    synth.program_select(0, font, 128 if drums else 0, program, drums)
    out = np.zeros(samples, dtype=np.float32)
    position = 0
    for at, on, pitch, velocity in [*sorted(events), (samples, False, 0, 0)]:
        if (stop := min(at, samples)) > position:
            stereo = np.frombuffer(synth.generate(stop - position), dtype=np.float32).reshape(-1, 2)
            out[position:stop] = stereo.mean(axis=1)
            position = stop
        if at >= samples:
            break
        if on:
            synth.noteon(0, pitch, velocity)
        else:
            synth.noteoff(0, pitch)
    return out


def _stem(stem: Stem, tempo: float, samples: int) -> Samples:
    instrument = instruments()[stem.instrument]
    second = 60.0 / tempo
    if instrument.synth:
        out = np.zeros(samples + RATE * 8, dtype=np.float32)
        for note in stem.notes:
            if (at := int(note.start * second * RATE)) >= samples:
                break
            sound = voice(instrument.synth, note.pitch, min(note.length * second, 4.0))
            out[at : at + len(sound)] += sound * (note.velocity / 100) ** 1.5
        return out[:samples]
    assert instrument.program is not None
    events = []
    for note in stem.notes:
        start = int(note.start * second * RATE)
        events += [
            (start, True, note.pitch, note.velocity),
            (start + max(320, int(note.length * second * RATE)), False, note.pitch, 0),
        ]
    return _play(instrument.program, events, samples)


@lru_cache(maxsize=256)
def _one_shot(kit_name: str, drum: str) -> Samples:
    kit = KITS[kit_name]
    if drum in kit.synths:
        audio = DRUM_SYNTHS[kit.synths[drum]]()
    else:
        audio = 2.6 * _play(kit.preset, [(0, True, GM_DRUMS[drum], 110)], int(1.6 * RATE), drums=True)
    if kit.pitch != 1.0:
        positions = np.arange(0, len(audio) - 1, kit.pitch)
        audio = np.interp(positions, np.arange(len(audio)), audio).astype(np.float32)
    if kit.drive:
        audio = np.tanh((1 + 2 * kit.drive) * audio) / (1 + kit.drive)
    if kit.lowpass_hz:
        audio = filtered(audio, "lowpass", kit.lowpass_hz)
    return (audio * 10 ** (kit.gain_db / 20)).astype(np.float32)


def _drums(kit: str, hits: tuple[Hit, ...], tempo: float, samples: int) -> Samples:
    out = np.zeros(samples + RATE * 2, dtype=np.float32)
    for hit in hits:
        if (at := int(hit.start * 60 / tempo * RATE)) >= samples:
            break
        sound = _one_shot(kit, hit.drum)
        out[at : at + len(sound)] += sound * (hit.velocity / 110) ** 1.6
    return out[:samples]


@lru_cache(maxsize=1)
def drum_loop() -> Samples:
    """The two-bar drum recording of planted fact (g): 6 s at 80 beats per minute, 32 kHz."""
    piece = compose("lo-fi hip hop", _DRUM_LOOP_SEED, 6.0, style="jazzhop", tempo=DRUM_LOOP_TEMPO)
    samples = int(8 * 60 / DRUM_LOOP_TEMPO * RATE)
    hits = tuple(hit for hit in piece.hits if hit.start < 8)
    return _drums("dusty", hits, DRUM_LOOP_TEMPO, samples)


@lru_cache(maxsize=8)
def _room(seconds: int) -> Samples:
    t = np.arange(seconds * SAMPLE_RATE // 10) / SAMPLE_RATE
    tail = np.random.default_rng(11).standard_normal(len(t)) * np.exp(-6.9 * t / (seconds / 10))
    tail[: int(0.012 * SAMPLE_RATE)] = 0
    return (tail / np.sqrt(np.sum(tail**2))).astype(np.float32)


def _duck(piece: Piece, samples: int) -> Samples:
    """Gain (samples,) of a side-chain compressor: it falls at each kick and recovers within a quarter of a second."""
    gain = np.ones(samples, dtype=np.float32)
    shape = 1 - piece.mix.sidechain * np.exp(-np.arange(int(0.25 * SAMPLE_RATE)) / (0.08 * SAMPLE_RATE))
    for hit in piece.hits:
        if hit.drum == "kick" and (at := int(hit.start * 60 / piece.tempo * SAMPLE_RATE)) < samples:
            span = min(len(shape), samples - at)
            gain[at : at + span] = np.minimum(gain[at : at + span], shape[:span])
    return gain


def _crackle(samples: int, amount: float, random: np.random.Generator) -> Samples:
    pops = np.zeros(samples, dtype=np.float32)
    where = random.integers(0, samples, size=int(samples / SAMPLE_RATE * 24 * amount))
    pops[where] = random.normal(0, 0.5, size=len(where))
    hiss = random.standard_normal(samples).astype(np.float32) * 0.006
    sos = filtered(np.repeat(pops, 2), "highpass", 1500)[::2]
    return (amount * (0.35 * sos + hiss)).astype(np.float32)


def _wow(audio: Samples, amount: float, random: np.random.Generator) -> Samples:
    t = np.arange(len(audio))
    sway = amount * 22 * np.sin(2 * np.pi * (random.uniform(0.4, 1.1) * t / SAMPLE_RATE + random.uniform()))
    return np.interp(t + sway, t, audio).astype(np.float32)


def _recorded(audio: Samples, random: np.random.Generator) -> Samples:
    """The audio with the tone and the noise floor of a recording, by ``recording.toml``; alike for every genre."""
    chain = recording()
    spectrum = np.fft.rfft(audio)
    hertz = np.linspace(0, SAMPLE_RATE / 2, len(spectrum))
    octaves = np.log2(np.maximum(hertz, 60) / 1000)
    response = random.uniform(*chain["tilt"]) * octaves
    if random.random() < chain["dull_share"]:
        response -= 10 * np.log10(1 + (hertz / np.exp(random.uniform(*np.log(chain["dull_hz"])))) ** 8)
    toned = np.fft.irfft(spectrum * 10 ** (response / 20), n=len(audio))
    hiss = np.fft.rfft(random.standard_normal(len(audio))) * 10 ** (random.uniform(*chain["noise_tilt"]) * octaves / 20)
    noise = np.fft.irfft(hiss, n=len(audio))
    level = 10 ** (random.uniform(*chain["noise_db"]) / 20) * np.sqrt(np.mean(toned**2) / np.mean(noise**2))
    return (toned + level * noise).astype(np.float32)


def render(piece: Piece, seconds: float = 4.0, recorded: bool = True) -> Rendering:
    """Render the first ``seconds`` of a piece, ``recorded`` or dry; the same piece gives the same samples."""
    random = np.random.default_rng([piece.seed, 5])
    samples = int(seconds * RATE)
    raw = {stem.role: _stem(stem, piece.tempo, samples) for stem in piece.stems}
    if piece.drum_loop:
        loop = drum_loop()
        raw["drums"] = np.resize(loop, samples).astype(np.float32)
    elif piece.kit and piece.hits:
        raw["drums"] = _drums(piece.kit, piece.hits, piece.tempo, samples)
    levels = {stem.role: stem.level_db for stem in piece.stems} | {"drums": piece.drum_level_db}
    for role, audio in raw.items():
        raw[role] = audio * float(10 ** ((levels[role] + random.normal(0, 1.5)) / 20) / _sounding_level(audio))
    stems = {role: soxr.resample(audio, RATE, SAMPLE_RATE).astype(np.float32) for role, audio in raw.items()}
    length = int(seconds * SAMPLE_RATE)
    drums = stems.get("drums", np.zeros(length, dtype=np.float32))
    low = [stem.role for stem in piece.stems if "bass" in stem.instrument or stem.instrument == "tuba"]
    bass = sum((stems[role] for role in low), np.zeros(length, dtype=np.float32))
    rest = sum(
        (audio for role, audio in stems.items() if role not in (*low, "drums")), np.zeros(length, dtype=np.float32)
    )

    mix = piece.mix
    if mix.reverb:
        room = _room(int(6 + 24 * mix.reverb))
        rest = rest + 0.55 * mix.reverb * fftconvolve(rest, room)[:length].astype(np.float32)
        drums = drums + 0.2 * mix.reverb * fftconvolve(drums, room)[:length].astype(np.float32)
    if mix.sidechain:
        duck = _duck(piece, length)
        rest, bass = rest * duck, bass * duck
    audio = rest + bass + drums
    audio = audio / max(1e-4, float(np.sqrt(np.mean(audio**2)))) * LOUDNESS
    if mix.drive:
        audio = np.tanh(audio * (1 + 8 * mix.drive)) / (1 + 4 * mix.drive)
    if mix.wow:
        audio = _wow(audio, mix.wow, random)
    if mix.lowpass_hz:
        audio = filtered(np.repeat(audio, 2), "lowpass", mix.lowpass_hz)[::2]
    if mix.crackle:
        audio = audio + _crackle(length, mix.crackle, random)
    if recorded:
        audio = _recorded(audio, np.random.default_rng([piece.seed, 6]))
    audio = audio / max(1e-4, float(np.sqrt(np.mean(audio**2)))) * LOUDNESS * float(10 ** (random.normal(0, 1.2) / 20))
    return Rendering(_limited(audio), stems)


def _sounding_level(audio: Samples) -> float:
    """Root mean square over the frames of 50 ms that are within 30 dB of the loudest."""
    frames = audio[: len(audio) // 1600 * 1600].reshape(-1, 1600)
    power = np.mean(frames**2, axis=1)
    return max(1e-4, float(np.sqrt(power[power >= power.max() * 1e-3].mean())))


def _limited(audio: Samples) -> Samples:
    """Soft clipping of what is above 0.7."""
    over = np.abs(audio) > 0.7
    audio = audio.astype(np.float32)
    audio[over] = np.sign(audio[over]) * (0.7 + 0.29 * np.tanh((np.abs(audio[over]) - 0.7) / 0.29))
    return audio

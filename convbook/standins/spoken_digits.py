"""The stand-in for recordings of spoken digits: six voices, made from pulses and noise.

A voice is a train of pulses, the vocal cords, sent through a few resonances, the throat and mouth.
Consonants add noise, hissing in one band of frequencies or another. Each digit is a list of sounds;
what is between two sounds is glided over.
"""

import numpy as np

RATE, SECONDS = 8000, 1.0
FRAME, HOP = 256, 64  # sounds are filtered in frames of this many samples, so far apart
SPEAKERS = np.array(list("abcdef"))

# Each sound: its resonances F1, F2, F3 (Hz); how strong the voice, breath through the mouth, and
# hissing are; the hiss's centre and width (kHz); how long it lasts (ms).
_SOUNDS = {
    "iy": (280, 2250, 2900, 1.0, 0.0, 0.0, 3.0, 1.0, 150),
    "ih": (390, 1950, 2550, 1.0, 0.0, 0.0, 3.0, 1.0, 80),
    "eh": (540, 1800, 2480, 1.0, 0.0, 0.0, 3.0, 1.0, 95),
    "ah": (640, 1190, 2390, 1.0, 0.0, 0.0, 3.0, 1.0, 120),
    "aa": (730, 1150, 2440, 1.0, 0.0, 0.0, 3.0, 1.0, 110),
    "ao": (570, 850, 2410, 1.0, 0.0, 0.0, 3.0, 1.0, 140),
    "ow": (500, 900, 2350, 1.0, 0.0, 0.0, 3.0, 1.0, 110),
    "uh": (400, 800, 2240, 0.8, 0.0, 0.0, 3.0, 1.0, 90),
    "uw": (310, 950, 2240, 1.0, 0.0, 0.0, 3.0, 1.0, 190),
    "ax": (500, 1400, 2400, 0.7, 0.0, 0.0, 3.0, 1.0, 55),
    "r": (400, 1250, 1620, 0.8, 0.0, 0.0, 3.0, 1.0, 70),
    "w": (310, 620, 2200, 0.6, 0.0, 0.0, 3.0, 1.0, 60),
    "n": (250, 1350, 2300, 0.35, 0.0, 0.0, 3.0, 1.0, 85),
    "v": (260, 1100, 2100, 0.3, 0.1, 0.05, 2.5, 2.0, 65),
    "z": (260, 1550, 2500, 0.25, 0.0, 0.2, 3.7, 0.5, 90),
    "s": (320, 1550, 2550, 0.0, 0.0, 0.35, 3.8, 0.5, 115),
    "f": (350, 1100, 2100, 0.0, 0.05, 0.07, 2.6, 2.5, 95),
    "th": (320, 1300, 2550, 0.0, 0.03, 0.06, 3.2, 2.0, 85),
    "t": (350, 1750, 2600, 0.0, 0.3, 0.5, 3.4, 0.8, 35),
    "k": (350, 1900, 2500, 0.0, 0.2, 0.5, 1.9, 0.4, 30),
    "-": (350, 1700, 2500, 0.0, 0.0, 0.0, 3.0, 1.0, 60),  # the mouth is closed
}
_DIGITS = (
    "z ih r ow uh",
    "w ah n",
    "t uw",
    "th r iy",
    "f ao r",
    "f aa ih v",
    "s ih - k s",
    "s eh v ax n",
    "eh iy - t",
    "n aa ih n",
)
_NAMES = list(_SOUNDS)
_TABLE = np.array(list(_SOUNDS.values()), float)

# Each speaker: pitch (Hz), resonances times, breathiness, length times, loudness, darkness, noise,
# the echo's delay (samples) and strength.
_VOICES = np.array([
    (105, 0.97, 0.02, 1.15, 0.30, 0.75, 0.006, 210, 0.00),
    (128, 1.05, 0.06, 1.00, 0.45, 0.20, 0.020, 150, 0.25),
    (92, 0.90, 0.03, 1.25, 0.35, 0.50, 0.002, 330, 0.10),
    (165, 1.12, 0.10, 0.85, 0.25, 0.40, 0.004, 90, 0.30),
    (118, 1.00, 0.15, 0.90, 0.05, 0.60, 0.030, 260, 0.20),
    (205, 1.17, 0.05, 0.80, 0.08, 0.10, 0.012, 120, 0.15),
])  # fmt: skip
# A speaker's own way with each sound: at most so far from the table, as a share, are resonances,
# strengths, the hiss's centre, the length. And so far a take is from the speaker's own way.
_COLUMNS = [3, 3, 1, 1]
ACCENT = np.repeat([0.37, 0.8, 0.25, 0.5], _COLUMNS)
TAKE = np.repeat([0.12, 0.7, 0.15, 0.4], _COLUMNS)
_ACCENTS = 1 + ACCENT * np.random.default_rng(8).uniform(-1, 1, (len(SPEAKERS), len(_TABLE), 8))
_VARIED = [0, 1, 2, 3, 4, 5, 6, 8]


def make(rng, split: str, n: int) -> dict[str, np.ndarray]:
    """``n`` recordings ``x``, what is said, and who speaks, as they are stored."""
    order = rng.permutation(n)
    y = order % 10
    who = (order // 10 + y + rng.integers(len(SPEAKERS))) % len(SPEAKERS)
    x = np.zeros((n, int(RATE * SECONDS)), np.int16)
    scores = [_score(rng, digit, speaker) for digit, speaker in zip(y, who, strict=True)]
    for i, sound in enumerate(_speak(rng, scores, who)):
        x[i, : len(sound)] = sound
    return {"x": x, "y": y.astype(np.uint8), "speaker": SPEAKERS[who].astype("<U8")}


def _score(rng, digit: int, speaker: int) -> np.ndarray:
    """What the mouth does in each frame: a row of F1, F2, F3 and the five of the table after it."""
    sounds = [_NAMES.index(name) for name in _DIGITS[digit].split()]
    targets = _TABLE[sounds]
    targets[:, _VARIED] *= _ACCENTS[speaker, sounds]
    targets[:, _VARIED] *= 1 + TAKE * rng.uniform(-1, 1, (len(sounds), 8))
    targets[:, :3] *= _VOICES[speaker, 1]
    targets, lengths = targets[:, :8], targets[:, 8] * _VOICES[speaker, 3] * rng.uniform(1.1, 1.5)
    lengths *= min(1, 780 / lengths.sum())
    ends = np.cumsum(lengths)
    glide = np.minimum(0.3 * lengths, 25)
    glide[np.isin(sounds, [_NAMES.index("t"), _NAMES.index("k")])] = 4
    times = np.stack([ends - lengths + glide, ends - glide], axis=1).ravel()
    times = np.concatenate([[-8], times, [ends[-1] + 8]])  # from silence, and back to it
    keys = np.repeat(targets, 2, axis=0)[[0, *range(2 * len(sounds)), -1]]
    keys[[0, -1], 3:6] = 0
    frames = np.arange(max(1, int(ends[-1] * RATE / 1000) // HOP)) * (1000 * HOP / RATE)
    return np.stack([np.interp(frames, times, key) for key in keys.T], axis=1)


def _speak(rng, scores: list[np.ndarray], who: np.ndarray) -> list[np.ndarray]:
    """The sound of each score: int16."""
    frames = [len(score) for score in scores]
    lengths = [HOP * (count - 1) + FRAME for count in frames]
    pulses = [_pulses(rng, k, _VOICES[who[i], 0]) for i, k in enumerate(lengths)]
    hiss = [rng.uniform(-1, 1, k) for k in lengths]
    score, voice = np.concatenate(scores), _VOICES[np.repeat(who, frames)]
    window = np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME)
    pulses, hiss = (np.fft.rfft(_cut(source, frames) * window) for source in (pulses, hiss))

    hertz = np.arange(FRAME // 2 + 1) * (RATE / FRAME)
    resonances = np.concatenate([score[:, :3], 3500 * voice[:, 1:2]], axis=1)
    throat = 1 / (1 + hertz * voice[:, 5:6] / 400)  # the cords' pulses are not sharp
    for k, width in enumerate((70, 100, 150, 250)):
        ratio = hertz / resonances[:, k : k + 1]
        throat = throat / (1 - ratio * ratio + 1j * ratio * (width / resonances[:, k : k + 1]))
    teeth = (hertz / 1000 - score[:, 6:7]) / score[:, 7:8]
    breath = score[:, 4:5] + voice[:, 2:3] * score[:, 3:4]
    spectrum = throat * (score[:, 3:4] * pulses + breath * hiss)
    spectrum += score[:, 5:6] / (1 + teeth * teeth) * hiss
    pieces = np.split(np.fft.irfft(spectrum) * window, np.cumsum(frames)[:-1])
    return [
        _recorded(rng, piece, _VOICES[speaker]) for piece, speaker in zip(pieces, who, strict=True)
    ]


def _pulses(rng, length: int, pitch: float) -> np.ndarray:
    """A train of pulses whose pitch falls, without anything above half the rate."""
    start, end = pitch * rng.uniform(1.0, 1.25), pitch * rng.uniform(0.75, 1.0)
    hertz = np.linspace(start, end, length)
    turns = np.cumsum(hertz) / RATE
    half = np.pi * (turns - np.floor(turns)) + 1e-9
    harmonics = 2 * np.floor(RATE / 2 / max(start, end)) - 1
    return np.sin(harmonics * half) / np.sin(half) / 10


def _cut(sources: list[np.ndarray], frames: list[int]) -> np.ndarray:
    """All frames of all sources, one below the other."""
    views = [
        np.lib.stride_tricks.sliding_window_view(source, FRAME)[::HOP][:count]
        for source, count in zip(sources, frames, strict=True)
    ]
    return np.concatenate(views)


def _recorded(rng, pieces: np.ndarray, voice: np.ndarray) -> np.ndarray:
    """Frames, added up where they overlap, in the speaker's room: int16."""
    sound = np.zeros((len(pieces) + FRAME // HOP - 1, HOP))
    for k in range(FRAME // HOP):
        sound[k : k + len(pieces)] += pieces[:, k * HOP : (k + 1) * HOP]
    sound = sound.ravel()[FRAME // 2 : FRAME // 2 + HOP * len(pieces)]
    sound = sound / np.abs(sound).max()
    delay, echo = int(voice[7]), voice[8]
    sound[delay:] += echo * sound[:-delay].copy()
    sound += voice[6] * rng.uniform(-1, 1, len(sound))
    loud = np.flatnonzero(np.abs(sound) > 0.04)
    sound = sound[max(0, loud[0] - 80) : loud[-1] + 80]  # cut as recordings are: to the digit
    return np.round(sound * (voice[4] * rng.uniform(0.5, 1.6) * 32767 / 1.4)).astype(np.int16)

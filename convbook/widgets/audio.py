"""A player for a short sound, made in a notebook: the page holds the sound itself."""

import base64
import io
import wave
from html import escape

import numpy as np

LONGEST = 2.0  # seconds


class Audio:
    """Made by :func:`audio`. Any page or notebook that shows HTML can play it."""

    def __init__(self, samples: np.ndarray, rate: int, label: str):
        self.samples, self.rate, self.label = samples, rate, label

    def __repr__(self) -> str:
        return f"Audio({self.label!r}, {len(self.samples) / self.rate:.2f} s)"

    def wav(self) -> bytes:
        """The sound as a WAV file: one channel, 8 bits a sample."""
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(1)
            writer.setframerate(self.rate)
            writer.writeframes(self.samples.tobytes())
        return file.getvalue()

    def _repr_html_(self) -> str:
        label, source = escape(self.label), base64.b64encode(self.wav()).decode()
        return (
            '<p style="display: flex; flex-wrap: wrap; align-items: center; gap: 0.75em">'
            f'<audio controls preload="metadata" aria-label="{label}"'
            f' src="data:audio/wav;base64,{source}"></audio> <span>{label}</span></p>'
        )


def audio(samples, rate: int, label: str) -> Audio:
    """Play a sound in the page. It is scaled so that its loudest sample is full scale.

    The samples are rounded to 8 bits, so that a sound computed on another machine, whose sine may
    differ in the last bit, gives the same page.

    Parameters
    ----------
    samples : 1-D array of numbers, any scale, at most 2 seconds; it is not changed.
    rate : whole number, samples a second.
    label : what is heard; it stands beside the player, and a screen reader says it.

    Raises
    ------
    ValueError : samples is not one row of finite numbers, or is longer; or the label is empty.
    """
    samples = np.asarray(samples, dtype=float)
    if samples.ndim != 1 or not samples.size or not np.isfinite(samples).all():
        raise ValueError(f"samples must be one row of finite numbers; its shape is {samples.shape}")
    if len(samples) > LONGEST * rate:
        raise ValueError(f"{len(samples) / rate:.1f} seconds; a page holds {LONGEST:g} of a sound")
    if not label.strip():
        raise ValueError("a player needs a label")
    loudest = np.abs(samples).max()
    scaled = samples * (127 / loudest) if loudest else samples
    return Audio((np.round(scaled) + 128).astype(np.uint8), int(rate), label)

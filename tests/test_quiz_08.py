"""The right answers of chapter 08's quiz, computed."""

import numpy as np
import pytest
from questions import choices, right_choices, stated_numbers

RATE = 8000


def tone(hertz, n=RATE):
    return np.cos(2 * np.pi * hertz * np.arange(n) / RATE)


def heard(hertz):
    """The strongest frequency in one second of samples."""
    return int(np.abs(np.fft.rfft(tone(hertz))).argmax())


def mel(hertz):
    return 2595 * np.log10(1 + hertz / 700)


def stft_layer(keras):
    layer = keras.layers.Conv1D(2 * 129, 256, strides=160, use_bias=False)
    layer.build((None, RATE, 1))
    return layer


def numbers(keras):
    samples = np.array([1, 0, -1, 0] * 2)
    layer = stft_layer(keras)
    loud, quiet = (np.sum((scale * tone(440)) ** 2) for scale in (1, 0.1))
    return {
        "alias": heard(5000),
        "dft-by-hand": abs(np.fft.fft(samples)[2]),
        "frames": layer.compute_output_shape((None, RATE, 1))[1],
        "decibels": 10 * np.log10(loud / quiet),
        "conv-weights": layer.count_params(),
        "mel": round(mel(4000)),
    }


def test_the_numbers_are_right(keras):
    assert numbers(keras) == pytest.approx(stated_numbers("08"))


def test_the_chirp_rises_and_falls():
    heard_at = [heard(hertz) for hertz in range(0, 8001, 500)]
    assert heard_at == [*range(0, 4001, 500), *range(3500, -1, -500)]
    assert right_choices("08", "chirp") == ["a tone that rises, then falls"]


def test_a_delay_turns_the_angle():
    n = np.arange(8)
    before, after = (np.fft.fft(np.cos(np.pi * (n - d) / 2))[2] for d in (0, 0.5))
    assert abs(before) == pytest.approx(abs(after))
    assert np.degrees(np.angle(before) - np.angle(after)) == pytest.approx(45)
    assert right_choices("08", "dft-delay") == ["its angle only"]


def test_the_window_widens_a_line():
    n = np.arange(256)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / 256)
    wave = np.sin(2 * np.pi * 20 * n / 256)
    wide = [(np.abs(np.fft.rfft(wave * w)) > 1e-6).sum() for w in (np.ones(256), hann)]
    assert wide == [1, 3]
    assert right_choices("08", "window-price") == ["The line of each tone becomes wider."]


def dip(values):
    """The least value between the peaks of the two halves, over the lower peak."""
    half = len(values) // 2
    peaks = values[:half].argmax(), half + values[half:].argmax()
    return values[peaks[0] : peaks[1] + 1].min() / values[list(peaks)].min()


def separated(length, fft_length=None):
    """Whether frames of this length show two tones 40 Hz apart, two clicks 80 samples apart."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    tones = (tone(1000, length) + tone(1040, length)) * window
    between = np.abs(np.fft.rfft(tones, 64 * (fft_length or length)))
    hertz = np.linspace(0, RATE / 2, len(between))
    near = between[(hertz > 950) & (hertz < 1090)]
    clicks = np.zeros(2 * length + 400)
    clicks[[length + 100, length + 180]] = 1
    energy = np.convolve(clicks, window**2)
    start = length + 100 + length // 2 - 60
    return dip(near) < 0.5, dip(energy[start : start + 200]) < 0.5


def test_no_frame_separates_both():
    assert separated(64) == separated(64, 512) == (False, True)
    assert separated(512) == (True, False)
    assert right_choices("08", "trade-off") == ["none of these"]
    for length in range(64, 1024, 8):
        assert not all(separated(length)), length


def test_which_mel_bands_are_empty(keras):
    layer = keras.layers.MelSpectrogram(fft_length=256, sampling_rate=RATE, num_mel_bins=128)
    weights = layer.linear_to_mel_weight_matrix(128, 129, RATE, 20.0, 4000.0)
    empty = keras.ops.convert_to_numpy(weights).sum(axis=0) == 0
    assert empty[:40].any()
    assert not empty[40:].any()
    assert right_choices("08", "empty-bands") == ["Some of the low bands get no frequency at all."]


def test_the_floor_is_that_of_the_batch(keras):
    layer = keras.layers.MelSpectrogram(
        fft_length=256, sequence_stride=160, sampling_rate=RATE, num_mel_bins=20
    )
    clips = np.stack([tone(500), 1e-4 * tone(500)]).astype("float32")
    both = keras.ops.convert_to_numpy(layer(clips))
    assert both.min() == pytest.approx(both.max() - 80, abs=1e-3)
    alone = keras.ops.convert_to_numpy(layer(clips[1:]))
    assert alone.min() < both[1].min() - 10
    assert right_choices("08", "top-db") == ["of the batch"]


def test_a_sound_and_its_negative_have_one_spectrogram():
    x = np.random.default_rng(0).normal(size=256)
    np.testing.assert_allclose(np.abs(np.fft.rfft(-x)), np.abs(np.fft.rfft(x)))
    assert right_choices("08", "phase") == [choices("08", "phase")[3]]


def test_what_quieter_changes():
    """Images that count from each clip's loudest value do not see it, as the quiz says."""
    power = np.random.default_rng(1).uniform(1, 2, size=100)
    db = [10 * np.log10(p / p.max()) for p in (power, power / 100)]
    np.testing.assert_allclose(*db)
    assert "make it quieter" in right_choices("08", "augment")

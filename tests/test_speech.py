"""The stand-in for spoken digits: what it is made of, and that it behaves like recordings."""

import numpy as np
import pytest

from convbook import data, standins


@pytest.fixture(scope="module")
def made():
    return {split: standins.make("spoken_digits", split, 300) for split in standins.SPLITS}


def test_it_is_stored_as_real_recordings_are(made):
    for arrays in made.values():
        assert arrays["x"].shape == (300, 8000)
        assert arrays["x"].dtype == np.int16
        assert arrays["y"].dtype == np.uint8
        assert arrays["speaker"].dtype == np.dtype("<U8")


def test_it_is_the_same_every_time_and_its_beginning_does_not_depend_on_its_length(made):
    again = standins.make("spoken_digits", "train", 130)
    for key, values in again.items():
        assert (values == made["train"][key][:130]).all(), key


def test_no_recording_is_in_both_splits_or_twice(made):
    every = np.concatenate([arrays["x"] for arrays in made.values()])
    assert len(np.unique(every, axis=0)) == len(every)


def test_digits_and_speakers_are_balanced_in_each_hundred(made):
    for arrays in made.values():
        for start in range(0, 300, standins.CHUNK):
            rows = slice(start, start + standins.CHUNK)
            y, speaker = arrays["y"][rows], arrays["speaker"][rows]
            assert (np.bincount(y) == 10).all()
            counts = np.unique(speaker, return_counts=True)[1]
            assert len(counts) == 6
            assert counts.min() >= 16
            pairs = {(digit, who) for digit, who in zip(y.tolist(), speaker, strict=True)}
            assert len(pairs) == 60, "every speaker says every digit"


def test_a_recording_begins_at_once_and_ends_in_silence(made):
    for x in made["train"]["x"]:
        length = np.flatnonzero(x)[-1] + 1
        assert 0.1 * 8000 < length < 0.85 * 8000
        loud = np.flatnonzero(abs(x.astype(int)) > abs(x.astype(int)).max() / 30)
        assert loud[0] < 0.03 * 8000, "no silence before the digit"
        assert 0.005 < abs(x.astype(float)).max() / 32767 < 0.99, (
            "it can be heard, and is not clipped"
        )


def features(x):
    """Levels in 20 bands and 12 stretches of the digit: (n, 240)."""
    out = []
    for sound in x / 32768:
        sound = sound[: np.flatnonzero(sound)[-1] + 1]
        starts = np.linspace(0, max(0, len(sound) - 256), 12).astype(int)
        power = [abs(np.fft.rfft(sound[s : s + 256] * np.hanning(256), 256)) ** 2 for s in starts]
        bands = np.add.reduceat(np.array(power)[:, 2:], np.arange(20) * 6, axis=1)
        level = np.log(bands + 1e-6)
        out.append((level - level.mean()).ravel())
    return np.array(out)


def accuracy(x, y, x_test, y_test):
    """Of a ridge regression onto the classes, a tiny linear network."""
    names = np.unique(y)
    mean, std = x.mean(axis=0), x.std(axis=0)
    x, x_test = (x - mean) / std, (x_test - mean) / std
    weights = np.linalg.solve(x.T @ x + 100 * np.eye(x.shape[1]), x.T @ (y[:, None] == names))
    return (names[(x_test @ weights).argmax(axis=1)] == y_test).mean()


def test_it_can_be_learned_and_is_harder_from_a_speaker_never_heard():
    train, test = (standins.make("spoken_digits", split, 600) for split in standins.SPLITS)
    x, x_test = features(train["x"]), features(test["x"])
    by_recording = accuracy(x, train["y"], x_test, test["y"])
    held_out = []
    for who in np.unique(train["speaker"]):
        others, alone = train["speaker"] != who, test["speaker"] == who
        held_out.append(accuracy(x[others], train["y"][others], x_test[alone], test["y"][alone]))
    assert 0.6 < by_recording < 0.99
    assert 0.2 < np.mean(held_out) < by_recording - 0.1
    assert accuracy(x, train["speaker"], x_test, test["speaker"]) > 0.8, "a voice is known again"


def test_load_gives_it_in_seconds(monkeypatch, tmp_path):
    monkeypatch.setenv("CONVBOOK_OFFLINE", "1")
    monkeypatch.setenv("CONVBOOK_DATA", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    digits = data.load("spoken_digits", train=60, test=30)
    assert digits.x_train.shape == (60, 8000)
    assert digits.rate == 8000
    assert digits.x_train.dtype == np.float32
    assert abs(digits.x_train).max() <= 1
    assert digits.speaker_test.shape == (30,)

"""The player: what it plays is the sound it was given, and the page is the same every time."""

import base64
import io
import re
import wave

import numpy as np
import pytest

from convbook.widgets import audio

RATE = 8000


def tone(seconds=0.5, hertz=440):
    return np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE)


def played(player):
    """The rate and the samples, −1 to 1, that a browser finds in the page."""
    source = re.search(r'src="data:audio/wav;base64,([^"]+)"', player._repr_html_()).group(1)
    with wave.open(io.BytesIO(base64.b64decode(source))) as reader:
        assert (reader.getnchannels(), reader.getsampwidth()) == (1, 1)
        frames = reader.readframes(reader.getnframes())
        return reader.getframerate(), (np.frombuffer(frames, np.uint8) - 128.0) / 127


def test_it_plays_what_it_was_given():
    samples = tone()
    before = samples.copy()
    rate, heard = played(audio(samples, RATE, "a tone"))
    assert rate == RATE
    assert (samples == before).all()
    np.testing.assert_allclose(heard, samples / abs(samples).max(), atol=0.5 / 127 + 1e-9)


def test_a_quiet_sound_is_played_as_loudly_as_a_loud_one():
    assert audio(tone() / 1000, RATE, "q").wav() == audio(tone() * 5, RATE, "q").wav()


def test_silence_stays_silent():
    assert (played(audio(np.zeros(100), RATE, "silence"))[1] == 0).all()


def test_last_bits_do_not_change_the_page():
    nearly = tone() * (1 + 1e-15)
    assert audio(nearly, RATE, "a")._repr_html_() == audio(tone(), RATE, "a")._repr_html_()


def test_its_label_is_seen_and_read_aloud_and_escaped():
    html = audio(tone(), RATE, 'a <"tone">')._repr_html_()
    assert 'aria-label="a &lt;&quot;tone&quot;&gt;"' in html
    assert "<span>a &lt;&quot;tone&quot;&gt;</span>" in html
    assert "controls" in html
    assert "autoplay" not in html


def test_its_text_holds_no_memory_address():
    assert repr(audio(tone(), RATE, "a tone")) == "Audio('a tone', 0.50 s)"


def test_a_second_takes_11_kilobytes_of_the_page():
    assert len(audio(tone(1), RATE, "a tone")._repr_html_()) < 11_200


@pytest.mark.parametrize(
    ("samples", "label", "message"),
    [
        (np.zeros((2, 5)), "two rows", "one row"),
        ([], "nothing", "one row"),
        ([0.0, np.nan], "not a number", "finite"),
        (np.zeros(3 * RATE), "long", "3.0 seconds"),
        (np.zeros(5), " ", "label"),
    ],
)
def test_what_it_cannot_play_is_refused(samples, label, message):
    with pytest.raises(ValueError, match=message):
        audio(samples, RATE, label)

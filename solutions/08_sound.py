# %% [markdown]
# # Lab 08 · Sound
#
# You build the way from a recording to a word: WAV files, a voice of your own making, spectrograms, mel bands, an honest split, augmentation, a network for speakers it has never heard. At the end it listens to you. Ten exercises, 34 points, about three hours.
#
# **How it works.** Each exercise has a cell with a comment such as `# Exercise 8.2 · voice (3 points)`. Write your answer there, and leave that comment in place: the grader finds your answer by it. Run the *try it* cell and compare with what the text promises. Then run the *check* cell: if it prints nothing, the check passes; if not, its message says what to look at. Hidden tests use other numbers when the lab is graded, so an answer must be right in general. Later exercises may call your earlier functions: mend those first. You may add cells wherever you like.
#
# Use NumPy, SciPy or Keras as you wish, in float32 or float64. The [chapter](../book/08_sound.ipynb) has all you need.

# %% tags=["nbval-skip", "skip-execution", "remove-cell"]
try:
    import google.colab  # noqa: F401
except ImportError:
    pass
else:
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/convbook/convbook")

# %% nbgrader={"grade_id": "setup", "locked": true}
import io
import math
import wave

import keras
import matplotlib.pyplot as plt
import numpy as np
from numpy.testing import assert_allclose
from scipy import signal

from convbook import data, figures
from convbook.widgets import audio, progress

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy

# %% [markdown]
# ## 8.1 The tone that you hear (2 points)
#
# With 8,000 samples a second, a tone of 5,000 Hz leaves exactly the same samples behind as a lower tone (or the same with all signs changed). Nobody who has only the samples can tell them apart, so what you hear is the lower one.
#
# **Predict** first: which tone is it? And for 8,000 Hz, or 9,000? Then write the rule for any tone and any rate. The tone may lie far above the rate.


# %% nbgrader={"grade_id": "alias", "solution": true}
# Exercise 8.1 · alias (2 points)
def alias(frequency, rate):
    """The tone that is heard of a sampled tone: the one with the same samples, up to half the rate.

    frequency : float, or array of floats of any shape, in Hz, 0 or more; not changed.
    rate : samples a second.
    Returns a float, or an array of the same shape, from 0 to rate / 2.
    """
    ### BEGIN SOLUTION
    return abs(frequency - rate * np.round(frequency / rate))
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print 440, 3000, 0 and 1000.

# %%
for frequency in (440, 5000, 8000, 9000):
    print(round(float(alias(frequency, 8000))))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "alias-check", "points": 1}
def _check():
    for frequency, rate, heard, hint in [
        (440, 8000, 440, "below half the rate, a tone is heard as it is"),
        (4000, 8000, 4000, "exactly half the rate can still be told"),
        (5000, 8000, 3000, "as far below 4,000 as it is above"),
        (9000, 8000, 1000, "one turn and an eighth a sample looks like an eighth of a turn"),
        (20500, 8000, 3500, "two turns and a half, and a bit: fold more than once"),
        (700, 1000, 300, "another rate: half of it is 500 Hz"),
    ]:
        answer = alias(frequency, rate)
        assert_allclose(answer, heard, atol=1e-6, err_msg=f"{frequency} Hz at {rate}: {hint}")
    tones = np.array([[100.0, 4100.0, 8100.0]])
    hint = "an array of tones gives an array of the same shape"
    assert np.shape(alias(tones, 8000)) == (1, 3), hint
    assert_allclose(alias(tones, 8000), [[100, 3900, 100]], err_msg=hint)


_check()


# %% nbgrader={"grade_id": "alias-hidden", "points": 1}
# Hidden tests of exercise 8.1: the samples of other tones at other rates (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(81)
    for rate in (8000, 11025, 44100, 48.0):
        tones = rng.uniform(0, 7 * rate, (4, 25))
        tones[0, :6] = np.arange(6) * rate / 2
        kept = tones.copy()
        heard = np.asarray(alias(tones, rate))
        assert (tones == kept).all()
        assert heard.shape == (4, 25)
        assert heard.min() >= 0
        assert heard.max() <= rate / 2
        turns = np.arange(40)[:, None, None] / rate
        assert_allclose(
            np.cos(2 * np.pi * turns * heard), np.cos(2 * np.pi * turns * tones), atol=1e-4
        )
        assert_allclose(alias(tones[1, 1], rate), heard[1, 1])


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 8.2 A voice from nothing (3 points)
#
# A voiced sound is a buzz that went through a tube. The buzz holds all multiples of its pitch, the *harmonics*: 1, 2, 3, … times. The tube, your throat and mouth, lets through what is near one of its resonances, the *formants* $F_k$. At sample $i$, with the pitch $p_i$, harmonic $h$ has the strength
#
# $$a_{h,i} = \sum_k \frac{1}{1 + \bigl((h\,p_i - F_{k,i}) / \text{bandwidth}\bigr)^2},$$
#
# and the voice is $\sum_h a_{h,i} \sin(h\,\varphi_i)$. In one sample the phase grows by the share of a turn that the pitch makes in it:
#
# $$\varphi_i = \frac{2\pi}{\text{rate}}\,(p_0 + p_1 + \dots + p_i).$$
#
# Why not $2\pi\,p\,t$? Take a pitch that rises evenly from 100 to 200 Hz. The formula $\sin(2\pi\,p(t)\,t)$ ends at 300 Hz: it is wrong, though it looks right. (Its derivative shows why.)
#
# How many harmonics are there? All those **below half the rate, at that sample**: $h\,p_i < \text{rate}/2$. You know from 8.1 what would become of the others. So where the pitch rises, some fall silent on the way, and where not even the first is left, the voice is silent.


# %% nbgrader={"grade_id": "voice", "solution": true}
# Exercise 8.2 · voice (3 points)
def voice(pitch, formants, rate, bandwidth=100.0):
    """A voiced sound from its pitch and formants.

    pitch : array (n,), in Hz at each sample, above 0, and somewhere below rate / 2.
    formants : array (n, k), in Hz. rate : samples a second. bandwidth : float, in Hz.
    Returns a float array (n,), scaled so that its largest magnitude is 0.9.
    The inputs are not changed.
    """
    ### BEGIN SOLUTION
    phase = 2 * np.pi / rate * np.cumsum(pitch)
    samples = np.zeros(len(pitch))
    for h in range(1, math.ceil(rate / 2 / min(pitch)) + 1):
        tone = h * np.asarray(pitch)
        strength = (1 / (1 + ((tone[:, None] - formants) / bandwidth) ** 2)).sum(axis=1)
        samples += np.where(tone < rate / 2, strength * np.sin(h * phase), 0)
    return 0.9 * samples / abs(samples).max()
    ### END SOLUTION


# %% [markdown]
# *Try it.* Say "one" in slow motion: from the lips' narrow *w* through an open vowel to the closed *n*, with the voice falling. The formants are round numbers, as phonetics books have them. Press play. It should sound like a robot that says "one", and print 4800 and 0.9.

# %%
marks = [0, 0.08, 0.2, 0.4, 0.6]  # seconds
seconds = np.arange(4800) / 8000
tracks = [(310, 400, 640, 500, 250), (620, 800, 1190, 1250, 1350), (2200, 2250, 2390, 2350, 2300)]
formants = np.stack([np.interp(seconds, marks, track) for track in tracks], axis=1)
loudness = np.interp(seconds, [0, 0.05, 0.35, 0.5, 0.6], [0, 1, 1, 0.4, 0])
word = voice(np.linspace(140, 95, 4800), formants, 8000)
print(len(word), round(float(abs(word).max()), 3))
audio(word * loudness, 8000, "one, by a robot")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "voice-check", "points": 1}
def _check():
    n, pitch = 400, np.linspace(1500, 2500, 400)
    answer = np.asarray(voice(pitch, np.full((n, 1), 1000.0), 8000, 1e9))
    assert answer.shape == (n,), f"one number a sample: ({n},), not {answer.shape}"
    assert_allclose(abs(answer).max(), 0.9, rtol=1e-3, err_msg="the largest magnitude is 0.9")
    phase = 2 * np.pi * np.cumsum(pitch) / 8000
    glide = np.sin(phase) + (2 * pitch < 4000) * np.sin(2 * phase)
    hint = "the phase is a running sum, and harmonic 2 sounds while it is below 4,000 Hz"
    assert_allclose(answer, 0.9 * glide / abs(glide).max(), atol=2e-3, err_msg=hint)
    steady, tube = np.full(8000, 500.0), np.tile([1000.0, 2500.0], (8000, 1))
    answer = abs(np.fft.rfft(voice(steady, tube[:, :1], 8000)))
    hint = "100 Hz beside a formant the strength is a half; here it is 500 Hz: 1 / (1 + 5²)"
    assert_allclose(answer[[500, 1500]] / answer[1000], 1 / 26, atol=2e-3, err_msg=hint)
    answer = abs(np.fft.rfft(voice(steady, tube, 8000)))
    hint = "two formants: add up what each of them lets through"
    expected = np.array([1 / 26 + 1 / 401, 1 + 1 / 226]) / (1 + 1 / 226)
    assert_allclose(answer[[500, 2500]] / answer[1000], expected, atol=4e-3, err_msg=hint)
    kept = pitch.copy()
    voice(pitch, np.full((n, 1), 1000.0), 8000)
    assert (pitch == kept).all(), "leave the pitch as it is"


_check()


# %% nbgrader={"grade_id": "voice-hidden", "points": 2}
# Hidden tests of exercise 8.2: other voices, sample by sample (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(82)
    for n, rate, low, high, k in [
        (160, 8000, 310, 520, 3),
        (90, 11025, 900, 400, 2),
        (70, 4000, 130, 700, 4),
    ]:
        pitch, formants = np.linspace(low, high, n), rng.uniform(200, rate / 2, (n, k))
        kept, expected, phase = (pitch.copy(), formants.copy()), np.zeros(n), 0.0
        for i in range(n):
            phase += 2 * math.pi * pitch[i] / rate
            h = 1
            while h * pitch[i] < rate / 2:
                away = (h * pitch[i] - formants[i]) / 150
                expected[i] += sum(1 / (1 + away**2)) * math.sin(h * phase)
                h += 1
        answer = voice(pitch, formants, rate, bandwidth=150)
        assert_allclose(answer, 0.9 * expected / abs(expected).max(), atol=2e-3)
        assert (pitch == kept[0]).all()
        assert (formants == kept[1]).all()


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 8.3 WAV files (4 points)
#
# A WAV file is a short header and then the samples as whole numbers. Between them some programs put more, such as their own name, so the samples need not begin at byte 44. Python's `wave` knows all that, and writes and reads it; a file of bytes in memory is `io.BytesIO`. What is left to you is where most mistakes are made:
#
# - **16 bits** a sample: from −32,768 to 32,767, two bytes, the lower one first (NumPy's `"<i2"`). A value $x$ is stored as the whole number next to $32768\,x$, and read as that number over 32,768. What is too loud must be **clipped** to the range. If you only convert, 1.01 becomes −0.99, and the loudest moments crackle.
# - **8 bits** a sample: from 0 to 255, and silence is **128**: a number $v$ stands for $(v - 128)/128$.
# - **Several channels**: sample by sample in turn, left, right, left, right. Average them, and mind the range: two loud 16-bit numbers added up do not fit into 16 bits.
#
# `read_wav` gets bytes that a stranger sent. What is not a WAV file, or has neither 8 nor 16 bits a sample, raises a `ValueError`.


# %% nbgrader={"grade_id": "wav", "solution": true}
# Exercise 8.3 · wav (4 points)
def write_wav(samples, rate):
    """Float samples (n,), not changed, as the bytes of a WAV file: one channel, 16 bits."""
    ### BEGIN SOLUTION
    numbers, memory = np.clip(np.round(samples * 32768.0), -32768, 32767), io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(numbers.astype("<i2").tobytes())
    return memory.getvalue()
    ### END SOLUTION


def read_wav(recording):
    """Samples of a WAV file with 8 or 16 bits a sample and any number of channels, from its bytes.

    Returns (samples, rate): the channels' mean, floats (n,), −1 up to 1; samples a second, an int.
    Raises ValueError if it is no such file.
    """
    ### BEGIN SOLUTION
    try:
        file = wave.open(io.BytesIO(recording))  # noqa: SIM115
        channels, width, rate, length = file.getparams()[:4]
    except (wave.Error, EOFError):
        width = 0
    if width not in (1, 2):
        raise ValueError("this is not a WAV file of 8 or 16 bits a sample")
    zero, unit = (128, 128) if width == 1 else (0, 32768)
    numbers = np.frombuffer(file.readframes(length), "u1" if width == 1 else "<i2")
    return (numbers.reshape(-1, channels).mean(axis=1) - zero) / unit, rate
    ### END SOLUTION


# %% [markdown]
# *Try it.* Five samples take 10 bytes, and the header 44. This should print 54, then `[ 0.    0.5  -0.25 -1.    1.  ] 8000`: the last sample was too loud.

# %%
recording = write_wav(np.array([0, 0.5, -0.25, -1, 1.7]), 8000)
samples, rate = read_wav(recording)
print(len(recording))
print(np.round(samples, 3), rate)

# %% [markdown]
# *Check.* First what you write, then what you read.


# %% nbgrader={"grade_id": "wav-check", "points": 1}
def _check():
    given = np.array([0, 0.25, 1, 3, -1, -9, 0.99999, 10 / 32768])
    kept = given.copy()
    written = write_wav(given, 11025)
    assert isinstance(written, bytes), "give bytes, as open(…, 'rb') would read them"
    assert (given == kept).all(), "leave the samples as they are"
    with wave.open(io.BytesIO(written)) as file:
        channels, width, rate, length = file.getparams()[:4]
        numbers = np.frombuffer(file.readframes(length), "<i2")
    assert (channels, width, rate) == (1, 2, 11025), "one channel, 2 bytes a sample, the rate"
    assert numbers.shape == (8,), f"8 samples, not {len(numbers)}"
    assert (numbers[[0, 1, 7]] == [0, 8192, 10]).all(), "0.25 is stored as 8192"
    assert (numbers[[2, 3, 4, 5]] == [32767, 32767, -32768, -32768]).all(), "clip what is too loud"
    assert numbers[6] == 32767, "32767.67 is nearest to 32768, which does not fit: clip after that"


_check()


# %% nbgrader={"grade_id": "wav_file", "locked": true}
def wav_file(numbers, width, rate=8000):
    """A WAV file, as bytes, of whole numbers (n, channels) of a width in bytes."""
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setnchannels(np.shape(numbers)[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        kind = {1: "u1", 2: "<i2", 4: "<i4"}[width]
        file.writeframes(np.asarray(numbers).astype(kind).tobytes())
    return memory.getvalue()


# %% nbgrader={"grade_id": "wav-check-2", "points": 1}
def _check():
    samples, rate = read_wav(wav_file([[0], [16384], [-32768]], 2, 16000))
    assert rate == 16000, "the rate stands in the file"
    assert np.shape(samples) == (3,), f"one number a sample, in one axis; not {np.shape(samples)}"
    assert_allclose(samples, [0, 0.5, -1], atol=1e-6, err_msg="16 bits: divide by 32768")
    samples, _ = read_wav(wav_file([[128], [192], [0]], 1))
    assert_allclose(samples, [0, 0.5, -1], atol=1e-6, err_msg="8 bits: 128 is silence, not 0")
    samples, _ = read_wav(wav_file([[32000, 32000], [-100, 300]], 2))
    hint = "two channels, in turn: (32000 + 32000) / 2 / 32768, then (−100 + 300) / 2 / 32768"
    assert_allclose(samples, [32000 / 32768, 100 / 32768], atol=1e-6, err_msg=hint)
    for bad, what in [
        (b"", "an empty file"),
        (b"ID3 a song in MP3", "another kind of file"),
        (b"RIFF", "a file that ends after four bytes"),
        (wav_file([[5]], 2)[:30], "a file whose header is cut off"),
        (wav_file([[5]], 4), "a file with 32 bits a sample"),
    ]:
        try:
            read_wav(bad)
        except ValueError:
            continue
        except Exception as error:
            raise AssertionError(f"{what}: ValueError, not {type(error).__name__}") from None
        raise AssertionError(f"{what} must raise ValueError")


_check()


# %% nbgrader={"grade_id": "wav-hidden", "points": 2}
# Hidden tests of exercise 8.3: other files, there and back (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(83)
    name = b"LIST" + bytes([18, 0, 0, 0]) + b"INFOISFT" + bytes([6, 0, 0, 0]) + b"Hidden"
    for width, low, high in [(1, 0, 256), (2, -32768, 32768)]:
        for channels in (1, 2, 3):
            numbers = rng.integers(low, high, (50, channels))
            numbers[0] = high - 1
            expected = (numbers.mean(axis=1) - (128 if width == 1 else 0)) / (high - low) * 2
            plain = wav_file(numbers, width, 22050)
            size = (len(plain) + 18).to_bytes(4, "little")
            for file in (plain, plain[:4] + size + plain[8:36] + name + plain[36:]):
                samples, rate = read_wav(file)
                assert rate == 22050
                assert_allclose(samples, expected, atol=1e-5)
    for loud in rng.normal(0, 0.7, 400), rng.normal(0, 0.7, 400).astype("float32"):
        samples, rate = read_wav(write_wav(given := loud.copy(), 9000))
        assert (rate, *given) == (9000, *loud)
        assert_allclose(samples, np.clip(loud, -1, 32767 / 32768), atol=0.51 / 32768)
    for bad in (b"RIFF", bytes(100), plain[:30], wav_file([[5, 6]], 4)):
        try:
            read_wav(bad)
        except ValueError:
            continue
        raise AssertionError("what is no WAV file of 8 or 16 bits must raise ValueError")


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 8.4 Any recording into one second (4 points)
#
# The network's recordings have 8,000 samples a second, begin with the word, and are 8,000 samples long, with zeros after the word. Yours may come with 44,100 samples a second and two seconds of waiting before you speak. Make it what the network knows, in this order:
#
# 1. **Rate.** Taking every $k$-th sample would fold all that is above 4,000 Hz into your voice (8.1). `scipy.signal.resample_poly(samples, up, down)` filters that out first; use it with its default filter, and the ratio up : down as whole numbers without a common divisor. If the rate is right already, nothing changes.
# 2. **Silence.** A sample is loud if its magnitude is at least `threshold` times the largest magnitude. Drop what is before the first loud sample and after the last one. Pauses inside the word stay.
# 3. **Length.** Keep the first `length` samples. If there are fewer, add zeros at the end.
#
# A recording of nothing but zeros stays zeros.


# %% nbgrader={"grade_id": "prepare", "solution": true}
# Exercise 8.4 · prepare (4 points)
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    """A recording at another rate, without silence around it, of a given length.

    samples : float array (n,), n ≥ 1; not changed. rate, new_rate : int, samples a second.
    length : int. threshold : float, 0 to 1.
    Returns a new float32 array (length,).
    """
    ### BEGIN SOLUTION
    if rate != new_rate:
        common = math.gcd(rate, new_rate)
        samples = signal.resample_poly(samples, new_rate // common, rate // common)
    loud = np.flatnonzero(abs(samples) >= threshold * abs(samples).max())
    kept = samples[loud[0] : loud[-1] + 1][:length]
    clip = np.zeros(length, "float32")
    clip[: len(kept)] = kept
    return clip
    ### END SOLUTION


# %% [markdown]
# *Try it.* A tone of a fifth of a second, in the middle of one second at 48,000 Hz, becomes 1,600 samples at the start. So this should print `(8000,) float32`, then 1600 and `[0. 0. 0.]`.

# %%
tone = np.zeros(48000)
tone[20000:29600] = np.sin(2 * np.pi * 440 * np.arange(9600) / 48000)
clip = prepare(tone, 48000)
print(clip.shape, clip.dtype)
print(np.flatnonzero(clip)[-1] + 1, clip[-3:])

# %% [markdown]
# *Check.* First without another rate, then with one.


# %% nbgrader={"grade_id": "prepare-check", "points": 1}
def _check():
    given = np.array([0, 0.01, 0.2, 0, -1, 0.3, 0.02, 0, 0])
    kept = given.copy()
    clip = prepare(given, 10, new_rate=10, length=6)
    assert isinstance(clip, np.ndarray), "return an array"
    assert clip.dtype == np.float32, f"in float32, not {clip.dtype}"
    assert clip.shape == (6,), f"6 samples long, not {clip.shape}"
    hint = "the loudest is −1, so 0.2, −1 and 0.3 are loud; what is between them stays"
    assert_allclose(clip, [0.2, 0, -1, 0.3, 0, 0], atol=1e-6, err_msg=hint)
    clip = prepare(given, 10, new_rate=10, length=3)
    assert_allclose(clip, [0.2, 0, -1], atol=1e-6, err_msg="too long: keep the first samples")
    clip = prepare(given, 10, new_rate=10, length=4, threshold=0.3)
    hint = "loud means at least threshold · loudest, and 0.3 is exactly that"
    assert_allclose(clip, [-1, 0.3, 0, 0], atol=1e-6, err_msg=hint)
    clip = prepare(given / 50, 10, new_rate=10, length=4)
    hint = "a quiet recording: what is loud depends on its own loudest sample"
    assert_allclose(clip, np.array([0.2, 0, -1, 0.3]) / 50, atol=1e-6, err_msg=hint)
    assert (given == kept).all(), "leave the recording as it is"
    clip = prepare(np.zeros(20), 10, new_rate=10, length=5)
    assert_allclose(clip, np.zeros(5), err_msg="zeros stay zeros")


_check()


# %% nbgrader={"grade_id": "prepare-check-2", "points": 1}
def _check():
    seconds = np.arange(12000) / 16000
    low, high = np.sin(2 * np.pi * 1000 * seconds), np.sin(2 * np.pi * 6500 * seconds)
    spectrum = abs(np.fft.rfft(prepare(low + high, 16000, length=4000)))
    found = 2 * np.flatnonzero(spectrum > 0.2 * spectrum.max())
    hint = "1,000 Hz stays 1,000 Hz: resample, and do not just rename the rate"
    assert (abs(found - 1000) < 20).any(), hint
    hint = "a tone of 6,500 Hz turned up at 1,500 Hz: filter before you drop samples"
    assert not (abs(found - 1500) < 20).any(), hint
    late = np.concatenate([np.zeros(5000), low, np.zeros(3000)])
    expected = signal.resample_poly(late, 1, 2)
    expected = expected[np.flatnonzero(abs(expected) >= 0.05 * abs(expected).max())[0] :][:1000]
    hint = "first the rate, then the silence, then the length"
    assert_allclose(prepare(late, 16000, length=1000), expected, atol=1e-5, err_msg=hint)
    assert (prepare(late, 16000)[6100:] == 0).all(), "after the word come zeros"


_check()


# %% nbgrader={"grade_id": "prepare-hidden", "points": 2}
# Hidden tests of exercise 8.4: other recordings, rates and lengths (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(84)
    for rate, new_rate, length, threshold in [
        (44100, 8000, 3000, 0.05),
        (8000, 8000, 700, 0.3),
        (6000, 8000, 1500, 0.1),
        (22050, 11025, 200, 0.02),
    ]:
        word = rng.normal(size=900) * np.sin(np.linspace(0, 3 * np.pi, 900))
        given = np.concatenate([1e-4 * rng.normal(size=400), 0.3 * word, np.zeros(300)])
        kept = given.copy()
        expected = signal.resample_poly(given, new_rate, rate) if rate != new_rate else given
        level = abs(expected).max() * threshold
        first = next(i for i, x in enumerate(expected) if abs(x) >= level)
        last = max(i for i, x in enumerate(expected) if abs(x) >= level)
        expected = np.pad(expected[first : last + 1], (0, length))[:length]
        clip = prepare(given, rate, new_rate, length, threshold)
        assert (clip.dtype, clip.shape) == (np.float32, (length,))
        assert_allclose(clip, expected, atol=1e-5)
        assert (given == kept).all()
    full = np.ones(50, "float32")
    assert not np.shares_memory(prepare(full, 8000, length=50), full)
    assert (prepare(np.zeros(99), 44100, length=7) == np.zeros(7)).all()


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 8.5 Power, then decibels (4 points)
#
# **The spectrogram.** Cut the samples into frames, each `hop_length` samples after the one before, as long as the window. Only whole frames count. Multiply each frame by the window. Lengthen it by zeros at its end to `fft_length`, and take the squared magnitude of its Fourier transform. That is a finer grid of frequencies, not a finer view: the window alone decides what can be told apart. Do it for any number of recordings at once, whatever axes come before the samples.
#
# **Decibels.** Power spans many powers of ten, so take $10 \log_{10}$ of it, relative to the loudest value of *the same recording*. Then a recording looks the same however far away the microphone was. Values below −`top_db` become −`top_db`, and zeros with them. In a recording of nothing but zeros, every value is −`top_db`, and nothing warns of a division.


# %% nbgrader={"grade_id": "spectrogram", "solution": true}
# Exercise 8.5 · spectrogram (4 points)
def power_spectrogram(samples, window, hop_length, fft_length=None):
    """Power of each frequency in each frame.

    samples : float array (..., n). window : array (frame_length,). Both are not changed.
    hop_length : int. fft_length : int, frame_length or more; None means frame_length.
    Returns an array (..., frames, fft_length // 2 + 1). ValueError if frame_length is above
        fft_length or n.
    """
    ### BEGIN SOLUTION
    last = samples.shape[-1] - len(window)
    if (fft_length or len(window)) < len(window) or last < 0:
        raise ValueError("fft_length or the recording is shorter than a frame")
    starts = np.arange(0, last + 1, hop_length)
    frames = samples[..., starts[:, None] + np.arange(len(window))] * window
    return abs(np.fft.rfft(frames, fft_length)) ** 2
    ### END SOLUTION


def decibels(power, top_db=80.0):
    """Power in decibels, relative to the loudest value of each recording.

    power : float array (..., frames, bands), 0 or more; not changed. top_db : float above 0.
    Returns an array of the same shape, from −top_db to 0.
    """
    ### BEGIN SOLUTION
    loudest = power.max(axis=(-2, -1), keepdims=True)
    share = power / np.where(loudest > 0, loudest, 1)
    return 10 * np.log10(np.maximum(share, 10 ** (-top_db / 10)))
    ### END SOLUTION


# %% [markdown]
# *Try it.* A tone with a period of 4 samples stands in bin 4 of a frame of 16. With a window of ones it adds up to an amplitude of 8 there, half of the 16 samples, so to a power of 64. This should print `(2, 9)`, then 64 in the middle of zeros, then −40 for each zero.

# %%
tone = np.sin(np.pi / 2 * np.arange(25))
power = power_spectrogram(tone, np.ones(16), hop_length=8)
print(power.shape)
print(np.round(power[0]).astype(int))
print(np.round(decibels(power, top_db=40)[0]).astype(int))

# %% [markdown]
# *Check.* First the power, then the decibels.


# %% nbgrader={"grade_id": "spectrogram-check", "points": 1}
def _check():
    given = np.array([[1.0, 0, 0, 0, 2, 0, 0], [0, 1, 0, 3, 0, 0, 9]])
    window, kept = np.array([1.0, 0.5, 0.5]), given.copy()
    answer = np.asarray(power_spectrogram(given, window, 2))
    hint = "3 frames start at 0, 2 and 4; of 3 samples there are 2 frequencies"
    assert answer.shape == (2, 3, 2), f"{hint}: (2, 3, 2), not {answer.shape}"
    hint = "at 0 Hz it is the squared sum of the windowed frame"
    assert_allclose(answer[..., 0], [[1, 1, 4], [0.25, 2.25, 20.25]], atol=1e-4, err_msg=hint)
    finer = np.asarray(power_spectrogram(given[0], window, 2, fft_length=8))
    assert finer.shape == (3, 5), f"fft_length 8 gives 5 frequencies: (3, 5), not {finer.shape}"
    assert_allclose(finer[2], [4] * 5, rtol=1e-4, err_msg="a click holds all frequencies")
    assert_allclose(finer[1], [1] * 5, rtol=1e-4, err_msg="a click at the end of a frame, as well")
    sine = np.sin(2 * np.pi * np.arange(64) / 8)
    answer = power_spectrogram(sine, np.ones(64), 64)
    assert_allclose(answer[0, 8], 32**2, rtol=1e-3, err_msg="power is the magnitude squared")
    assert (given == kept).all(), "leave the samples as they are"
    for arguments in [(given, window, 2, 2), (given[:, :2], window, 1)]:
        try:
            power_spectrogram(*arguments)
        except ValueError:
            continue
        raise AssertionError("a frame longer than fft_length or than the recording: ValueError")


_check()


# %% nbgrader={"grade_id": "spectrogram-check-2", "points": 1}
def _check():
    given = np.array([[[100.0, 10.0], [1.0, 0.0]], [[2.0, 0.02], [2e-9, 1.0]]])
    kept = given.copy()
    answer = np.asarray(decibels(given, top_db=50))
    assert answer.shape == given.shape, f"the shape stays {given.shape}; yours is {answer.shape}"
    hint = "10 · log10(power / loudest): 0 for the loudest, −10 for a tenth, never below −50"
    assert_allclose(answer[0], [[0, -10], [-20, -50]], atol=1e-3, err_msg=hint)
    hint = "each recording has a loudest value of its own"
    assert_allclose(answer[1], [[0, -20], [-50, -3.0103]], atol=1e-3, err_msg=hint)
    hint = "a million times quieter, the decibels are the same"
    assert_allclose(decibels(given * 1e-12, top_db=50), answer, atol=1e-3, err_msg=hint)
    assert (given == kept).all(), "leave the power as it is"
    with np.errstate(all="raise"):
        try:
            silent = decibels(np.zeros((2, 3)), top_db=30)
        except FloatingPointError:
            raise AssertionError("silence: a division by zero, or its logarithm") from None
    assert_allclose(silent, np.full((2, 3), -30), atol=1e-3, err_msg="silence is −top_db")


_check()


# %% nbgrader={"grade_id": "spectrogram-hidden", "points": 1}
# Hidden tests of exercise 8.5: power of other recordings and windows, against SciPy (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(85)
    for shape, window, hop, fft_length in [
        ((400,), signal.get_window("hann", 64), 16, None),
        ((3, 131), rng.uniform(0.1, 1, 20), 7, 33),
        ((2, 2, 90), np.hamming(15), 15, 64),
        ((1, 100), rng.uniform(0.1, 1, 11), 25, 11),
    ]:
        samples = rng.normal(size=shape)
        kept = samples.copy(), window.copy()
        frames = 1 + (shape[-1] - len(window)) // hop
        cuts = [samples[..., i * hop : i * hop + len(window)] for i in range(frames)]
        how = {"window": window, "nfft": fft_length, "detrend": False, "return_onesided": False}
        expected = [signal.periodogram(cut, scaling="spectrum", **how)[1] for cut in cuts]
        bins = (fft_length or len(window)) // 2 + 1
        expected = np.stack(expected, axis=-2)[..., :bins] * window.sum() ** 2
        answer = power_spectrogram(samples, window, hop, fft_length)
        assert np.shape(answer) == expected.shape
        assert_allclose(answer, expected, atol=1e-3)
        assert (samples == kept[0]).all()
        assert (window == kept[1]).all()


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "spectrogram-hidden-2", "points": 1}
# Hidden tests of exercise 8.5: decibels of other spectrograms, loud, quiet and silent (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(86)
    for shape, top_db in [((6, 5), 80.0), ((4, 7, 3), 20.0), ((2, 3, 4, 4), 60.0)]:
        power = rng.exponential(size=shape) ** 6 * rng.choice(
            [1e-12, 1.0, 1e6], (*shape[:-2], 1, 1)
        )
        power[..., 0, 0] = 0
        if len(shape) > 2:
            power[-1] = 0
        kept = power.copy()
        answer = np.asarray(decibels(power, top_db))
        assert answer.shape == shape
        assert (power == kept).all()
        for index in np.ndindex(shape[:-2]):
            for value, given in zip(answer[index].flat, power[index].flat, strict=True):
                loudest, expected = power[index].max(), -top_db
                if given > 0:
                    expected = max(10 * math.log10(given / loudest), -top_db)
                assert_allclose(value, expected, atol=1e-3)
    assert_allclose(decibels(np.full((2, 2), 3e-5)), 0, atol=1e-3)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 8.6 Another mel scale (4 points)
#
# There is more than one mel scale. The chapter, with Keras, uses one formula for all frequencies. Another, by Malcolm Slaney, is what the library librosa does unless told otherwise. Features made by one and a network trained on the other do not fit, and nothing warns you.
#
# - **The scale.** Up to 1,000 Hz it is a straight line: $m = 3f/200$, so that 1,000 Hz is 15 mel. Above, it is a logarithm: $m = 15 + 27\,\ln(f/1000)/\ln 6.4$, so that 6,400 Hz is 42 mel.
# - **The edges.** For $b$ bands take $b + 2$ frequencies from `low` to `high`, at equal distances *in mel*.
# - **The bands.** Band $j$ is a triangle over three neighbouring edges. It rises from 0 at edge $j$ to its peak at edge $j + 1$, and falls to 0 at edge $j + 2$, in straight lines *over Hz*. (Keras draws them straight over mel.)
# - **The heights.** Each triangle has the area 1 over Hz: so a wide one is low. How high is that?
#
# `power @ filters` then turns spectra into mel bands. A narrow triangle may fall between two bins of the Fourier transform. Its column is zero then, and the band stays empty: that is no mistake of yours, but a sign of too many bands.


# %% nbgrader={"grade_id": "mel_filters", "solution": true}
# Exercise 8.6 · mel_filters (4 points)
def hz_to_mel(frequency):
    """Slaney's mel of a frequency in Hz, 0 or more: a float, or an array of any shape."""
    ### BEGIN SOLUTION
    log = np.log(np.maximum(frequency, 1000) / 1000) / np.log(6.4)
    return 0.015 * np.minimum(frequency, 1000) + 27 * log
    ### END SOLUTION


def mel_to_hz(mel):
    """The way back: the frequency in Hz of Slaney's mel, a float, or an array of any shape."""
    ### BEGIN SOLUTION
    return np.minimum(mel, 15) / 0.015 * 6.4 ** (np.maximum(np.subtract(mel, 15), 0) / 27)
    ### END SOLUTION


def mel_filters(bands, fft_length, rate, low=0.0, high=None):
    """Triangles of area 1, at equal distances in mel: an array (fft_length // 2 + 1, bands).

    low, high : float, in Hz, 0 ≤ low < high ≤ rate / 2, else ValueError; None means rate / 2.
    """
    ### BEGIN SOLUTION
    if not 0 <= low < (high := rate / 2 if high is None else high) <= rate / 2:
        raise ValueError("0 ≤ low < high ≤ rate / 2 is needed")
    bins = np.arange(fft_length // 2 + 1)[:, None] * rate / fft_length
    edges = mel_to_hz(np.linspace(hz_to_mel(low), hz_to_mel(high), bands + 2))
    left, peak, right = edges[:-2], edges[1:-1], edges[2:]
    shape = np.minimum((bins - left) / (peak - left), (right - bins) / (right - peak))
    return np.maximum(shape, 0) * 2 / (right - left)
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print 7.5, 15 and 42 mel, then 500, 1000 and 6400 Hz. Then two triangles at 8,000 samples a second up to 1,000 Hz: in units of 0.001 a hertz, their values at 0, 250, 500, 750 and 1,000 Hz are 0, 2.25, 1.5, 0, 0 and 0, 0, 1.5, 2.25, 0.

# %%
print(hz_to_mel(np.array([500, 1000, 6400])), np.round(mel_to_hz(np.array([7.5, 15, 42]))))
print(np.round(1000 * mel_filters(2, 32, 8000, high=1000)[:5].T, 3) + 0.0)

# %% [markdown]
# *Check.* First the scale, then the triangles.


# %% nbgrader={"grade_id": "mel_filters-check", "points": 1}
def _check():
    hertz = np.array([[0, 200, 999], [1000, 2529.8221, 6400]])
    mels = np.array([[0, 3, 14.985], [15, 28.5, 42]])
    hint = "3f/200 up to 1,000 Hz, the logarithm above it, for each entry of the array"
    assert_allclose(hz_to_mel(hertz), mels, atol=1e-3, err_msg=hint)
    hint = "solve for f: one formula up to 15 mel, the other above"
    assert_allclose(mel_to_hz(mels), hertz, rtol=1e-3, atol=1e-3, err_msg=hint)
    assert_allclose(
        [hz_to_mel(100), mel_to_hz(1.5)], [1.5, 100], rtol=1e-4, err_msg="single floats"
    )


_check()


# %% nbgrader={"grade_id": "mel_filters-check-2", "points": 1}
def _check():
    filters = np.asarray(mel_filters(3, 80, 8000, low=200, high=1000))
    assert filters.shape == (41, 3), f"41 frequencies, 3 bands; yours is {filters.shape}"
    hint = "edges at 200, 400, 600, 800, 1000 Hz: the first band from 200 to 600, highest at 400"
    assert_allclose(filters[:8, 0] * 400, [0, 0, 0, 1, 2, 1, 0, 0], atol=1e-3, err_msg=hint)
    assert_allclose(filters[6, 1], 0.005, rtol=1e-3, err_msg="400 Hz wide: for area 1, 1/200 high")
    assert (filters[11:] == 0).all(), "nothing above `high`"
    filters = np.asarray(mel_filters(3, 80, 8000, low=250, high=950))
    hint = "an edge at 250 Hz lies between two bins, and stays there: do not round it"
    assert_allclose(filters[3, 0] * 350, 2 * 50 / 175, atol=1e-3, err_msg=hint)
    filters = np.asarray(mel_filters(6, 4096, 8000))
    hint = "each triangle has the area 1 over Hz, the wide ones too"
    assert_allclose(filters.sum(axis=0) * 8000 / 4096, 1, rtol=0.02, err_msg=hint)
    column = filters[:, 5]
    peak = column.argmax()
    hint = "the last band: straight lines over Hz; half way up it has half its height"
    edges = mel_to_hz(np.linspace(0, hz_to_mel(4000), 8))[-3:]
    assert_allclose(peak * 8000 / 4096, edges[1], atol=2, err_msg="the peaks: equal steps in mel")
    middle = round((edges[0] + edges[1]) / 2 / 8000 * 4096)
    assert_allclose(column[middle] / column[peak], 0.5, atol=0.01, err_msg=hint)
    for low, high in [(500, 500), (-1, None), (0, 4001), (4000, None)]:
        try:
            mel_filters(4, 64, 8000, low, high)
        except ValueError:
            continue
        raise AssertionError(f"low {low}, high {high} at 8,000 samples a second: ValueError")


_check()


# %% nbgrader={"grade_id": "mel_filters-hidden", "points": 2}
# Hidden tests of exercise 8.6: other scales and banks, triangle by triangle (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    hertz = np.linspace(0, 20000, 200001)
    mels = np.array([3 * f / 200 if f < 1000 else 15 + 27 * math.log(f / 1000, 6.4) for f in hertz])
    assert_allclose(hz_to_mel(hertz[:, None])[:, 0], mels, rtol=1e-4)
    assert_allclose(mel_to_hz(mels[:, None])[:, 0], hertz, rtol=1e-3, atol=1e-3)
    settings = [(40, 2048, 22050, 0.0, None), (7, 255, 8000, 300.0, 3400.0), (1, 64, 8000, 0, 4e3)]
    for bands, fft_length, rate, low, high in settings:
        filters = mel_filters(bands, fft_length, rate, low, high)
        ends = np.interp([low, high or rate / 2], hertz, mels)
        edges = np.interp(np.linspace(*ends, bands + 2), mels, hertz)
        bins = np.fft.rfftfreq(fft_length, 1 / rate)
        assert np.shape(filters) == (len(bins), bands)
        for j, (left, peak, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
            expected = np.interp(bins, [left, peak, right], [0, 2 / (right - left), 0])
            assert_allclose(np.asarray(filters)[:, j], expected, atol=1e-5)
    for low, high in [(4100, None), (0, 4500), (-5, 100), (300, 200)]:
        try:
            mel_filters(4, 64, 8000, low, high)
        except ValueError:
            continue
        raise AssertionError("frequencies that make no sense must raise ValueError")


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# **Look.** Your robot's word, through your own functions. Its three formants glide as you told them to.

# %% mystnb={"image": {"alt": "A mel spectrogram of six tenths of a second. Three bright stripes are the formants: the lower two rise until 0.2 seconds, then the lowest falls again. Fine lines across them are the harmonics."}}
power = power_spectrogram(word * loudness, np.hanning(256), 64, fft_length=512)
bands = decibels(power @ mel_filters(48, 512, 8000, low=60), top_db=60)
plt.figure(figsize=(figures.WIDTH, 2.6))
plt.imshow(bands.T, origin="lower", aspect="auto", cmap="magma", extent=(0.016, 0.584, 0, 48))
plt.gca().set(xlabel="time (s)", ylabel="mel band")
plt.colorbar(label="dB")
plt.show()

# %% [markdown]
# ## 8.7 No speaker on both sides (3 points)
#
# A network that is tested on speakers it was trained with is asked an easier question than the one you care about. Write the split that asks the right one, and all the splits that leave one speaker out.
#
# Names are whole words: "ann" is not "anna". A name that nobody has is most likely a typing mistake, and must not pass in silence.


# %% nbgrader={"grade_id": "split_by_speaker", "solution": true}
# Exercise 8.7 · split_by_speaker (3 points)
def split_by_speaker(speakers, held_out):
    """Which recordings to train with, and which to test with.

    speakers : array of str (n,), who speaks in each recording; not changed.
    held_out : list of str, the speakers for the test.
    Returns (train, test), two int arrays of indices, each in rising order.
    Raises ValueError if a name of held_out is not among the speakers, or if a side would be empty.
    """
    ### BEGIN SOLUTION
    unknown = set(held_out) - set(speakers)
    if unknown:
        raise ValueError(f"nobody is called {unknown}")
    out = np.isin(speakers, held_out)
    if out.all() or not out.any():
        raise ValueError("one side would be empty")
    return np.flatnonzero(~out), np.flatnonzero(out)
    ### END SOLUTION


def leave_one_out(speakers):
    """For each speaker the split that holds out this one alone, ordered by name.

    Returns a list of (name, train, test).
    Raises ValueError if there is one speaker only.
    """
    ### BEGIN SOLUTION
    return [(name, *split_by_speaker(speakers, [name])) for name in np.unique(speakers)]
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print `[1] [0 2 3 4]`, then three lines: anna `[0 1 3] [2 4]`, bo `[1 2 4] [0 3]`, cy `[0 2 3 4] [1]`.

# %%
who = np.array(["bo", "cy", "anna", "bo", "anna"])
print(*split_by_speaker(who, ["bo", "anna"]))
for fold in leave_one_out(who):
    print(*fold)

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "split_by_speaker-check", "points": 1}
def _check():
    who = np.array(["anna", "ann", "bo", "anna", "bo", "n"])
    kept = who.copy()
    for held_out, train, test in [
        (["anna"], [1, 2, 4, 5], [0, 3]),
        (["ann", "bo"], [0, 3, 5], [1, 2, 4]),
        (["bo", "n", "ann"], [0, 3], [1, 2, 4, 5]),
    ]:
        answer = split_by_speaker(who, held_out)
        assert np.asarray(answer[0]).dtype.kind == "i", "indices are ints, not names or booleans"
        assert list(answer[0]) == train, f"{held_out} held out: train with all others, in order"
        assert list(answer[1]) == test, f"{held_out} held out: test with these, whole names only"
    answer = [(name, list(train), list(test)) for name, train, test in leave_one_out(who)]
    assert [row[0] for row in answer] == ["ann", "anna", "bo", "n"], "each name once, in order"
    assert answer[2][1:] == ([0, 1, 3, 5], [2, 4]), "bo alone is held out in the third"
    assert (who == kept).all(), "leave the names as they are"
    for held_out, what in [
        (["Bo"], "a name that nobody has"),
        (["bo", "cy"], "one name that nobody has, beside one that is there"),
        ([], "an empty test"),
        (["ann", "anna", "bo", "n"], "nobody left to train with"),
    ]:
        try:
            split_by_speaker(who, held_out)
        except ValueError:
            continue
        raise AssertionError(f"{what} must raise ValueError")


_check()


# %% nbgrader={"grade_id": "split_by_speaker-hidden", "points": 2}
# Hidden tests of exercise 8.7: more speakers, in another order (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(87)
    for names in (["x", "xy", "xyz", "yz"], ["d", "c", "e e", "Ab", "b", "a"]):
        who = rng.permutation(np.repeat(names, rng.integers(1, 9, len(names))))
        kept = who.copy()
        for held_out in (names[:1], names[1:3], names[:0:-1]):
            for side, out in zip(split_by_speaker(who, held_out), (False, True), strict=True):
                assert list(side) == [i for i, name in enumerate(who) if (name in held_out) == out]
        assert [fold[0] for fold in leave_one_out(who)] == sorted(names)
        for name, *sides in leave_one_out(who):
            for side, same in zip(sides, (False, True), strict=True):
                assert list(side) == [i for i, other in enumerate(who) if (other == name) == same]
        assert (who == kept).all()
        for wrong in (["q"], [names[0], "Q"], [], names):
            try:
                split_by_speaker(who, wrong)
            except ValueError:
                continue
            raise AssertionError("a split that makes no sense must raise ValueError")
    try:
        list(leave_one_out(np.array(["me", "me"])))
    except ValueError:
        return
    raise AssertionError("one speaker cannot be left out")


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 8.8 Holes and other throats (4 points)
#
# Two kinds of augmentation that only sound has.
#
# **A mask** hides a strip of the spectrogram, a stretch of time or a range of frequencies, so that the network cannot rest on one detail. For *each example* draw a width from 0 to `largest`, both possible and all as likely, and then the strip's start, among all places where it fits, all as likely. All draws come from the generator `rng`: the same seed gives the same masks.
#
# **Another throat.** In a shorter throat all formants lie higher, by about the same factor. So stretch the spectrogram's band axis: band $b$ of the result is what was at $b/\text{factor}$ before, on the straight line between the two bands beside that place. Beyond the last band, its value is repeated. (This treats mel as if it were Hz: close at low frequencies, rough at high ones. The chapter's function takes its factor the other way round.)


# %% nbgrader={"grade_id": "augment", "solution": true}
# Exercise 8.8 · augment (4 points)
def mask(batch, rng, axis, largest, value=0.0):
    """Hide a random strip of each spectrogram of a float array (n, frames, bands): a new array.

    rng : np.random.Generator. axis : 1 to hide frames, 2 to hide bands. The dtype stays.
    largest : int, 0 to the size of this axis. value : float, what stands in the strip.
    """
    ### BEGIN SOLUTION
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, largest, endpoint=True)
        start = rng.integers(0, len(strips) - width, endpoint=True)
        strips[start : start + width] = value
    return masked
    ### END SOLUTION


def stretch(batch, factors):
    """Stretch the band axis of each spectrogram by a factor of its own.

    batch : float array (n, frames, bands). factors : float array (n,), above 0. Not changed.
    Returns a new array of the same shape and dtype.
    """
    ### BEGIN SOLUTION
    bands, stretched = np.arange(batch.shape[2]), np.empty_like(batch)
    for i, t in np.ndindex(batch.shape[:2]):
        stretched[i, t] = np.interp(bands / factors[i], bands, batch[i, t])
    return stretched
    ### END SOLUTION


# %% [markdown]
# *Try it.* The first line shows how wide the masks of 200 examples are: `[0 1 2 3]`, all widths that may be. Then a peak in band 4 moves to band 6, three halves as high up. It is wider now: 0.33, 1 and 0.33, in bands 5, 6 and 7.

# %%
holes = mask(np.ones((200, 10, 6)), np.random.default_rng(8), axis=1, largest=3)
print(np.unique((holes == 0).all(axis=2).sum(axis=1)))
peak = np.eye(10)[4].reshape(1, 1, 10)
print(np.round(stretch(peak, np.array([1.5]))[0, 0], 2))

# %% [markdown]
# *Check.* First the masks, then the throats.


# %% nbgrader={"grade_id": "augment-check", "points": 1}
def _check():
    batch = np.arange(1.0, 240001.0, dtype="float32").reshape(6000, 8, 5)
    kept = batch.copy()
    for axis, largest in [(1, 4), (2, 5)]:
        answer = mask(batch, np.random.default_rng(1), axis, largest, value=-1)
        assert (batch == kept).all(), "leave the batch as it is, and return a new one"
        assert answer.shape == batch.shape, "the shape stays"
        assert answer.dtype == batch.dtype, f"the dtype stays {batch.dtype}, not {answer.dtype}"
        hidden = answer == -1
        assert (answer[~hidden] == batch[~hidden]).all(), "what is not hidden stays as it was"
        strips = hidden.all(axis=3 - axis)
        whole = hidden == np.expand_dims(strips, 3 - axis)
        assert whole.all(), f"axis {axis}: a strip is hidden over the whole other axis"
        edges = abs(np.diff(strips.astype(int), axis=1, prepend=0, append=0)).sum(axis=1)
        assert (edges <= 2).all(), "one strip an example, without gaps"
        widths = strips.sum(axis=1)
        share = np.bincount(widths, minlength=largest + 1) / 6000 * (largest + 1)
        hint = f"widths from 0 to {largest}, all as likely, whole, and one for each example"
        assert len(share) == largest + 1 and abs(share - 1).max() < 0.2, hint
        share = strips[widths == 1].mean(axis=0) * strips.shape[1]
        assert abs(share - 1).max() < 0.35, "all starts where the strip fits are as likely"
        again = mask(batch, np.random.default_rng(1), axis, largest, value=-1)
        assert (again == answer).all(), "draw from rng only: the same seed, the same masks"
    answer = mask(batch, np.random.default_rng(1), 1, 0)
    assert (answer == batch).all(), "largest 0 hides nothing"


_check()


# %% nbgrader={"grade_id": "augment-check-2", "points": 1}
def _check():
    batch = np.stack([[[0.0, 10, 20, 30]], [[5.0, 1, 1, 9]], [[0.0, 4, 0, 8]]]).astype("float32")
    factors = np.array([2.0, 1.0, 0.5])
    kept = batch.copy()
    answer = stretch(batch, factors)
    assert (batch == kept).all(), "leave the batch as it is, and return a new one"
    assert answer.shape == batch.shape, f"the shape stays {batch.shape}, not {answer.shape}"
    assert answer.dtype == batch.dtype, f"the dtype stays {batch.dtype}, not {answer.dtype}"
    hint = "factor 2: band b has what was at b / 2, so 0, 5, 10, 15"
    assert_allclose(answer[0], [[0, 5, 10, 15]], atol=1e-4, err_msg=hint)
    assert_allclose(answer[1], batch[1], atol=1e-4, err_msg="factor 1 changes nothing")
    hint = "factor 0.5: from 2·b, and beyond the last band its value"
    assert_allclose(answer[2], [[0, 0, 8, 8]], atol=1e-4, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "augment-hidden", "points": 1}
# Hidden tests of exercise 8.8: how often each width and each place comes (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    n = 6000
    for axis, size, largest in [(1, 7, 3), (2, 4, 4)]:
        shape = (n, 7, 3) if axis == 1 else (n, 3, 4)
        batch = np.random.default_rng(88).normal(size=shape) + 9
        kept = batch.copy()
        answer = mask(batch, np.random.default_rng(89), axis, largest, value=0.5)
        assert (batch == kept).all()
        hidden = answer == 0.5
        assert (answer[~hidden] == batch[~hidden]).all()
        strips = hidden.all(axis=3 - axis)
        assert (hidden == np.expand_dims(strips, 3 - axis)).all()
        widths = strips.sum(axis=1)
        for width in range(largest + 1):
            rows = strips[widths == width]
            expected = n / (largest + 1)
            assert abs(len(rows) - expected) < 5 * expected**0.5, f"width {width}: {len(rows)}"
            starts = np.bincount(rows.argmax(axis=1), minlength=size) if width else []
            for start, count in enumerate(starts):
                fits = start + width <= size
                expected = len(rows) / (size - width + 1) * fits
                assert abs(count - expected) <= 5 * expected**0.5, f"start {start}: {count}"
                assert all(rows[rows.argmax(axis=1) == start].sum(axis=1) == width)


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "augment-hidden-2", "points": 1}
# Hidden tests of exercise 8.8: other throats, band by band (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(90)
    for n, frames, bands in [(5, 3, 12), (4, 1, 7), (6, 9, 40)]:
        batch = rng.normal(size=(n, frames, bands))
        factors = rng.uniform(0.6, 1.7, n)
        kept = batch.copy(), factors.copy()
        answer = stretch(batch, factors)
        assert answer.shape == batch.shape
        for i, t in np.ndindex(n, frames):
            places = [b / factors[i] for b in range(bands)]
            expected = np.interp(places, range(bands), batch[i, t])
            assert_allclose(answer[i, t], expected, atol=1e-4)
        assert (batch == kept[0]).all()
        assert (factors == kept[1]).all()
        assert not np.shares_memory(stretch(batch, np.ones(n)), batch)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 8.9 Voices it has never heard (4 points)
#
# Now a network. Here is one function that makes images of recordings: 63 frames, 32 mel bands, −1 for 60 dB below the loudest up to 1 for the loudest. It is Keras' layer this time, not yours, so that one slip above does not cost you twice.
#
# Keras' own `top_db` cuts at the loudest value of the whole batch, as you saw in the chapter. So here it is out of reach, and each recording is cut by itself, as in 8.5.

# %% nbgrader={"grade_id": "features", "locked": true}
mel_spectrogram = keras.layers.MelSpectrogram(
    fft_length=256, sequence_stride=128, sequence_length=256, sampling_rate=8000,
    num_mel_bins=32, min_freq=60.0, max_freq=4000.0, top_db=300.0, min_power=1e-20,
)  # fmt: skip


def features(recordings):
    """Images (n, 63, 32, 1), frames by mel bands, of recordings (n, 8000) at 8,000 samples a second."""
    level = to_numpy(mel_spectrogram(np.asarray(recordings, "float32")))
    level = np.maximum(level - level.max(axis=(1, 2), keepdims=True), -60) / 30 + 1
    return level.transpose(0, 2, 1)[..., None]


# %% [markdown]
# In the data set each word stands at the very start of its second. Nobody who speaks to your network will be so punctual, so each word is moved to a place drawn at random.

# %% nbgrader={"grade_id": "images", "locked": true}
speech = data.load("spoken_digits", train=1200, test=250)
images = features(np.concatenate([speech.x_train, speech.x_test]))
digits = np.concatenate([speech.y_train, speech.y_test])
who = np.concatenate([speech.speaker_train, speech.speaker_test])
studied = np.arange(len(who)) < len(speech.y_train)
rng = np.random.default_rng(89)
for image in images:
    end = np.flatnonzero((image > -1).any(axis=(1, 2)))[-1] + 1
    image[:] = np.roll(image, rng.integers(0, 63 - end, endpoint=True), axis=0)

# %% [markdown]
# The test is the hard one. The speakers are dealt into three groups. Three times, a new network of yours learns from two of the groups and is asked about the third. So each answer is about a voice that this network has never heard. Build a network that
#
# - begins with `keras.Input((63, 32, 1))` and has a convolution among its layers (`Conv1D`, `Conv2D`, separable or depthwise),
# - has **20,000 parameters at most**, and ends in a softmax over 10 classes,
# - understands **55 % of the strangers' words**. The training is given: 12 passes over some 800 recordings. Aim at 60 %: you see half of the recordings, and on the other half the grader asks for 50 %.
#
# A dense network of that size stays below that. **Think** before you build. The same word may stand anywhere in the second: so what should the network do with *where in time* something was found? And with *where in frequency*: is a formant at 400 Hz the same as one at 2,000 Hz? Those decisions matter more than the number of layers.
#
# (The grader takes the stand-in where it has no recordings. To see what it sees, restart with the environment variable `CONVBOOK_OFFLINE=1`.)


# %% nbgrader={"grade_id": "build_model", "solution": true}
# Exercise 8.9 · build_model (4 points)
def build_model():
    """A new convolutional network for images (63, 32, 1) in 10 classes, not trained."""
    ### BEGIN SOLUTION
    return keras.Sequential(
        [
            keras.Input((63, 32, 1)),
            keras.layers.Reshape((63, 32)),  # a frame's bands are its channels
            keras.layers.Conv1D(32, 5, activation="relu"),
            keras.layers.MaxPooling1D(2),
            keras.layers.Conv1D(48, 5, activation="relu"),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    ### END SOLUTION


# %% [markdown]
# *Try it.* How many parameters do you have?

# %%
build_model().count_params()

# %% [markdown]
# *Training.* Three times, half a minute in all at most; the grader stops a cell after 60 seconds.

# %% nbgrader={"grade_id": "train", "locked": true}
answers, guesses = np.zeros((2, len(who), 10), "float32")
friends = []
for group in range(3):
    strange = np.isin(who, np.unique(who)[group::3])
    keras.utils.set_random_seed(group)
    model = build_model()
    guesses[strange] = to_numpy(model(images[strange]))
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    known, new = studied & ~strange, ~studied & ~strange
    model.fit(images[known], digits[known], batch_size=32, epochs=12, verbose=progress())
    answers[strange] = to_numpy(model(images[strange]))
    guessed = to_numpy(model(images[new])).argmax(axis=-1)
    friends.append((guessed == digits[new]).mean())
correct = answers.argmax(axis=1) == digits
print(f"new words of known speakers ≈ {np.mean(friends):.1%}")
print(f"words of strangers ≈ {correct.mean():.1%}")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "build_model-check", "points": 2}
def _check():
    parts = list(model.layers)
    for layer in parts:
        parts += getattr(layer, "layers", [])  # a model in a model
    kinds = [type(layer).__name__ for layer in parts]
    assert any("Conv" in kind for kind in kinds), "use a convolution"
    assert model.count_params() <= 20_000, (
        f"{model.count_params():,} parameters; 20,000 are allowed"
    )
    assert_allclose(answers.sum(axis=1), 1, atol=1e-3, err_msg="end in a softmax")
    accuracy = correct[::2].mean()
    assert accuracy >= 0.55, f"{accuracy:.1%} of half the strangers' words; 55 % are needed"


_check()


# %% nbgrader={"grade_id": "build_model-hidden", "points": 2}
# Hidden tests of exercise 8.9: the other half of the recordings; the networks began untrained (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    assert model.count_params() <= 20_000
    accuracy = correct[1::2].mean()
    assert accuracy >= 0.5, f"{accuracy:.1%} of the other half; 50 % are needed there"
    assert (guesses.argmax(axis=1) == digits).mean() < 0.4, "build_model gave a trained model"


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# The first number is what a split by recording would have promised. **Go on.** Which strangers are hard to understand, and which digits? Print `correct[who == name].mean()` for each name. Then let `mask` and `stretch` change the recordings before each pass, and look again. Not each of them helps: your numbers decide.
#
# ## 8.10 Say something (2 points)
#
# The last step: from the bytes of a file to an answer in words. You have all the parts: `read_wav`, `prepare`, `features` and a network. Give the likeliest names with their probabilities. A recording of nothing but zeros has no answer: raise a `ValueError`, since the network would name a digit all the same.


# %% nbgrader={"grade_id": "classify", "solution": true}
# Exercise 8.10 · classify (2 points)
def classify(recording, model, names, top=3):
    """What is said in a recording.

    recording : bytes of a WAV file, at any rate, of any length.
    model : Keras model on images (n, 63, 32, 1), which ends in a softmax.
    names : sequence of str, the names of its classes. top : int, 1 to the number of names.
    Returns a list of the top pairs (name, probability), str and float, the likeliest first.
    Raises ValueError if it is no WAV file that read_wav can read, or silent.
    """
    ### BEGIN SOLUTION
    clip = prepare(*read_wav(recording))
    if not clip.any():
        raise ValueError("the recording is silent")
    probabilities = to_numpy(model(features(clip[None])))[0]
    best = np.argsort(-probabilities)[:top]
    return [(names[i], float(probabilities[i])) for i in best]
    ### END SOLUTION


# %% [markdown]
# *Try it.* Your robot says its word to the network, recorded at 8,000 samples a second, after a quarter of a second of silence. This should print three names with falling probabilities. Whether *one* is among them depends on the recordings it learned from: it never heard a robot.

# %%
said = write_wav(np.concatenate([np.zeros(2000), 0.8 * word * loudness]), 8000)
for name, probability in classify(said, model, speech.class_names):
    print(f"the network hears ≈ {name}, {probability:.0%}")

# %% [markdown]
# *Check.* With a network that cannot have learned anything: its weights are given.


# %% nbgrader={"grade_id": "toy_network", "locked": true}
def toy_network(kernel):
    """A network on images (63, 32, 1) with one dense layer, of this kernel (2016, classes)."""
    image = keras.Input((63, 32, 1))
    dense = keras.layers.Dense(kernel.shape[1], activation="softmax")
    model = keras.Model(image, dense(keras.layers.Flatten()(image)))
    model.set_weights([kernel, np.zeros(kernel.shape[1])])
    return model


# %% nbgrader={"grade_id": "classify-check", "points": 1}
def _check():
    toy = toy_network(np.sin(np.arange(8064.0)).reshape(2016, 4) / 9)
    seconds = np.arange(9600) / 16000
    tone = 0.5 * np.sin(2 * np.pi * (300 + 900 * seconds) * seconds)
    late = np.concatenate([np.zeros(4000), tone, np.zeros(12000)])
    expected = to_numpy(toy(features(prepare(late, 16000)[None])))[0]
    answer = classify(wav_file(np.round(32768 * late)[:, None], 2, 16000), toy, list("abcd"))
    assert len(answer) == 3, f"the three likeliest, as top says; not {len(answer)}"
    names = ["abcd"[i] for i in np.argsort(-expected)]
    assert [name for name, _ in answer] == names[:3], "names, the likeliest first"
    hint = "read_wav, prepare at the file's own rate, features, then the network's probabilities"
    assert_allclose([p for _, p in answer], np.sort(expected)[:0:-1], atol=2e-3, err_msg=hint)
    for bad, what in [(b"hello", "what is no WAV file"), (wav_file([[128]] * 99, 1), "silence")]:
        try:
            classify(bad, toy, list("abcd"))
        except ValueError:
            continue
        raise AssertionError(f"{what} must raise ValueError")


_check()


# %% nbgrader={"grade_id": "classify-hidden", "points": 1}
# Hidden tests of exercise 8.10: other recordings, 8 and 16 bits, in one and two channels (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(8100)
    toy = toy_network(rng.normal(0, 0.05, (2016, 6)))
    for width, rate, channels, top in [(2, 44100, 2, 1), (1, 8000, 1, 6), (2, 11025, 1, 2)]:
        n = rate * 3 // 2
        sound = np.cumsum(rng.normal(size=n)) * np.hanning(n) ** 4
        scale, zero = (32000, 0) if width == 2 else (120, 128)
        numbers = np.round(scale * sound / abs(sound).max() + zero)
        heard = (numbers - zero) / (32768 if width == 2 else 128)
        heard = signal.resample_poly(heard, 8000, rate) if rate != 8000 else heard
        loud = np.flatnonzero(abs(heard) >= 0.05 * abs(heard).max())
        clip = np.pad(heard[loud[0] : loud[-1] + 1], (0, 8000))[:8000]
        expected = to_numpy(toy(features(clip[None])))[0]
        file = wav_file(np.tile(numbers[:, None], channels), width, rate)
        answer = classify(file, toy, list("pqrstu"), top=top)
        order = np.argsort(-expected)[:top]
        assert [name for name, _ in answer] == ["pqrstu"[i] for i in order]
        assert_allclose([probability for _, probability in answer], expected[order], atol=5e-3)
    for bad in (b"", wav_file(np.zeros((9000, 2)), 2, 44100), wav_file([[7]] * 50, 4)):
        try:
            classify(bad, toy, list("pqrstu"))
        except ValueError:
            continue
        raise AssertionError("silence, and what is no WAV file, must raise ValueError")


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## Your own voice (no points)
#
# Record an English digit and save it as `my_clip.wav`, a WAV file of 16 bits, beside this notebook. A free program such as Audacity saves one. If yours saves another kind of file, `ffmpeg -i recording.m4a -c:a pcm_s16le my_clip.wav` converts it. In Colab, open the folder at the left and drop the file there; in JupyterLab, drop it into the list of files. Then run this cell. Without such a file it takes the robot's word.
#
# Nothing here is graded, and a wrong answer is no mistake of yours. The network learned from a few speakers, in their rooms, with their microphones. You are the next stranger. Do not trust its probabilities either: a softmax shares out 100 % among ten digits, whatever it hears, and can be almost sure and wrong.

# %%
try:
    recording = np.fromfile("my_clip.wav", "uint8").tobytes()
except FileNotFoundError:
    recording = said
for name, probability in classify(recording, model, speech.class_names, top=10):
    print(f"the network hears ≈ {name}, {probability:.0%}")
audio(prepare(*read_wav(recording)), 8000, "what the network was given")

# %% [markdown]
# Whisper the digit, say it twice as slowly, shout it from across the room, or say it in another language. What breaks first? Which step of the way would you mend: the recordings, `prepare`, the features, or the network?
#
# ## Before you hand in
#
# Restart the kernel and run all cells from top to bottom. An answer that works only because of a cell you have deleted since will not work for the grader either. On your own machine, `convbook grade 08_sound.ipynb` shows the points that you have.

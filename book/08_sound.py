# %% [markdown]
# # 08 · Project: sound
#
# A microphone delivers one number, 8,000 times a second. Nothing in that list looks like a word. Bend it into an image, and a small network that knows only images tells ten words apart. How well it does depends on how you ask.
#
# After this chapter you can
#
# - **predict** what sampling does to a tone that is too high for it;
# - **compute** a Fourier transform, a spectrogram and a mel spectrogram by hand, and show that they equal the library's;
# - **show** that a spectrogram is a strided convolution with fixed kernels;
# - **choose** a frame length, and say what it costs;
# - **train** a network on spoken digits, and **test** it for the use that it is made for;
# - **write** augmentations in time and in frequency, and **measure** which of them help;
# - **rebuild** a sound from a spectrogram that has forgotten half of it.
#
# Reading, running and answering take about two and a half hours. The lab takes three hours more. You should know convolutional layers ([chapter 02](02_convolution.ipynb)), pooling ([chapter 03](03_pooling.ipynb)) and dropout ([chapter 07](07_training_tricks.ipynb)). A complex number is used as a pair of numbers; no more about it is needed.

# %% tags=["nbval-skip", "skip-execution", "remove-cell"]
try:
    import google.colab  # noqa: F401
except ImportError:
    pass
else:
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/convbook/convbook")

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_allclose
from scipy import signal

from convbook import data, figures
from convbook.claims import claim
from convbook.widgets import audio, quiz

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy  # the same on every back end of Keras
RATE = 8000  # samples a second, all through this chapter

# %% [markdown]
# ## A sound is a list of numbers
#
# Sound is pressure that changes. A recording measures it at equal steps of time: here 8,000 **samples** a second, as on an old telephone line. A tone of $f$ hertz (turns a second) is then $\sin(2π f n/8000)$ for $n = 0, 1, 2, …$
#
# What if a tone turns faster than the samples can follow?

# %%
quiz("08", "alias")

# %% [markdown]
# Write both lists of numbers down:


# %%
def tone(hertz, seconds=1.0):
    """The samples of a tone."""
    return np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE)


print("5,000 Hz:", np.round(tone(5000)[:6], 3) + 0)
print("3,000 Hz:", np.round(tone(3000)[:6], 3) + 0)
same = np.allclose(tone(5000), -tone(3000))
claim("5,000 Hz leaves the samples of 3,000 Hz, with the sign changed", same)
claim("13,000 Hz leaves those of 5,000 Hz, exactly", np.allclose(tone(13000), tone(5000)))

# %% [markdown]
# This is **aliasing**. Between two samples the fast tone makes $5/8$ of a turn forward. The slow one makes $3/8$ of a turn *backward*, and both arrive at the same place. From the samples nobody can tell which it was. Whole turns between two samples leave no trace at all, so 13,000 Hz lands there, too.
#
# Only tones below *half* the rate, the **Nyquist frequency**, are safe {cite}`shannon1949`. A recorder must remove what is above it *before* it samples. It is the same trouble as a stride in an image ([chapter 03](03_pooling.ipynb)): blur first, then drop.
#
# Now let a tone glide, from 0 Hz up to 8,000 Hz within one second, sampled as before.

# %%
quiz("08", "chirp")

# %%
n = np.arange(RATE)
chirp = np.sin(2 * np.pi * (8000 * n**2 / (2 * RATE)) / RATE)  # after n samples: 8000·n/RATE Hz
audio(chirp, RATE, "a tone whose pitch should rise from 0 to 8,000 Hz, sampled at 8,000 Hz")

# %% [markdown]
# It rises for half a second, and falls for the other half. The second half is the first one played backwards: what is above 4,000 Hz is folded back.
#
# ## A voice, made by hand
#
# A tone is no voice. A vowel is made in two steps. The vocal cords open and close, say, 110 times a second: that gives 110 Hz and all its multiples, the **harmonics**. The throat and the mouth then let some frequencies through better than others. Their resonances are called **formants**, and the lowest two nearly decide which vowel it is {cite}`peterson1952`.
#
# So a vowel is a sum of sines, each as loud as the formants allow. With the ratio $r$ of a harmonic to a formant, that resonance lets through $1/\sqrt{(1 - r^2)^2 + (r\,d)^2}$, like a weight on a spring with the damping $d$: most near $r = 1$, and ever less above. There is a third formant, too, from 2,500 to 2,900 Hz. Let the formants move from those of *ah* to those of *ee*, and it says *I*:


# %%
def voice(pitch, f1, f2, seconds=0.8):
    """Harmonics of ``pitch`` (Hz), through formants that glide: f1, f2 = (start, end) in Hz."""
    n = np.arange(int(RATE * seconds))
    along = np.clip(n / len(n) * 2 - 0.5, 0, 1)  # hold, glide, hold
    samples = np.zeros(len(n))
    for k in range(1, int(RATE / 2 / pitch)):
        loudness = np.ones(len(n)) / k  # the cords' own harmonics: the higher, the weaker
        for (start, end), width in ((f1, 80), (f2, 120), ((2500, 2900), 180)):
            ratio = k * pitch / (start + (end - start) * along)
            loudness /= np.hypot(1 - ratio**2, ratio * width / start)
        samples += loudness * np.sin(2 * np.pi * k * pitch * n / RATE)
    return samples * np.minimum(1, np.minimum(n, n[::-1]) / 400)  # fade in and out


low = voice(110, f1=(730, 280), f2=(1100, 2250))
audio(low, RATE, "the vowel of the word I, pitch 110 Hz")

# %%
high = voice(180, f1=(730, 280), f2=(1100, 2250))
audio(high, RATE, "the same formants, pitch 180 Hz")

# %% [markdown]
# Another voice, the same vowel. Keep that in mind: **what** is said is in the formants, and much of **who** says it is in the pitch. A list of samples shows neither.
#
# ## Fourier, on eight samples
#
# How much of each tone is in a sound? Ask each tone: multiply the sound by it, sample by sample, and add up. That is a correlation, as in chapter 02. A tone may start anywhere in its turn, so ask with a cosine and with a sine. As one complex number for $k$ turns in $N$ samples:
#
# $$X_k = \sum_{n=0}^{N-1} x_n \left( \cos\frac{2π k n}{N} - i \sin\frac{2π k n}{N} \right) .$$
#
# Take eight samples of a cosine that makes two turns: 1, 0, −1, 0, 1, 0, −1, 0. With a pencil:

# %%
quiz("08", "dft-by-hand")

# %% [markdown]
# All $k$ at once are a matrix product. The matrix holds a wave in each row:

# %%
N = 8
turns = np.outer(np.arange(N), np.arange(N)) / N  # k·n/N
dft = np.cos(2 * np.pi * turns) - 1j * np.sin(2 * np.pi * turns)

two_turns = np.array([1, 0, -1, 0, 1, 0, -1, 0])
print("|X| =", np.abs(dft @ two_turns).round(6))

x = np.random.default_rng(0).normal(size=8)
assert_allclose(dft @ x, np.fft.fft(x), atol=1e-12)
assert_allclose(dft.conj() @ (dft @ x) / N, x, atol=1e-12)
print("the matrix gives what np.fft.fft gives, and its conjugate takes it back")

# %% [markdown]
# Each entry of such a list is called a **bin**. Two bins hold something, $k = 2$ and $k = 6$. Six turns in eight samples are the alias of two turns backward: the upper half of the list repeats the lower half, mirrored. For a sound, whose samples are real, $N/2 + 1$ numbers say everything; `np.fft.rfft` gives just these.
#
# The matrix costs $N^2$ multiplications. The *fast* Fourier transform gives the same numbers in about $N \log_2 N$ steps {cite}`cooley1965`. It is an algorithm, not another transform.
#
# **Question:** what happens to $X_2$ if the tone starts a little later?

# %%
quiz("08", "dft-delay")

# %%
for delay in (0, 0.5, 1):
    answer = (dft @ np.cos(2 * np.pi * 2 * (np.arange(N) - delay) / N))[2]
    angle = round(np.angle(answer, deg=True))
    print(f"later by {delay:3} samples: |X₂| = {abs(answer):.3f}, angle {angle}°")

# %% [markdown]
# The size says how much of the tone there is, and the angle, the **phase**, says when it began. The size does not change when the tone is shifted. That is a shift invariance without any pooling, and the next sections live on it.
#
# ## Frames, and why they need a window
#
# A word is not one tone but many in a row. So cut it into short overlapping **frames** and transform each: the **short-time Fourier transform**, STFT. Two numbers describe the cutting: `frame_length`, and `hop_length` from one frame's start to the next one's.

# %%
quiz("08", "frames")

# %% [markdown]
# Cutting does harm. A tone that makes a whole number of turns within the frame fills one bin. **Predict:** a tone that makes 20 and a half turns, where does its power go?

# %%
n = np.arange(256)
hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / 256)  # 0 at the edge, 1 in the middle


def far_share(turns, window):
    """Share of a tone's power that lies more than 3 bins away from where it belongs."""
    power = np.abs(np.fft.rfft(np.cos(2 * np.pi * turns * n / 256) * window)) ** 2
    bins = np.arange(129)
    return power[np.abs(bins - turns) > 3].sum() / power.sum()


for name, window in (("no window", np.ones(256)), ("Hann window", hann)):
    print(f"20 turns, {name}: far away ≈ {far_share(20, window):.1e}")
    print(f"20.5 turns, {name}: far away ≈ {far_share(20.5, window):.1e}")
better = far_share(20.5, np.ones(256)) / far_share(20.5, hann)
claim("the window leaks over 50 times less", better > 50)

# %% [markdown]
# The half turn **leaks** into all the other bins. The transform treats the frame as if it went round in a circle, and where the end meets the beginning there is a jump. A jump holds all frequencies. The **Hann window** fades each frame in and out, and the jump is gone.
#
# It is not free. What is the price?

# %%
quiz("08", "window-price")

# %%
power = {
    name: np.abs(np.fft.rfft(np.sin(2 * np.pi * 20 * n / 256) * w)) ** 2
    for name, w in (("no window", np.ones(256)), ("Hann window", hann))
}
for name, p in power.items():
    wide = (p > p.max() / 100).sum()
    print(f"a tone of exactly 20 turns, {name}: bins with over 1 % of the largest power: {wide}")

# %% [markdown]
# One bin becomes three. Near the tone the window blurs; far away it cleans.
#
# ## The short-time Fourier transform, by hand
#
# Cut, window, transform. That is all:


# %%
def stft(x, frame_length=256, hop_length=160):
    """Complex (…, frames, frame_length // 2 + 1), without padding: only whole frames count."""
    frames = sliding_window_view(x, frame_length, axis=-1)[..., ::hop_length, :]
    n = np.arange(frame_length)
    return np.fft.rfft(frames * (0.5 - 0.5 * np.cos(2 * np.pi * n / frame_length)))


def decibels(power, depth=80):
    """10·log10 of a power, from the largest value down to ``depth`` dB below it."""
    db = 10 * np.log10(np.maximum(power, 1e-10))
    return np.maximum(db, db.max() - depth)


print("one second:", stft(chirp).shape, "(frames, frequencies)")

# %% [markdown]
# The second function is about loudness. Hearing goes by ratios more than by differences, so powers are compared on a logarithmic scale, in **decibels**.

# %%
quiz("08", "decibels")

# %% [markdown]
# Here are the chirp and the two voices. **Predict** the line that the chirp draws, and where the two voices agree.


# %% mystnb={"image": {"alt": "Three spectrograms, time to the right and frequency upwards. The chirp draws a roof: up to 4,000 Hz in the middle and down again. Both voices draw many horizontal lines, close together for 110 Hz and further apart for 180 Hz; in both, the same broad bands are bright, and one of them rises from about 1,100 to 2,250 Hz."}}
def show(spectrograms, titles, hop_length=160, between=(0, RATE / 2)):
    """Spectrograms (frames, frequencies) in decibels, side by side, between two frequencies."""
    _, axes = plt.subplots(1, len(titles), figsize=(figures.WIDTH, 2.5), sharey=True)
    for axis, image, title in zip(axes, spectrograms, titles, strict=True):
        middle = (image.shape[1] - 1) / RATE  # of the first frame
        half = RATE / 4 / (image.shape[1] - 1)  # half a bin
        sides = middle, middle + len(image) * hop_length / RATE, -half, RATE / 2 + half
        axis.imshow(image.T, origin="lower", aspect="auto", extent=sides, cmap="magma")
        axis.set(title=title, xlabel="time (s)", ylim=between)
    axes[0].set_ylabel("frequency (Hz)")
    plt.show()


shown = [decibels(np.abs(stft(x, hop_length=40)) ** 2) for x in (chirp, low, high)]
show(shown, ["chirp", "I, 110 Hz", "I, 180 Hz"], hop_length=40)
loudest = shown[0].argmax(axis=1) * RATE / 256  # of the chirp, in each frame
claim(
    "the chirp's line is highest in the middle", abs(loudest.argmax() / len(loudest) - 0.5) < 0.05
)
claim("and ends about where it began", abs(loudest[-1] - loudest[0]) < 100)

# %% [markdown]
# The horizontal lines are the harmonics. The closer they lie, the lower the pitch. The broad bands that glide across them are the formants, and they are the same in both.
#
# ## How long is a frame?
#
# Why 256 samples in a frame, 32 milliseconds? Test it with a hard sound: two tones, 1,000 and 1,040 Hz, and two clicks, 10 milliseconds apart.

# %%
quiz("08", "trade-off")

# %%
hard = tone(1000, 0.5) + tone(1040, 0.5)
hard[[2000, 2080]] += 20


def dip(power):
    """The middle value, as a share of the lower of the two halves' largest values."""
    middle = len(power) // 2
    return power[middle] / min(power[:middle].max(), power[middle:].max())


# %% [markdown]
# Midway between two peaks, `dip` is near 0 where there is a gap, and near 1 where there is none. For the tones we look at the power at every hertz, averaged over 25 frames without clicks; for the clicks at the power above 2,500 Hz.

# %% mystnb={"image": {"alt": "Two spectrograms of the same sound, from 700 to 1,500 Hz. With frames of 64 samples, the two tones are one thick horizontal line that pulses evenly, and the two clicks are two upright lines. With frames of 512 samples, the tones are two thin horizontal lines, and the clicks are one broad upright band with dark stripes across it."}}
dips, powers = {}, []
for frame_length in (64, 512):
    power = np.abs(stft(hard, frame_length, hop_length=8)) ** 2
    powers.append(power)
    hertz = np.arange(frame_length // 2 + 1) * RATE / frame_length
    clicks = power[:, hertz > 2500].sum(axis=1)  # far from the tones
    first = (1950 - frame_length // 2) // 8  # the frame whose middle is just before the clicks
    window = signal.get_window("hann", frame_length)
    frames = sliding_window_view(hard, frame_length)[:200:8]
    tones = (np.abs(np.fft.rfft(frames * window, RATE)) ** 2).mean(axis=0)  # at each whole hertz
    dips[frame_length] = dip(tones[960:1081]), dip(clicks[first : first + 24])
    print(f"{frame_length:3} samples: between the tones ≈ {dips[frame_length][0]:.2f}")
    print(f"{frame_length:3} samples: between the clicks ≈ {dips[frame_length][1]:.2f}")
panels = [decibels(power, depth=30) for power in powers]
titles = ["64 samples in a frame", "512 samples in a frame"]
show(panels, titles, hop_length=8, between=(700, 1500))
claim("short frames part the clicks and not the tones", dips[64][1] < 0.3 and dips[64][0] > 0.8)
claim("long frames part the tones and not the clicks", dips[512][0] < 0.3 and dips[512][1] > 0.8)

# %% [markdown]
# No frame length shows both. It is not a matter of a better algorithm: a window that is short in time *is* broad in frequency. For the spreads of their powers, $σ_t · σ_f ≥ 1/4π$ holds for any window; Gabor showed it for signals in 1946, with the mathematics of the uncertainty principle {cite}`gabor1946`. More overlap draws smoother images, and separates nothing.
#
# But look closer at the figure. With short frames the thick line *pulses*. With long frames the broad band has *stripes*. **Question:** how often, and how far apart? Count with a Fourier transform of the image itself, along time or along frequency:

# %%
line = powers[0][:200, 8]  # at 1,000 Hz, for 0.2 seconds before the clicks: 200 frames
band = powers[1][223, 160:256]  # in the middle of the clicks, for 1,500 Hz above the tones
pulses = np.abs(np.fft.rfft(line - line.mean())).argmax() / 0.2
stripes = 1500 / np.abs(np.fft.rfft(band - band.mean())).argmax()
print(f"the line pulses {pulses:.0f} times a second; the stripes lie {stripes:.0f} Hz apart")

# %% [markdown]
# 40 times a second, as the tones lie 40 Hz apart; and 100 Hz, as the clicks lie 1/100 second apart. What one axis cannot separate shows on the other one as a rhythm. It is there, written in the other direction.
#
# Speech is a compromise: 32 ms separate the harmonics of most voices and still follow a syllable.

# %% [markdown]
# ## It was a convolution all along
#
# Look at the recipe again. Take a patch of the signal, multiply by fixed numbers, add up; move on by `hop_length`; do it again. You know this layer.

# %%
quiz("08", "conv-weights")

# %% [markdown]
# Each row of the Fourier matrix, multiplied by the window, is a kernel. A hop is a stride. Real and imaginary parts are two channels for each frequency:

# %%
n, k = np.arange(256), np.arange(129)
waves = 2 * np.pi * np.outer(n, k) / 256
kernels = hann[:, None] * np.concatenate([np.cos(waves), -np.sin(waves)], axis=1)

conv = layers.Conv1D(filters=2 * 129, kernel_size=256, strides=160, use_bias=False)
conv.build((None, RATE, 1))
conv.set_weights([kernels[:, None, :]])
maps = to_numpy(conv(low[None, :, None].astype("float32")))[0]

by_fft = stft(low)
assert_allclose(maps[:, :129], by_fft.real, atol=1e-2)
assert_allclose(maps[:, 129:], by_fft.imag, atol=1e-2)
print(f"Conv1D with {conv.count_params():,} fixed weights = the STFT; output {maps.shape}")

# %% [markdown]
# So "feed the network a spectrogram" means: its first layer is a convolution that is not trained. (The fast transform computes it with far fewer multiplications. It is the same layer.)
#
# And the power? It squares two maps and adds them: $|X|^2 = \text{real}^2 + \text{imag}^2$. A cosine and a sine of one frequency, squared and added, is how Adelson and Bergen modelled the *complex cells* of chapter 02, which want their pattern but do not mind where exactly it lies {cite}`adelson1985`. It works here for the same reason. Shift the sound by one sample, and look at both:

# %%
power = np.abs(by_fft) ** 2
shifted = stft(np.roll(low, 1))
real_change = np.linalg.norm(shifted.real - by_fft.real) / np.linalg.norm(by_fft.real)
power_change = np.linalg.norm(np.abs(shifted) ** 2 - power) / np.linalg.norm(power)
print(f"after a shift by one sample, the real parts change by ≈ {real_change:.0%}")
print(f"and the powers change by ≈ {power_change:.1%}")
claim("the powers change over ten times less", power_change < real_change / 10)

# %% [markdown]
# ## The same numbers from the library
#
# Two libraries compute the STFT, too, each with habits of its own. To get equal numbers you must know them.

# %%
real, imag = keras.ops.stft(low[None].astype("float32"), 256, 160, 256, center=False)
assert_allclose(to_numpy(real)[0], by_fft.real, atol=1e-2)
assert_allclose(to_numpy(imag)[0], by_fft.imag, atol=1e-2)

_, _, scipys = signal.stft(
    low, RATE, window="hann", nperseg=256, noverlap=256 - 160, boundary=None, padded=False
)
assert_allclose(scipys.T * hann.sum(), by_fft, atol=1e-9)
print("equal to keras.ops.stft, and to scipy.signal.stft times the sum of the window")

# %% [markdown]
# | habit | by hand | `keras.ops.stft` | `scipy.signal.stft` |
# | --- | --- | --- | --- |
# | at the ends | whole frames only | `center=True`: reflects half a frame | `boundary="zeros"`, and pads to whole frames |
# | step | `hop_length` | `sequence_stride` | `nperseg − noverlap` |
# | scale | none | none | divided by the sum of the window |
# | axes | frames, frequencies | frames, frequencies | frequencies, frames |
#
# Both use the *periodic* Hann window, as we did: its zero stands only at the start. `np.hanning` has a zero at each end, and would fit neither.
#
# ## The mel scale
#
# 129 frequencies, equally far apart, are more than an ear tells apart at the top and fewer than it does at the bottom. Listeners were asked which tone sounds half as high as another; from their answers came the **mel** scale {cite}`stevens1937`. The formula that many programs use is
#
# $$m(f) = 2595 \cdot \log_{10}\left(1 + \frac{f}{700}\right) .$$
#
# It puts 1,000 Hz at 1,000 mel.

# %%
quiz("08", "mel")


# %% mystnb={"image": {"alt": "Twenty triangles over the frequencies from 0 to 4,000 Hz, narrow and close together at the left, wide and far apart at the right. They reach nearly 1; where a peak lies between two of the 129 frequencies its tip is cut off, most of all at the left."}}
def mel(hertz):
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


def mel_filters(bands, frame_length=256, low_hertz=20, high_hertz=RATE / 2):
    """Weights (frame_length // 2 + 1, bands): triangles, equally wide in mel."""
    edges = np.linspace(mel(low_hertz), mel(high_hertz), bands + 2)
    at = mel(np.arange(frame_length // 2 + 1) * RATE / frame_length)[:, None]
    rising = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling))


filters = mel_filters(20)
_, axis = plt.subplots(figsize=(figures.WIDTH, 1.8))
axis.plot(np.arange(129) * RATE / 256, filters, linewidth=1)
axis.set(xlabel="frequency (Hz)", ylabel="weight")
plt.show()
reach = (filters > 0).sum(axis=0)
print(f"the first band adds up {reach[0]} frequencies, the last one {reach[-1]}")

# %% [markdown]
# Each band is a weighted sum of powers. So the mel step is a matrix product, and that is a 1×1 convolution over the frames, with fixed weights again.
#
# More bands mean more detail, one would think. Keras' layer takes 128 unless told otherwise. **Question:** 128 bands from our 129 frequencies?

# %%
quiz("08", "empty-bands")

# %%
print("samples in a frame   bands   with one frequency   with none")
for frame_length in (256, 128, 64):
    for bands in (32, 128):
        reach = (mel_filters(bands, frame_length) > 0).sum(axis=0)
        print(f"{frame_length:18} {bands:7} {(reach == 1).sum():20} {(reach == 0).sum():11}")

# %% [markdown]
# At the bottom, the triangles are narrower than the step from one frequency to the next, and some fall between two of them. Such a band is silent whatever is said. Others repeat what one single frequency says. Here the trade-off is back: with frames of 64 samples, sharp in time, even 32 bands are too many. A network trains on without complaint. If a mel spectrogram shows dark horizontal stripes, count.
#
# Now all of it against `keras.layers.MelSpectrogram`. It reflects half a frame at both ends, sums powers, and takes decibels at the end.

# %%
layer = layers.MelSpectrogram(
    fft_length=256, sequence_stride=160, sampling_rate=RATE, num_mel_bins=32, top_db=80
)
theirs = to_numpy(layer(low[None].astype("float32")))[0]

padded = np.pad(low, 128, mode="reflect")
ours = decibels(np.abs(stft(padded)) ** 2 @ mel_filters(32)).T
assert_allclose(ours, theirs, atol=0.02)
print("equal, in decibels:", ours.shape, "(mel bands, frames)")

# %% [markdown]
# Other programs differ in the mel formula (Slaney's is linear below 1,000 Hz {cite}`slaney1998`), in triangles of equal *area* in place of equal height, in magnitudes in place of powers, in the ends. A network trained on one kind of mel spectrogram and fed another is simply wrong, and no error is raised.
#
# There is one more habit. `top_db=80` raises everything that is more than 80 dB below the largest value. **Question:** the largest value of *what*?

# %%
quiz("08", "top-db")

# %%
quiet = low / 100
alone = to_numpy(layer(quiet[None].astype("float32")))[0]
beside = to_numpy(layer(np.stack([quiet, low]).astype("float32")))[0]
print(f"the quiet clip alone spans ≈ {np.ptp(alone):.0f} dB")
print(f"the same clip, with a loud one in its batch, spans ≈ {np.ptp(beside):.0f} dB")
claim("its features depend on the rest of the batch", np.ptp(beside) < np.ptp(alone) - 30)

# %% [markdown]
# Of the whole batch. A quiet clip beside a loud one loses its quiet parts to the floor: an example's input depends on its neighbours, and a test of one clip at a time is not the test of a batch. So we take the largest value *of each clip* ourselves, and count from there. That also makes a clip's loudness disappear.


# %%
def log_mel(x, bands=32, depth=60):
    """Mel spectrograms (n, frames, bands): 1 at each clip's loudest value, 0 from 60 dB below."""
    power = np.abs(stft(x)) ** 2 @ mel_filters(bands, low_hertz=60)
    db = 10 * np.log10(np.maximum(power, 1e-10))
    db -= db.max(axis=(1, 2), keepdims=True)
    return (np.maximum(db, -depth) / depth + 1).astype("float32")


a, b = log_mel(np.stack([low, low / 100]))
claim("a clip 100 times quieter looks the same", np.allclose(a, b, atol=1e-3))

# %% [markdown]
# ## An image of a word
#
# The data: the *Free Spoken Digit Dataset* {cite}`jackson2018`. A few people say *zero* to *nine*, many times each. Where it cannot be had, a stand-in speaks, made as our vowel was, with hisses for the consonants. (The page plays no recording, only sounds made here.)

# %%
digits = data.load("spoken_digits", train=1200, test=300)
x_train, x_test = log_mel(digits.x_train), log_mel(digits.x_test)
people = np.unique(digits.speaker_train)
print("one recording as an image:", x_train.shape[1:], "(frames, mel bands)")
print(f"speakers ≈ {len(people)}")


# %% mystnb={"image": {"alt": "Six mel spectrograms, time to the right and mel bands upwards, of the words six, zero and nine: by one speaker in the upper row, by another in the lower row. Each word is a bright patch at the left, with black after it. Six is bright for a short moment only; in zero a bright band falls from the upper bands to the lower ones; nine is one broad block. The same word of the two speakers differs in many details."}}
def examples(speaker):
    mine = digits.speaker_train == speaker
    return [x_train[mine & (digits.y_train == digit)][0] for digit in (6, 0, 9)]


_, axes = plt.subplots(2, 3, figsize=(figures.WIDTH, 3.6), sharex=True, sharey=True)
for row, person in zip(axes, people[:2], strict=True):
    for axis, image, name in zip(row, examples(person), ("six", "zero", "nine"), strict=True):
        axis.imshow(image.T, origin="lower", aspect="auto", extent=(0, 1, 0, 32), cmap="magma")
        axis.set_title(f"{name}")
axes[1, 1].set_xlabel("time (s)")
axes[0, 0].set_ylabel("one speaker\nmel band")
axes[1, 0].set_ylabel("another\nmel band")
plt.show()

# %% [markdown]
# Each is a grey image, 49×32. But its two axes are not alike. In a photograph, an object may stand anywhere, so a convolution slides over both axes and pooling forgives small shifts along both.

# %%
quiz("08", "frequency-shift")

# %% [markdown]
# Sliding a kernel over frequency still saves weights: an edge that rises is worth finding in any band. But the layers at the end must know *in which band* it was. So a global average over everything, good for photographs ([chapter 04](04_architectures.ipynb)), would throw that away. We flatten.


# %%
def classifier(classes, seed):
    """A small convolutional network for mel spectrograms."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((*x_train.shape[1:], 1))])
    for filters in (8, 16, 32):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    model.add(layers.Dropout(0.4))
    model.add(layers.Dense(classes, activation="softmax"))
    adam = keras.optimizers.Adam(3e-3)
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(x, y, seed=0, classes=10, augment=None, epochs=8):
    """Train a network; ``augment(x, rng)`` makes new examples of the old ones in each epoch."""
    model, rng = classifier(classes, seed), np.random.default_rng(seed)
    for _ in range(epochs):
        now = x if augment is None else augment(x, rng)
        model.fit(now[..., None], y, batch_size=32, verbose=0)
    return model


def accuracy(model, x, y):
    return (to_numpy(model(x[..., None])).argmax(axis=1) == y).mean()


# %% [markdown]
# The test recordings are others than the training recordings. **Predict** the accuracy after eight epochs; guessing gives 10 %.

# %%
model = train(x_train, digits.y_train)
by_recording = accuracy(model, x_test, digits.y_test)
print(f"{model.count_params():,} parameters")
print(f"on recordings it has not heard ≈ {by_recording:.1%}")
claim("it is right on more than 4 of 5", by_recording > 0.8)

# %% [markdown]
# A fine result for a few seconds of training. Would you put it into a telephone?
#
# ## Ready for the telephone?

# %%
quiz("08", "honest-split")

# %% [markdown]
# Both parts of this data hold the *same speakers*. That is the usual split: by **recording**. The telephone will be used by people who are in neither part. So split by **speaker**: train on some, test on the others, in turn, so that each speaker is held out once.
#
# **Predict:** how many points does it cost?


# %%
def held_out_accuracy(augment=None, seed=0, folds=3):
    """The accuracy on speakers that were not in the training set, for each fold."""
    results = []
    for out in np.array_split(people, folds):
        seen, heard = ~np.isin(digits.speaker_train, out), np.isin(digits.speaker_test, out)
        model = train(x_train[seen], digits.y_train[seen], seed, augment=augment)
        x = np.concatenate([x_train[~seen], x_test[heard]])
        y = np.concatenate([digits.y_train[~seen], digits.y_test[heard]])
        results.append(accuracy(model, x, y))
    return np.array(results)


plain = held_out_accuracy()
print("speakers never heard, fold by fold ≈", *(f"{value:.0%}" for value in plain))
print(f"on average ≈ {plain.mean():.1%}")
claim("the split by recording flatters by 10 points and more", by_recording > plain.mean() + 0.10)

# %% [markdown]
# The same network, the same recordings. Only the question is different: *does it know this person's next "seven"?* or *does it know a stranger's?*
#
# An objection: each fold trains on about two thirds of the recordings. Is the gap only that? Take away as many at random, of all speakers:

# %%
some = np.random.default_rng(0).permutation(len(x_train))[: 2 * len(x_train) // 3]
fewer = accuracy(train(x_train[some], digits.y_train[some]), x_test, digits.y_test)
print(f"two thirds of the recordings, but all speakers ≈ {fewer:.1%}")
claim("with as few recordings, the gap is still 8 points and more", fewer > plain.mean() + 0.08)

# %% [markdown]
# It is not the number of recordings. It is the people.
#
# Why does it flatter? Ask the same network another question about the same images: *who* speaks?

# %%
who_train = np.searchsorted(people, digits.speaker_train)
who_test = np.searchsorted(people, digits.speaker_test)
speaker_model = train(x_train, who_train, classes=len(people))
who = accuracy(speaker_model, x_test, who_test)
print(f"who speaks, right on ≈ {who:.1%}")
claim("it tells the speakers apart on more than 4 of 5", who > 0.8)


# %% [markdown]
# The images are full of the speaker: pitch, pace, the room, the microphone's noise. Nothing forces a network to prefer the formants. Where the test holds the same people, it may look for the most similar recording that it knows, and that is one by the same person. No training is needed to see that; look for each test image's nearest training image:

# %%
flat_train, flat_test = (x.reshape(len(x), -1).astype(float) for x in (x_train, x_test))
# |x|² of the test image is left out: it is the same for all
distance = (flat_train**2).sum(axis=1) - 2 * flat_test @ flat_train.T
same_speaker = who_test[:, None] == who_train
nearest = distance.argmin(axis=1)
stranger = np.where(same_speaker, np.inf, distance).argmin(axis=1)
theirs = same_speaker[np.arange(len(nearest)), nearest].mean()
known = (digits.y_train[nearest] == digits.y_test).mean()
unknown = (digits.y_train[stranger] == digits.y_test).mean()
print(f"the nearest recording is by the same speaker ≈ {theirs:.0%}")
print(f"copying the nearest one's digit is right ≈ {known:.0%}")
print(f"copying the nearest one of another speaker ≈ {unknown:.0%}")
claim("the nearest is by the same speaker in more than 3 of 4 cases", theirs > 0.75)
claim("strangers' recordings are worth 15 points less", unknown < known - 0.15)

# %% [markdown]
# That is **leakage**: something helps in the test that will not be there in use.

# %%
quiz("08", "leaks")

# %% [markdown]
# The rule: split by whatever will be new later. By speaker here; by patient for X-rays; by house for photographs of rooms; by date for anything that will be used tomorrow.
#
# ## Augmentation: sounds that could have been
#
# A stranger's voice cannot be recorded in advance. Can it be made up? Which changes leave a *seven* a *seven*?

# %%
quiz("08", "augment")

# %% [markdown]
# Five such changes follow, all on the images, and different for every example. First in **time**: begin later, speak slower or faster.


# %%
def shift(x, rng):
    """Later by up to 8 frames, with silence before."""
    result = np.zeros_like(x)
    for i, by in enumerate(rng.integers(0, 9, len(x))):
        result[i, by:] = x[i, : x.shape[1] - by]
    return result


def tempo(x, rng):
    """Every example slower or faster, by a factor of its own between ¾ and 4/3."""
    frames = x.shape[1]
    at = np.minimum(np.arange(frames) * rng.uniform(0.75, 1.33, (len(x), 1)), frames - 1)
    left = np.minimum(at.astype(int), frames - 2)[:, :, None]
    part = at[:, :, None] - left
    here, next_one = (np.take_along_axis(x, left + k, axis=1) for k in (0, 1))
    return (here * (1 - part) + next_one * part).astype("float32")


# %% [markdown]
# Then in **frequency**. A shorter throat and mouth move all resonances up *by the same factor*. So read the image at frequencies that are all multiplied by one random number near 1. Jaitly and Hinton called it vocal tract length perturbation {cite}`jaitly2013`:


# %%
def stretch(x, rng, most=0.2):
    """Read at f · factor what will stand at f: with a factor above 1, formants move down.

    Each example has a factor of its own, between 1 − most and 1 + most.
    """
    bands = x.shape[2]
    edges = np.linspace(mel(60), mel(RATE / 2), bands + 2)[1:-1]
    hertz = 700 * (10 ** (edges / 2595) - 1)  # where the bands are
    factor = rng.uniform(1 - most, 1 + most, (len(x), 1))
    at = np.interp(hertz * factor, hertz, np.arange(bands))  # the band to read, with a fraction
    left = np.minimum(at.astype(int), bands - 2)[:, None, :]
    part = at[:, None, :] - left
    here, next_one = (np.take_along_axis(x, left + k, axis=2) for k in (0, 1))
    return (here * (1 - part) + next_one * part).astype("float32")


# %% [markdown]
# Last, hide something: under noise, or behind masks. SpecAugment masks a few bands and a few frames {cite}`park2019`, so that the network must not rely on one band or one moment. It is dropout in the shape of sound.


# %%
def noise(x, rng):
    """A noise floor of a random level, up to about 24 dB above the darkest."""
    floor = rng.uniform(0, 0.4, (len(x), 1, 1)) + 0.08 * rng.normal(size=x.shape)
    return np.maximum(x, floor).astype("float32")


def masks(x, rng):
    """Up to 8 bands and up to 10 frames of each example become silent."""
    result = x.copy()
    for image in result:
        bands, frames = rng.integers(0, 9), rng.integers(0, 11)
        band = rng.integers(0, image.shape[1] - bands + 1)
        frame = rng.integers(0, image.shape[0] - frames + 1)
        image[:, band : band + bands] = 0
        image[frame : frame + frames] = 0
    return result


# %% [markdown]
# Such functions run without complaint when they are wrong. Two checks cost little:

# %%
untouched = x_train[:50].copy()
for augment in (shift, tempo, stretch, noise, masks):
    augment(untouched, np.random.default_rng(0))
claim("none of the five changes its input", (untouched == x_train[:50]).all())
same = stretch(untouched, np.random.default_rng(0), most=0)
claim("a stretch by nothing changes nothing", np.allclose(same, untouched, atol=1e-5))

# %% [markdown]
# Each sounds sensible. **Predict** which helps most with strangers: another time (pace and start), another throat, or hidden parts (noise and masks).


# %%
def both(first, second):
    return lambda x, rng: second(first(x, rng), rng)


arms = {"time": both(tempo, shift), "throat": stretch, "hidden parts": both(noise, masks)}
helped = {"nothing": plain} | {name: held_out_accuracy(augment) for name, augment in arms.items()}
for name, values in helped.items():
    folds = " ".join(f"{value:.0%}" for value in values)
    print(f"{name:12} ≈ {values.mean():.1%} on speakers never heard; the folds: {folds}")
best = max(values.mean() for values in helped.values())
claim("none of them closes the gap: 5 points are left at least", best < by_recording - 0.05)

# %% [markdown]
# None of the three closes the gap, and an arm that loses points is a result, too. Two reasons not to be surprised. SpecAugment was made for networks of millions of weights, trained for long on hundreds of hours of speech; here a network of 14 thousand weights has eight epochs, and every hidden part makes the task harder. And an augmentation is a statement: *this change does not matter*. A stranger brings other changes as well: other vowels, other habits, another microphone. The five changes say little about those.
#
# Look at the folds before you rank the arms. Where the folds of one arm lie further apart than two arms do, so few speakers cannot tell these arms apart. The honest next step is not a better mask. It is more speakers.

# %% [markdown]
# ## What the image has forgotten
#
# A spectrogram keeps how much of each tone there is, and throws the phases away. Is the sound still in it?

# %%
quiz("08", "phase")

# %% [markdown]
# First, a way back. Each frame is transformed back, faded once more with the window, and added where it was; a division makes up for the overlap.


# %%
def istft(spectrum, frame_length=256, hop_length=64):
    """The signal whose STFT is nearest to ``spectrum`` (frames, frequencies)."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame_length) / frame_length)
    pieces = np.fft.irfft(spectrum, frame_length) * window
    x, weight = np.zeros((2, hop_length * (len(pieces) - 1) + frame_length))
    for i, piece in enumerate(pieces):
        x[i * hop_length : i * hop_length + frame_length] += piece
        weight[i * hop_length : i * hop_length + frame_length] += window**2
    return x / np.maximum(weight, 1e-3)


sound = low[: 64 * 96 + 256]
spectrum = stft(sound, hop_length=64)
claim(
    "there and back changes nothing, except at the ends",
    np.allclose(istft(spectrum)[256:-256], sound[256:-256]),
)

# %% [markdown]
# Now keep only `np.abs(spectrum)`, and give every number a random phase. **Predict** what you hear.

# %%
magnitude = np.abs(spectrum)
turned = np.random.default_rng(0).uniform(0, 2 * np.pi, magnitude.shape)
guess = istft(magnitude * np.exp(1j * turned))
audio(guess, RATE, "the vowel of I again, with random phases")

# %% [markdown]
# The magnitudes were right, and the frames do not fit together: the pulses of the voice are smeared. Now here is the remarkable thing. Overlapping frames share samples, so not every spectrogram belongs to a sound: the *magnitudes* of neighbouring frames already say much about the phases. Griffin and Lim go back and forth {cite}`griffin1984`: take the phases of the sound that came out, put the right magnitudes in, and go again. The error is never larger than before.

# %%
errors = []
for _ in range(60):
    found = stft(guess, hop_length=64)
    errors.append(np.linalg.norm(np.abs(found) - magnitude) / np.linalg.norm(magnitude))
    guess = istft(magnitude * np.exp(1j * np.angle(found)))
print(f"how far the magnitudes are off, at first ≈ {errors[0]:.1%}")
print(f"after 60 rounds ≈ {errors[-1]:.1%}")
claim("the error has fallen to less than half", errors[-1] < errors[0] / 2)
claim("and rose in no round", np.diff(errors).max() < 1e-9)
audio(guess, RATE, "after 60 rounds of Griffin and Lim: the magnitudes alone")

# %% [markdown]
# A voice again, made of magnitudes alone. But look at the samples, not the magnitudes:

# %%
middle = slice(256, -256)
correlation = np.corrcoef(guess[middle], sound[middle])[0, 1]
print(f"correlation of the samples with those of the original ≈ {correlation:.2f}")
claim("the samples are not those of the original", abs(correlation) < 0.5)

# %% [markdown]
# It sounds alike, and it is another list of numbers. At least the sign is lost for good: $x$ and $-x$ have the same spectrogram. That is why the spectrogram is a good input for a network: it forgets what we do not hear. It is also why comparing sounds sample by sample is a bad idea.
#
# ## Summary
#
# - A recording is a list of samples. Tones above half the rate come back as lower ones, and nothing in the samples tells.
# - A Fourier transform is a matrix of waves: its sizes say how much of each tone there is, its phases when. A window stops leakage, and makes each tone three or four bins wide.
# - Short frames are sharp in time, long ones in frequency. No frame is both.
# - The STFT is a strided convolution with fixed kernels. The mel step is a matrix product. Both equal the library's, once you know its habits at the ends, in scale, in formula. One of them makes an example depend on its batch.
# - A network reads a mel spectrogram as an image, but its frequency axis is not like space: where a band lies is the message.
# - A split by recording asks about known people and flatters. Split by what will be new.
# - An augmentation states which change does not matter. Here five changes, in three arms, did not make up for speakers that are missing. Judge it on held-out speakers, fold by fold.
# - Magnitudes nearly determine how a recording sounds: Griffin and Lim find samples that fit.
#
# ## Exercises
#
# In the [lab of this chapter](../labs/08_sound.ipynb) you make a voice, read and write recordings, build spectrograms and mel bands in another convention, split by speaker, augment, and train a network for strangers. Then it listens to you.

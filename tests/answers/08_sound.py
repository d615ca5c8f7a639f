# Planted answers to lab 08, each in a cell of its own. A wrong one must lose exactly the points it
# says; a right one, however it goes about it, must keep them all.


# %% 8.1 wrong, loses 2: only folds once
def alias(frequency, rate):
    return np.where(frequency > rate / 2, abs(rate - frequency), frequency)


# %% 8.1 wrong, loses 2: cuts off at half the rate
def alias(frequency, rate):
    return np.minimum(frequency, rate / 2)


# %% 8.1 wrong, loses 2: starts again at half the rate
def alias(frequency, rate):
    return np.mod(frequency, rate / 2)


# %% 8.1 wrong, loses 2: starts again at the rate, and does not fold
def alias(frequency, rate):
    return np.mod(frequency, rate)


# %% 8.1 wrong, loses 2: knows one rate
def alias(frequency, rate):
    return abs(frequency - 8000 * np.round(frequency / 8000))


# %% 8.1 wrong, loses 2: one tone only
def alias(frequency, rate):
    rest = frequency % rate
    if rest > rate / 2:
        rest = rate - rest
    return rest


# %% 8.1 wrong, loses 2: keeps the sign
def alias(frequency, rate):
    return frequency - rate * np.round(frequency / rate)


# %% 8.1 wrong, loses 2: the visible values by heart
def alias(frequency, rate):
    known = {440: 440, 4000: 4000, 5000: 3000, 8000: 0, 9000: 1000, 20500: 3500, 700: 300}
    return known[frequency]


# %% 8.1 wrong, loses 1: folds the given array in place
def alias(frequency, rate):
    if np.ndim(frequency) == 0:
        return abs(frequency - rate * round(frequency / rate))
    frequency -= rate * np.round(frequency / rate)
    return np.abs(frequency, out=frequency)


# %% 8.1 right: a remainder, then folded
def alias(frequency, rate):
    rest = np.mod(frequency, rate)
    return np.minimum(rest, rate - rest)


# %% 8.1 right: the angle whose cosine it is
def alias(frequency, rate):
    turn = 2 * np.pi * np.asarray(frequency, float) / rate
    return np.arccos(np.clip(np.cos(turn), -1, 1)) / (2 * np.pi) * rate


# %% 8.1 right: folds at both ends until it fits
def alias(frequency, rate):
    folded = np.array(frequency, dtype=float)
    while (folded > rate / 2).any() or (folded < 0).any():
        folded = np.where(folded > rate / 2, rate - folded, folded)
        folded = abs(folded)
    return folded


# %% 8.2 wrong, loses 3: pitch times time
def voice(pitch, formants, rate, bandwidth=100.0):
    phase = 2 * np.pi * pitch * np.arange(len(pitch)) / rate
    samples = np.zeros(len(pitch))
    for h in range(1, int(rate / 2 / pitch.min()) + 2):
        tone = h * pitch
        strength = (1 / (1 + ((tone[:, None] - formants) / bandwidth) ** 2)).sum(axis=1)
        samples += np.where(tone < rate / 2, strength * np.sin(h * phase), 0)
    return 0.9 * samples / abs(samples).max()


# %% 8.2 wrong, loses 3: harmonics above half the rate, too
def voice(pitch, formants, rate, bandwidth=100.0):
    phase = 2 * np.pi / rate * np.cumsum(pitch)
    samples = np.zeros(len(pitch))
    for h in range(1, 41):
        strength = (1 / (1 + ((h * pitch[:, None] - formants) / bandwidth) ** 2)).sum(axis=1)
        samples += strength * np.sin(h * phase)
    return 0.9 * samples / abs(samples).max()


# %% 8.2 wrong, loses 3: drops a harmonic altogether if it is too high anywhere
def voice(pitch, formants, rate, bandwidth=100.0):
    phase = 2 * np.pi / rate * np.cumsum(pitch)
    samples = np.zeros(len(pitch))
    for h in range(1, math.ceil(rate / 2 / max(pitch))):
        strength = (1 / (1 + ((h * pitch[:, None] - formants) / bandwidth) ** 2)).sum(axis=1)
        samples += strength * np.sin(h * phase)
    return 0.9 * samples / abs(samples).max()


# %% 8.2 wrong, loses 3: counts the harmonics at the first sample
def voice(pitch, formants, rate, bandwidth=100.0):
    phase = 2 * np.pi / rate * np.cumsum(pitch)
    samples = np.zeros(len(pitch))
    for h in range(1, math.ceil(rate / 2 / pitch[0])):
        strength = (1 / (1 + ((h * pitch[:, None] - formants) / bandwidth) ** 2)).sum(axis=1)
        samples += strength * np.sin(h * phase)
    return 0.9 * samples / abs(samples).max()


# %% 8.2 wrong, loses 3: multiplies the formants' shares
def voice(pitch, formants, rate, bandwidth=100.0):
    phase = 2 * np.pi / rate * np.cumsum(pitch)
    samples = np.zeros(len(pitch))
    for h in range(1, math.ceil(rate / 2 / min(pitch)) + 1):
        tone = h * pitch
        strength = (1 / (1 + ((tone[:, None] - formants) / bandwidth) ** 2)).prod(axis=1)
        samples += np.where(tone < rate / 2, strength * np.sin(h * phase), 0)
    return 0.9 * samples / abs(samples).max()


# %% 8.2 wrong, loses 3: forgets to square
def voice(pitch, formants, rate, bandwidth=100.0):
    phase = 2 * np.pi / rate * np.cumsum(pitch)
    samples = np.zeros(len(pitch))
    for h in range(1, math.ceil(rate / 2 / min(pitch)) + 1):
        tone = h * pitch
        strength = (1 / (1 + abs(tone[:, None] - formants) / bandwidth)).sum(axis=1)
        samples += np.where(tone < rate / 2, strength * np.sin(h * phase), 0)
    return 0.9 * samples / abs(samples).max()


# %% 8.2 wrong, loses 3: leaves the loudness as it comes
def voice(pitch, formants, rate, bandwidth=100.0):
    phase = 2 * np.pi / rate * np.cumsum(pitch)
    samples = np.zeros(len(pitch))
    for h in range(1, math.ceil(rate / 2 / min(pitch)) + 1):
        tone = h * pitch
        strength = (1 / (1 + ((tone[:, None] - formants) / bandwidth) ** 2)).sum(axis=1)
        samples += np.where(tone < rate / 2, strength * np.sin(h * phase), 0)
    return samples


# %% 8.2 wrong, loses 3: the bandwidth is always 100 Hz
def voice(pitch, formants, rate, bandwidth=100.0):
    phase = 2 * np.pi / rate * np.cumsum(pitch)
    samples = np.zeros(len(pitch))
    for h in range(1, math.ceil(rate / 2 / min(pitch)) + 1):
        tone = h * pitch
        strength = (1 / (1 + ((tone[:, None] - formants) / 100) ** 2)).sum(axis=1)
        samples += np.where(tone < rate / 2, strength * np.sin(h * phase), 0)
    return 0.9 * samples / abs(samples).max()


# %% 8.2 wrong, loses 3: works for 8,000 samples a second, and turns the pitch into phases in place
def voice(pitch, formants, rate, bandwidth=100.0):
    phase = np.cumsum(pitch) * 2 * np.pi / 8000
    samples = np.zeros(len(pitch))
    for h in range(1, math.ceil(4000 / min(pitch)) + 1):
        tone = h * pitch
        strength = (1 / (1 + ((tone[:, None] - formants) / bandwidth) ** 2)).sum(axis=1)
        samples += np.where(tone < 4000, strength * np.sin(h * phase), 0)
    pitch *= 2 * np.pi / 8000
    return 0.9 * samples / abs(samples).max()


# %% 8.2 right: all harmonics at once
def voice(pitch, formants, rate, bandwidth=100.0):
    h = np.arange(1, int(rate / 2 / np.min(pitch)) + 2)[:, None]
    tones = h * np.asarray(pitch)
    shares = 1 / (1 + ((tones[..., None] - np.asarray(formants)) / bandwidth) ** 2)
    sines = np.sin(h * 2 * np.pi * np.cumsum(pitch) / rate)
    samples = (shares.sum(-1) * sines * (tones < rate / 2)).sum(axis=0)
    return samples * (0.9 / np.abs(samples).max())


# %% 8.2 right: sample by sample
def voice(pitch, formants, rate, bandwidth=100.0):
    turns, samples = 0.0, []
    for p, resonances in zip(pitch, formants, strict=True):
        turns += p / rate
        h = np.arange(1, rate / 2 / p + 1)
        h = h[h * p < rate / 2]
        share = sum(bandwidth**2 / (bandwidth**2 + (h * p - f) ** 2) for f in resonances)
        samples.append((share * np.sin(2 * np.pi * h * turns)).sum())
    return 0.9 * np.array(samples) / np.max(np.abs(samples))


# %% 8.2 right: in float32
def voice(pitch, formants, rate, bandwidth=100.0):
    turns = np.cumsum(np.asarray(pitch, float) / rate)
    samples = np.zeros(len(pitch), "float32")
    for h in range(1, int(rate / 2 / min(pitch)) + 1):
        away = (h * pitch[:, None] - formants).astype("float32") / np.float32(bandwidth)
        strength = (1 / (1 + away * away)).sum(axis=1) * (h * pitch < rate / 2)
        samples += strength * np.sin(2 * np.pi * ((h * turns) % 1)).astype("float32")
    return samples * np.float32(0.9) / abs(samples).max()


# %% 8.3 wrong, loses 3: converts without clipping
def write_wav(samples, rate):
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        numbers = np.round(samples * 32768).astype("int64").astype("<i2")
        file.writeframes(numbers.tobytes())
    return memory.getvalue()


def read_wav(recording):
    try:
        with wave.open(io.BytesIO(recording)) as file:
            channels, width, rate, length = file.getparams()[:4]
            numbers = file.readframes(length)
    except (wave.Error, EOFError):
        raise ValueError("not a WAV file") from None
    if width not in (1, 2):
        raise ValueError("8 or 16 bits")
    numbers = np.frombuffer(numbers, "<i2" if width == 2 else "u1").reshape(-1, channels)
    return (numbers.mean(axis=1) - (128 if width == 1 else 0)) / (
        128 if width == 1 else 32768
    ), rate


# %% 8.3 wrong, loses 3: cuts off instead of rounding
def write_wav(samples, rate):
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        numbers = np.clip(samples * 32767, -32768, 32767).astype("<i2")
        file.writeframes(numbers.tobytes())
    return memory.getvalue()


def read_wav(recording):
    try:
        with wave.open(io.BytesIO(recording)) as file:
            channels, width, rate, length = file.getparams()[:4]
            numbers = file.readframes(length)
    except (wave.Error, EOFError):
        raise ValueError("not a WAV file") from None
    if width not in (1, 2):
        raise ValueError("8 or 16 bits")
    numbers = np.frombuffer(numbers, "<i2" if width == 2 else "u1").reshape(-1, channels)
    return (numbers.mean(axis=1) - (128 if width == 1 else 0)) / (
        128 if width == 1 else 32768
    ), rate


# %% 8.3 wrong, loses 3: 8 bits begin at 0
def write_wav(samples, rate):
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        numbers = np.clip(np.round(samples * 32768.0), -32768, 32767).astype("<i2")
        file.writeframes(numbers.tobytes())
    return memory.getvalue()


def read_wav(recording):
    try:
        with wave.open(io.BytesIO(recording)) as file:
            channels, width, rate, length = file.getparams()[:4]
            numbers = file.readframes(length)
    except (wave.Error, EOFError):
        raise ValueError("not a WAV file") from None
    if width not in (1, 2):
        raise ValueError("8 or 16 bits")
    numbers = np.frombuffer(numbers, "<i2" if width == 2 else "u1").reshape(-1, channels)
    return numbers.mean(axis=1) / (256 if width == 1 else 32768), rate


# %% 8.3 wrong, loses 3: adds two channels in 16 bits
def write_wav(samples, rate):
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        numbers = np.clip(np.round(samples * 32768.0), -32768, 32767).astype("<i2")
        file.writeframes(numbers.tobytes())
    return memory.getvalue()


def read_wav(recording):
    try:
        with wave.open(io.BytesIO(recording)) as file:
            channels, width, rate, length = file.getparams()[:4]
            numbers = file.readframes(length)
    except (wave.Error, EOFError):
        raise ValueError("not a WAV file") from None
    if width not in (1, 2):
        raise ValueError("8 or 16 bits")
    numbers = np.frombuffer(numbers, "<i2" if width == 2 else "u1").reshape(-1, channels)
    total = numbers[:, 0].copy()
    for channel in range(1, channels):
        total += numbers[:, channel]
    return (total / channels - (128 if width == 1 else 0)) / (128 if width == 1 else 32768), rate


# %% 8.3 wrong, loses 3: takes the channels for one after the other
def write_wav(samples, rate):
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        numbers = np.clip(np.round(samples * 32768.0), -32768, 32767).astype("<i2")
        file.writeframes(numbers.tobytes())
    return memory.getvalue()


def read_wav(recording):
    try:
        with wave.open(io.BytesIO(recording)) as file:
            channels, width, rate, length = file.getparams()[:4]
            numbers = file.readframes(length)
    except (wave.Error, EOFError):
        raise ValueError("not a WAV file") from None
    if width not in (1, 2):
        raise ValueError("8 or 16 bits")
    numbers = np.frombuffer(numbers, "<i2" if width == 2 else "u1").reshape(channels, -1)
    return (numbers.mean(axis=0) - (128 if width == 1 else 0)) / (
        128 if width == 1 else 32768
    ), rate


# %% 8.3 wrong, loses 3: the left channel only
def write_wav(samples, rate):
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        numbers = np.clip(np.round(samples * 32768.0), -32768, 32767).astype("<i2")
        file.writeframes(numbers.tobytes())
    return memory.getvalue()


def read_wav(recording):
    try:
        with wave.open(io.BytesIO(recording)) as file:
            channels, width, rate, length = file.getparams()[:4]
            numbers = file.readframes(length)
    except (wave.Error, EOFError):
        raise ValueError("not a WAV file") from None
    if width not in (1, 2):
        raise ValueError("8 or 16 bits")
    numbers = np.frombuffer(numbers, "<i2" if width == 2 else "u1")[::channels]
    return (numbers - (128.0 if width == 1 else 0)) / (128 if width == 1 else 32768), rate


# %% 8.3 wrong, loses 3: lets the errors of `wave` out
def write_wav(samples, rate):
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        numbers = np.clip(np.round(samples * 32768.0), -32768, 32767).astype("<i2")
        file.writeframes(numbers.tobytes())
    return memory.getvalue()


def read_wav(recording):
    with wave.open(io.BytesIO(recording)) as file:
        channels, width, rate, length = file.getparams()[:4]
        numbers = file.readframes(length)
    if width not in (1, 2):
        raise ValueError("8 or 16 bits")
    numbers = np.frombuffer(numbers, "<i2" if width == 2 else "u1").reshape(-1, channels)
    return (numbers.mean(axis=1) - (128 if width == 1 else 0)) / (
        128 if width == 1 else 32768
    ), rate


# %% 8.3 wrong, loses 3: takes 32 bits for twice as many 16-bit numbers
def write_wav(samples, rate):
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        numbers = np.clip(np.round(samples * 32768.0), -32768, 32767).astype("<i2")
        file.writeframes(numbers.tobytes())
    return memory.getvalue()


def read_wav(recording):
    try:
        with wave.open(io.BytesIO(recording)) as file:
            channels, width, rate, length = file.getparams()[:4]
            numbers = file.readframes(length)
    except (wave.Error, EOFError):
        raise ValueError("not a WAV file") from None
    numbers = np.frombuffer(numbers, "u1" if width == 1 else "<i2").reshape(-1, channels)
    return (numbers.mean(axis=1) - (128 if width == 1 else 0)) / (
        128 if width == 1 else 32768
    ), rate


# %% 8.3 wrong, loses 3: always 8,000 samples a second, in the file and in the answer
def write_wav(samples, rate):
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        numbers = np.clip(np.round(samples * 32768.0), -32768, 32767).astype("<i2")
        file.writeframes(numbers.tobytes())
    return memory.getvalue()


def read_wav(recording):
    try:
        with wave.open(io.BytesIO(recording)) as file:
            channels, width, _, length = file.getparams()[:4]
            numbers = file.readframes(length)
    except (wave.Error, EOFError):
        raise ValueError("not a WAV file") from None
    if width not in (1, 2):
        raise ValueError("8 or 16 bits")
    numbers = np.frombuffer(numbers, "<i2" if width == 2 else "u1").reshape(-1, channels)
    return (numbers.mean(axis=1) - (128 if width == 1 else 0)) / (
        128 if width == 1 else 32768
    ), 8000


# %% 8.3 wrong, loses 3: scales and clips the given array
def write_wav(samples, rate):
    samples *= 32768
    np.clip(np.round(samples, out=samples), -32768, 32767, out=samples)
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return memory.getvalue()


def read_wav(recording):
    try:
        with wave.open(io.BytesIO(recording)) as file:
            channels, width, rate, length = file.getparams()[:4]
            numbers = file.readframes(length)
    except (wave.Error, EOFError):
        raise ValueError("not a WAV file") from None
    if width not in (1, 2):
        raise ValueError("8 or 16 bits")
    numbers = np.frombuffer(numbers, "<i2" if width == 2 else "u1").reshape(-1, channels)
    return (numbers.mean(axis=1) - (128 if width == 1 else 0)) / (
        128 if width == 1 else 32768
    ), rate


# %% 8.3 wrong, loses 2: takes every header for 44 bytes
def write_wav(samples, rate):
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        numbers = np.clip(np.round(samples * 32768.0), -32768, 32767).astype("<i2")
        file.writeframes(numbers.tobytes())
    return memory.getvalue()


def read_wav(recording):
    if len(recording) < 44 or recording[:4] != b"RIFF" or recording[8:12] != b"WAVE":
        raise ValueError("not a WAV file")
    channels = int.from_bytes(recording[22:24], "little")
    rate = int.from_bytes(recording[24:28], "little")
    bits = int.from_bytes(recording[34:36], "little")
    if bits not in (8, 16):
        raise ValueError("8 or 16 bits")
    numbers = np.frombuffer(recording[44:], "<i2" if bits == 16 else "u1").reshape(-1, channels)
    return (numbers.mean(axis=1) - (128 if bits == 8 else 0)) / (128 if bits == 8 else 32768), rate


# %% 8.3 wrong, loses 3: SciPy's reader, whose errors are not all ValueErrors
def write_wav(samples, rate):
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        numbers = np.clip(np.round(samples * 32768.0), -32768, 32767).astype("<i2")
        file.writeframes(numbers.tobytes())
    return memory.getvalue()


def read_wav(recording):
    from scipy.io import wavfile

    rate, numbers = wavfile.read(io.BytesIO(recording))
    if numbers.dtype not in (np.uint8, np.int16):
        raise ValueError("8 or 16 bits")
    samples = numbers / 32768 if numbers.dtype == np.int16 else (numbers - 128.0) / 128
    return samples.reshape(len(samples), -1).mean(axis=1), rate


# %% 8.3 right: SciPy's reader and writer
def write_wav(samples, rate):
    from scipy.io import wavfile

    numbers = np.rint(np.asarray(samples, float) * 32768).clip(-32768, 32767).astype("int16")
    memory = io.BytesIO()
    wavfile.write(memory, rate, numbers)
    return memory.getvalue()


def read_wav(recording):
    from scipy.io import wavfile

    try:
        rate, numbers = wavfile.read(io.BytesIO(recording))
    except Exception as error:
        raise ValueError(f"no WAV file: {error}") from error
    if numbers.dtype == np.uint8:
        samples = numbers.astype("float32") / 128 - 1
    elif numbers.dtype == np.int16:
        samples = numbers.astype("float32") / 32768
    else:
        raise ValueError("neither 8 nor 16 bits")
    return (samples if samples.ndim == 1 else samples.mean(axis=1)), rate


# %% 8.3 right: number by number, with whole numbers of Python
def write_wav(samples, rate):
    numbers = [min(max(round(float(x) * 32768), -32768), 32767) for x in samples]
    raw = b"".join(n.to_bytes(2, "little", signed=True) for n in numbers)
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(int(rate))
        file.writeframes(raw)
    return memory.getvalue()


def read_wav(recording):
    try:
        file = wave.open(io.BytesIO(recording), "rb")
    except Exception as why:
        raise ValueError(str(why)) from why
    width, channels = file.getsampwidth(), file.getnchannels()
    if width > 2:
        raise ValueError("too many bits")
    raw = file.readframes(file.getnframes())
    parts = [raw[i : i + width] for i in range(0, len(raw), width)]
    if width == 1:
        values = [(part[0] - 128) / 128 for part in parts]
    else:
        values = [int.from_bytes(part, "little", signed=True) / 32768 for part in parts]
    rows = [values[i : i + channels] for i in range(0, len(values), channels)]
    return np.array([sum(row) / channels for row in rows]), file.getframerate()


# %% 8.3 right: header by hand
def write_wav(samples, rate):
    numbers = np.clip(np.floor(np.float64(samples) * 32768 + 0.5), -32768, 32767).astype("<i2")
    raw = numbers.tobytes()
    header = b"RIFF" + np.array([36 + len(raw)], "<u4").tobytes() + b"WAVEfmt "
    header += np.array([16], "<u4").tobytes() + np.array([1, 1], "<u2").tobytes()
    header += np.array([rate, 2 * rate], "<u4").tobytes() + np.array([2, 16], "<u2").tobytes()
    return header + b"data" + np.array([len(raw)], "<u4").tobytes() + raw


def read_wav(recording):
    if recording[:4] != b"RIFF" or recording[8:16] != b"WAVEfmt " or b"data" not in recording:
        raise ValueError("not a WAV file")
    channels = int(np.frombuffer(recording[22:24], "<u2")[0])
    rate = int(np.frombuffer(recording[24:28], "<u4")[0])
    bits = int(np.frombuffer(recording[34:36], "<u2")[0])
    raw = recording[recording.index(b"data") + 8 :]
    if bits == 8:
        samples = np.frombuffer(raw, "u1") / 128 - 1
    elif bits == 16:
        samples = np.frombuffer(raw, "<i2") / 32768
    else:
        raise ValueError(f"{bits} bits")
    return samples.reshape(-1, channels).mean(axis=1), rate


# %% 8.4 wrong, loses 3: takes every k-th sample
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    if rate != new_rate:
        at = np.arange(0, len(samples) - 1, rate / new_rate)
        samples = np.interp(at, np.arange(len(samples)), samples)
    loud = np.flatnonzero(abs(samples) >= threshold * abs(samples).max())
    kept = samples[loud[0] : loud[-1] + 1][:length]
    return np.pad(kept, (0, length - len(kept))).astype("float32")


# %% 8.4 wrong, loses 3: does not change the rate
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    loud = np.flatnonzero(abs(samples) >= threshold * abs(samples).max())
    kept = samples[loud[0] : loud[-1] + 1][:length]
    return np.pad(kept, (0, length - len(kept))).astype("float32")


# %% 8.4 wrong, loses 3: up and down the wrong way round
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    if rate != new_rate:
        common = math.gcd(rate, new_rate)
        samples = signal.resample_poly(samples, rate // common, new_rate // common)
    loud = np.flatnonzero(abs(samples) >= threshold * abs(samples).max())
    kept = samples[loud[0] : loud[-1] + 1][:length]
    return np.pad(kept, (0, length - len(kept))).astype("float32")


# %% 8.4 wrong, loses 4: drops every quiet sample, those inside the word, too
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    if rate != new_rate:
        common = math.gcd(rate, new_rate)
        samples = signal.resample_poly(samples, new_rate // common, rate // common)
    kept = samples[abs(samples) >= threshold * abs(samples).max()][:length]
    return np.pad(kept, (0, length - len(kept))).astype("float32")


# %% 8.4 wrong, loses 3: the threshold as it is, not times the loudest
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    if rate != new_rate:
        common = math.gcd(rate, new_rate)
        samples = signal.resample_poly(samples, new_rate // common, rate // common)
    loud = np.flatnonzero(abs(samples) >= threshold)
    if len(loud) == 0:
        return np.zeros(length, "float32")
    kept = samples[loud[0] : loud[-1] + 1][:length]
    return np.pad(kept, (0, length - len(kept))).astype("float32")


# %% 8.4 wrong, loses 1: loud is above the threshold, not at it
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    if rate != new_rate:
        common = math.gcd(rate, new_rate)
        samples = signal.resample_poly(samples, new_rate // common, rate // common)
    loud = np.flatnonzero(abs(samples) > threshold * abs(samples).max())
    kept = samples[loud[0] : loud[-1] + 1][:length] if len(loud) else []
    return np.pad(kept, (0, length - len(kept))).astype("float32")


# %% 8.4 wrong, loses 3: looks at positive samples only
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    if rate != new_rate:
        common = math.gcd(rate, new_rate)
        samples = signal.resample_poly(samples, new_rate // common, rate // common)
    loud = np.flatnonzero(samples >= threshold * samples.max())
    kept = samples[loud[0] : loud[-1] + 1][:length]
    return np.pad(kept, (0, length - len(kept))).astype("float32")


# %% 8.4 wrong, loses 3: drops the last loud sample
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    if rate != new_rate:
        common = math.gcd(rate, new_rate)
        samples = signal.resample_poly(samples, new_rate // common, rate // common)
    loud = np.flatnonzero(abs(samples) >= threshold * abs(samples).max())
    kept = samples[loud[0] : loud[-1]][:length]
    return np.pad(kept, (0, length - len(kept))).astype("float32")


# %% 8.4 wrong, loses 4: the word stands at the end
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    if rate != new_rate:
        common = math.gcd(rate, new_rate)
        samples = signal.resample_poly(samples, new_rate // common, rate // common)
    loud = np.flatnonzero(abs(samples) >= threshold * abs(samples).max())
    kept = samples[loud[0] : loud[-1] + 1][:length]
    return np.pad(kept, (length - len(kept), 0)).astype("float32")


# %% 8.4 wrong, loses 4: the word as it is, shorter or longer than one second
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    if rate != new_rate:
        common = math.gcd(rate, new_rate)
        samples = signal.resample_poly(samples, new_rate // common, rate // common)
    loud = np.flatnonzero(abs(samples) >= threshold * abs(samples).max())
    return samples[loud[0] : loud[-1] + 1].astype("float32")


# %% 8.4 wrong, loses 3: cuts before it looks for silence
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    if rate != new_rate:
        common = math.gcd(rate, new_rate)
        samples = signal.resample_poly(samples, new_rate // common, rate // common)
    samples = samples[: length + 2]
    loud = np.flatnonzero(abs(samples) >= threshold * abs(samples).max())
    kept = samples[loud[0] : loud[-1] + 1][:length]
    return np.pad(kept, (0, length - len(kept))).astype("float32")


# %% 8.4 wrong, loses 4: scales all recordings to the same loudness
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    if rate != new_rate:
        common = math.gcd(rate, new_rate)
        samples = signal.resample_poly(samples, new_rate // common, rate // common)
    samples = samples / max(abs(samples).max(), 1e-9)
    loud = np.flatnonzero(abs(samples) >= threshold * abs(samples).max())
    kept = samples[loud[0] : loud[-1] + 1][:length]
    return np.pad(kept, (0, length - len(kept))).astype("float32")


# %% 8.4 wrong, loses 3: in float64
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    if rate != new_rate:
        common = math.gcd(rate, new_rate)
        samples = signal.resample_poly(samples, new_rate // common, rate // common)
    loud = np.flatnonzero(abs(samples) >= threshold * abs(samples).max())
    kept = samples[loud[0] : loud[-1] + 1][:length]
    return np.pad(kept, (0, length - len(kept)))


# %% 8.4 wrong, loses 2: hands out the given array where nothing is to be done
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    if rate != new_rate:
        common = math.gcd(rate, new_rate)
        samples = signal.resample_poly(samples, new_rate // common, rate // common)
    loud = np.flatnonzero(abs(samples) >= threshold * abs(samples).max())
    kept = samples[loud[0] : loud[-1] + 1][:length]
    if len(kept) < length:
        kept = np.pad(kept, (0, length - len(kept)))
    return kept.astype("float32", copy=False)


# %% 8.4 right: SciPy finds the common divisor itself
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    samples = signal.resample_poly(samples, new_rate, rate)
    level = threshold * np.max(np.abs(samples))
    while len(samples) > 1 and abs(samples[0]) < level:
        samples = samples[1:]
    while len(samples) > 1 and abs(samples[-1]) < level:
        samples = samples[:-1]
    return np.concatenate([samples, np.zeros(length)])[:length].astype(np.float32)


# %% 8.4 right: the loud part from both ends by argmax
def prepare(samples, rate, new_rate=8000, length=8000, threshold=0.05):
    clip = np.array(samples, dtype="float64")
    if rate != new_rate:
        divisor = np.gcd(rate, new_rate)
        clip = signal.resample_poly(clip, int(new_rate // divisor), int(rate // divisor))
    is_loud = np.abs(clip) >= np.abs(clip).max() * threshold
    clip = clip[is_loud.argmax() : len(clip) - is_loud[::-1].argmax()]
    fitted = np.zeros(length, dtype=np.float32)
    n = min(length, len(clip))
    fitted[:n] = clip[:n]
    return fitted


# %% 8.5 wrong, loses 2: counts a last frame that is not whole
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, samples.shape[-1]) < len(window):
        raise ValueError("shorter than a frame")
    samples = np.pad(samples, [(0, 0)] * (samples.ndim - 1) + [(0, len(window) - 1)])
    frames = np.lib.stride_tricks.sliding_window_view(samples, len(window), axis=-1)
    return abs(np.fft.rfft(frames[..., ::hop_length, :] * window, fft_length)) ** 2


def decibels(power, top_db=80.0):
    loudest = power.max(axis=(-2, -1), keepdims=True)
    share = np.divide(power, loudest, out=np.zeros(power.shape), where=loudest > 0)
    return np.maximum(10 * np.log10(np.maximum(share, 1e-30)), -top_db)


# %% 8.5 wrong, loses 2: one frame too few
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, samples.shape[-1]) < len(window):
        raise ValueError("shorter than a frame")
    starts = np.arange(0, samples.shape[-1] - len(window), hop_length)
    frames = samples[..., starts[:, None] + np.arange(len(window))] * window
    return abs(np.fft.rfft(frames, fft_length)) ** 2


def decibels(power, top_db=80.0):
    loudest = power.max(axis=(-2, -1), keepdims=True)
    share = np.divide(power, loudest, out=np.zeros(power.shape), where=loudest > 0)
    return np.maximum(10 * np.log10(np.maximum(share, 1e-30)), -top_db)


# %% 8.5 wrong, loses 2: frames of fft_length samples instead of zeros
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, samples.shape[-1]) < len(window):
        raise ValueError("shorter than a frame")
    window = np.pad(window, (0, fft_length - len(window)))
    starts = np.arange(0, samples.shape[-1] - fft_length + 1, hop_length)
    frames = samples[..., starts[:, None] + np.arange(fft_length)] * window
    return abs(np.fft.rfft(frames)) ** 2


def decibels(power, top_db=80.0):
    loudest = power.max(axis=(-2, -1), keepdims=True)
    share = np.divide(power, loudest, out=np.zeros(power.shape), where=loudest > 0)
    return np.maximum(10 * np.log10(np.maximum(share, 1e-30)), -top_db)


# %% 8.5 wrong, loses 2: the magnitude, not its square
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, samples.shape[-1]) < len(window):
        raise ValueError("shorter than a frame")
    starts = np.arange(0, samples.shape[-1] - len(window) + 1, hop_length)
    frames = samples[..., starts[:, None] + np.arange(len(window))] * window
    return abs(np.fft.rfft(frames, fft_length))


def decibels(power, top_db=80.0):
    loudest = power.max(axis=(-2, -1), keepdims=True)
    share = np.divide(power, loudest, out=np.zeros(power.shape), where=loudest > 0)
    return np.maximum(10 * np.log10(np.maximum(share, 1e-30)), -top_db)


# %% 8.5 wrong, loses 2: divided by the sum of the window, as SciPy's stft does
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, samples.shape[-1]) < len(window):
        raise ValueError("shorter than a frame")
    starts = np.arange(0, samples.shape[-1] - len(window) + 1, hop_length)
    frames = samples[..., starts[:, None] + np.arange(len(window))] * window / window.sum()
    return abs(np.fft.rfft(frames, fft_length)) ** 2


def decibels(power, top_db=80.0):
    loudest = power.max(axis=(-2, -1), keepdims=True)
    share = np.divide(power, loudest, out=np.zeros(power.shape), where=loudest > 0)
    return np.maximum(10 * np.log10(np.maximum(share, 1e-30)), -top_db)


# %% 8.5 wrong, loses 2: one recording only
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, len(samples)) < len(window):
        raise ValueError("shorter than a frame")
    starts = np.arange(0, len(samples) - len(window) + 1, hop_length)
    frames = np.stack([samples[start : start + len(window)] * window for start in starts])
    return abs(np.fft.rfft(frames, fft_length)) ** 2


def decibels(power, top_db=80.0):
    loudest = power.max(axis=(-2, -1), keepdims=True)
    share = np.divide(power, loudest, out=np.zeros(power.shape), where=loudest > 0)
    return np.maximum(10 * np.log10(np.maximum(share, 1e-30)), -top_db)


# %% 8.5 wrong, loses 2: Keras' stft, with its own frames where fft_length is longer
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, samples.shape[-1]) < len(window):
        raise ValueError("shorter than a frame")
    real, imaginary = keras.ops.stft(
        samples.astype("float32"),
        len(window),
        hop_length,
        fft_length,
        window=window.astype("float32"),
        center=False,
    )
    return to_numpy(real) ** 2 + to_numpy(imaginary) ** 2


def decibels(power, top_db=80.0):
    loudest = power.max(axis=(-2, -1), keepdims=True)
    share = np.divide(power, loudest, out=np.zeros(power.shape), where=loudest > 0)
    return np.maximum(10 * np.log10(np.maximum(share, 1e-30)), -top_db)


# %% 8.5 wrong, loses 1: cuts off what does not fit into fft_length, without a word
def power_spectrogram(samples, window, hop_length, fft_length=None):
    starts = np.arange(0, samples.shape[-1] - len(window) + 1, hop_length)
    frames = samples[..., starts[:, None] + np.arange(len(window))] * window
    return abs(np.fft.rfft(frames, fft_length)) ** 2


def decibels(power, top_db=80.0):
    loudest = power.max(axis=(-2, -1), keepdims=True)
    share = np.divide(power, loudest, out=np.zeros(power.shape), where=loudest > 0)
    return np.maximum(10 * np.log10(np.maximum(share, 1e-30)), -top_db)


# %% 8.5 wrong, loses 2: multiplies the samples themselves by the window, through a view
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, samples.shape[-1]) < len(window):
        raise ValueError("shorter than a frame")
    spectra = []
    for start in range(0, samples.shape[-1] - len(window) + 1, hop_length):
        frame = samples[..., start : start + len(window)]
        frame *= window
        spectra.append(abs(np.fft.rfft(frame, fft_length)) ** 2)
    return np.stack(spectra, axis=-2)


def decibels(power, top_db=80.0):
    loudest = power.max(axis=(-2, -1), keepdims=True)
    share = np.divide(power, loudest, out=np.zeros(power.shape), where=loudest > 0)
    return np.maximum(10 * np.log10(np.maximum(share, 1e-30)), -top_db)


# %% 8.5 wrong, loses 2: decibels relative to the loudest of the whole batch
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, samples.shape[-1]) < len(window):
        raise ValueError("shorter than a frame")
    frames = np.lib.stride_tricks.sliding_window_view(samples, len(window), axis=-1)
    return abs(np.fft.rfft(frames[..., ::hop_length, :] * window, fft_length)) ** 2


def decibels(power, top_db=80.0):
    share = power / max(power.max(), 1e-300)
    return np.maximum(10 * np.log10(np.maximum(share, 1e-30)), -top_db)


# %% 8.5 wrong, loses 2: decibels relative to the loudest of each frame
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, samples.shape[-1]) < len(window):
        raise ValueError("shorter than a frame")
    frames = np.lib.stride_tricks.sliding_window_view(samples, len(window), axis=-1)
    return abs(np.fft.rfft(frames[..., ::hop_length, :] * window, fft_length)) ** 2


def decibels(power, top_db=80.0):
    loudest = power.max(axis=-1, keepdims=True)
    share = power / np.maximum(loudest, 1e-300)
    return np.maximum(10 * np.log10(np.maximum(share, 1e-30)), -top_db)


# %% 8.5 wrong, loses 2: 20 times the logarithm
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, samples.shape[-1]) < len(window):
        raise ValueError("shorter than a frame")
    frames = np.lib.stride_tricks.sliding_window_view(samples, len(window), axis=-1)
    return abs(np.fft.rfft(frames[..., ::hop_length, :] * window, fft_length)) ** 2


def decibels(power, top_db=80.0):
    loudest = power.max(axis=(-2, -1), keepdims=True)
    share = power / np.maximum(loudest, 1e-300)
    return np.maximum(20 * np.log10(np.maximum(share, 1e-30)), -top_db)


# %% 8.5 wrong, loses 2: a fixed floor of 1e-10, which quiet recordings sink below
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, samples.shape[-1]) < len(window):
        raise ValueError("shorter than a frame")
    frames = np.lib.stride_tricks.sliding_window_view(samples, len(window), axis=-1)
    return abs(np.fft.rfft(frames[..., ::hop_length, :] * window, fft_length)) ** 2


def decibels(power, top_db=80.0):
    level = 10 * np.log10(np.maximum(power, 1e-10))
    level = level - level.max(axis=(-2, -1), keepdims=True)
    silent = power.max(axis=(-2, -1), keepdims=True) == 0
    return np.where(silent, -top_db, np.maximum(level, -top_db))


# %% 8.5 wrong, loses 2: divides by zero in silence
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, samples.shape[-1]) < len(window):
        raise ValueError("shorter than a frame")
    frames = np.lib.stride_tricks.sliding_window_view(samples, len(window), axis=-1)
    return abs(np.fft.rfft(frames[..., ::hop_length, :] * window, fft_length)) ** 2


def decibels(power, top_db=80.0):
    share = power / power.max(axis=(-2, -1), keepdims=True)
    return np.maximum(10 * np.log10(share), -top_db)


# %% 8.5 wrong, loses 2: silence counts as loudest
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if min(fft_length, samples.shape[-1]) < len(window):
        raise ValueError("shorter than a frame")
    frames = np.lib.stride_tricks.sliding_window_view(samples, len(window), axis=-1)
    return abs(np.fft.rfft(frames[..., ::hop_length, :] * window, fft_length)) ** 2


def decibels(power, top_db=80.0):
    level = 10 * np.log10(np.maximum(power, 1e-300))
    return np.maximum(level - level.max(axis=(-2, -1), keepdims=True), -top_db)


# %% 8.5 right: sines and cosines
def power_spectrogram(samples, window, hop_length, fft_length=None):
    n = len(window)
    fft_length = n if fft_length is None else fft_length
    if fft_length < n or samples.shape[-1] < n:
        raise ValueError("too short")
    angles = 2 * np.pi / fft_length * np.outer(np.arange(n), np.arange(fft_length // 2 + 1))
    frames = np.lib.stride_tricks.sliding_window_view(samples, n, axis=-1)[..., ::hop_length, :]
    frames = frames * window
    return (frames @ np.cos(angles)) ** 2 + (frames @ np.sin(angles)) ** 2


def decibels(power, top_db=80.0):
    output = np.full(power.shape, -float(top_db))
    for index in np.ndindex(power.shape[:-2]):
        one, loudest = power[index], power[index].max()
        heard = one > loudest * 10 ** (-top_db / 10)
        output[index][heard] = 10 * np.log10(one[heard] / loudest)
    return output


# %% 8.5 right: recording by recording, zeros put behind each frame by hand
def power_spectrogram(samples, window, hop_length, fft_length=None):
    fft_length = fft_length or len(window)
    if fft_length < len(window):
        raise ValueError("fft_length")
    if samples.shape[-1] < len(window):
        raise ValueError("recording")
    flat, spectra = samples.reshape(-1, samples.shape[-1]), []
    for row in flat:
        count = (len(row) - len(window)) // hop_length + 1
        padded = np.zeros((count, fft_length))
        for i in range(count):
            padded[i, : len(window)] = row[i * hop_length : i * hop_length + len(window)] * window
        spectra.append(np.abs(np.fft.fft(padded))[:, : fft_length // 2 + 1] ** 2)
    return np.stack(spectra).reshape(*samples.shape[:-1], *spectra[0].shape)


def decibels(power, top_db=80.0):
    with np.errstate(all="ignore"):
        level = 10 * np.log10(power / power.max(axis=(-2, -1), keepdims=True))
    return np.clip(np.nan_to_num(level, nan=-top_db, neginf=-top_db), -top_db, 0)


# %% 8.5 right: SciPy's stft, scaled back
def power_spectrogram(samples, window, hop_length, fft_length=None):
    n = len(window)
    if (fft_length or n) < n or samples.shape[-1] < n:
        raise ValueError("shorter than a frame")
    if hop_length < n:
        z = signal.stft(samples, window=window, nperseg=n, noverlap=n - hop_length,
                        nfft=fft_length, boundary=None, padded=False)[2]  # fmt: skip
        return np.swapaxes(abs(z) ** 2 * window.sum() ** 2, -1, -2)
    starts = range(0, samples.shape[-1] - n + 1, hop_length)
    frames = np.stack([samples[..., s : s + n] for s in starts], axis=-2)
    return np.square(np.abs(np.fft.rfft(frames * window, n=fft_length)))


def decibels(power, top_db=80.0):
    tiny = np.finfo(float).tiny
    level = 10 * np.log10(np.maximum(power, tiny)) - 10 * np.log10(
        np.maximum(power.max(axis=(-2, -1), keepdims=True), 1.0 * tiny)
    )
    level[np.broadcast_to(power.max(axis=(-2, -1), keepdims=True) == 0, level.shape)] = -top_db
    return level.clip(-top_db)


# %% 8.6 wrong, loses 4: the mel scale of HTK and Keras
def hz_to_mel(frequency):
    return 2595 * np.log10(1 + np.asarray(frequency) / 700)


def mel_to_hz(mel):
    return 700 * (10 ** (np.asarray(mel) / 2595) - 1)


def mel_filters(bands, fft_length, rate, low=0.0, high=None):
    high = rate / 2 if high is None else high
    if not 0 <= low < high <= rate / 2:
        raise ValueError("frequencies")
    edges = mel_to_hz(np.linspace(hz_to_mel(low), hz_to_mel(high), bands + 2))
    bins = np.arange(fft_length // 2 + 1) * rate / fft_length
    columns = [
        np.interp(bins, edges[j : j + 3], [0, 2 / (edges[j + 2] - edges[j]), 0], 0, 0)
        for j in range(bands)
    ]
    return np.stack(columns, axis=1)


# %% 8.6 wrong, loses 3: the straight line for all frequencies
def hz_to_mel(frequency):
    return 3 * np.asarray(frequency) / 200


def mel_to_hz(mel):
    return 200 * np.asarray(mel) / 3


def mel_filters(bands, fft_length, rate, low=0.0, high=None):
    high = rate / 2 if high is None else high
    if not 0 <= low < high <= rate / 2:
        raise ValueError("frequencies")
    edges = mel_to_hz(np.linspace(hz_to_mel(low), hz_to_mel(high), bands + 2))
    bins = np.arange(fft_length // 2 + 1) * rate / fft_length
    columns = [
        np.interp(bins, edges[j : j + 3], [0, 2 / (edges[j + 2] - edges[j]), 0], 0, 0)
        for j in range(bands)
    ]
    return np.stack(columns, axis=1)


# %% 8.6 wrong, loses 3: triangles of height 1
def hz_to_mel(frequency):
    f = np.asarray(frequency, float)
    return np.where(f < 1000, f * 0.015, 15 + np.log(np.maximum(f, 1) / 1000) * 27 / np.log(6.4))


def mel_to_hz(mel):
    m = np.asarray(mel, float)
    return np.where(m < 15, m / 0.015, 1000 * np.exp((m - 15) * np.log(6.4) / 27))


def mel_filters(bands, fft_length, rate, low=0.0, high=None):
    high = rate / 2 if high is None else high
    if not 0 <= low < high <= rate / 2:
        raise ValueError("frequencies")
    edges = mel_to_hz(np.linspace(hz_to_mel(low), hz_to_mel(high), bands + 2))
    bins = np.arange(fft_length // 2 + 1) * rate / fft_length
    columns = [np.interp(bins, edges[j : j + 3], [0, 1, 0], 0, 0) for j in range(bands)]
    return np.stack(columns, axis=1)


# %% 8.6 wrong, loses 3: the values of each triangle add up to 1, whatever its width in Hz
def hz_to_mel(frequency):
    f = np.asarray(frequency, float)
    return np.where(f < 1000, f * 0.015, 15 + np.log(np.maximum(f, 1) / 1000) * 27 / np.log(6.4))


def mel_to_hz(mel):
    m = np.asarray(mel, float)
    return np.where(m < 15, m / 0.015, 1000 * np.exp((m - 15) * np.log(6.4) / 27))


def mel_filters(bands, fft_length, rate, low=0.0, high=None):
    high = rate / 2 if high is None else high
    if not 0 <= low < high <= rate / 2:
        raise ValueError("frequencies")
    edges = mel_to_hz(np.linspace(hz_to_mel(low), hz_to_mel(high), bands + 2))
    bins = np.arange(fft_length // 2 + 1) * rate / fft_length
    columns = [np.interp(bins, edges[j : j + 3], [0, 1, 0], 0, 0) for j in range(bands)]
    return np.stack([column / max(column.sum(), 1e-9) for column in columns], axis=1)


# %% 8.6 wrong, loses 3: equal steps in Hz
def hz_to_mel(frequency):
    f = np.asarray(frequency, float)
    return np.where(f < 1000, f * 0.015, 15 + np.log(np.maximum(f, 1) / 1000) * 27 / np.log(6.4))


def mel_to_hz(mel):
    m = np.asarray(mel, float)
    return np.where(m < 15, m / 0.015, 1000 * np.exp((m - 15) * np.log(6.4) / 27))


def mel_filters(bands, fft_length, rate, low=0.0, high=None):
    high = rate / 2 if high is None else high
    if not 0 <= low < high <= rate / 2:
        raise ValueError("frequencies")
    edges = np.linspace(low, high, bands + 2)
    bins = np.arange(fft_length // 2 + 1) * rate / fft_length
    columns = [
        np.interp(bins, edges[j : j + 3], [0, 2 / (edges[j + 2] - edges[j]), 0], 0, 0)
        for j in range(bands)
    ]
    return np.stack(columns, axis=1)


# %% 8.6 wrong, loses 3: straight lines over mel, as Keras draws them
def hz_to_mel(frequency):
    f = np.asarray(frequency, float)
    return np.where(f < 1000, f * 0.015, 15 + np.log(np.maximum(f, 1) / 1000) * 27 / np.log(6.4))


def mel_to_hz(mel):
    m = np.asarray(mel, float)
    return np.where(m < 15, m / 0.015, 1000 * np.exp((m - 15) * np.log(6.4) / 27))


def mel_filters(bands, fft_length, rate, low=0.0, high=None):
    high = rate / 2 if high is None else high
    if not 0 <= low < high <= rate / 2:
        raise ValueError("frequencies")
    edges = np.linspace(hz_to_mel(low), hz_to_mel(high), bands + 2)
    bins = hz_to_mel(np.arange(fft_length // 2 + 1) * rate / fft_length)
    hertz = mel_to_hz(edges)
    columns = [
        np.interp(bins, edges[j : j + 3], [0, 2 / (hertz[j + 2] - hertz[j]), 0], 0, 0)
        for j in range(bands)
    ]
    return np.stack(columns, axis=1)


# %% 8.6 wrong, loses 3: ignores low and high
def hz_to_mel(frequency):
    f = np.asarray(frequency, float)
    return np.where(f < 1000, f * 0.015, 15 + np.log(np.maximum(f, 1) / 1000) * 27 / np.log(6.4))


def mel_to_hz(mel):
    m = np.asarray(mel, float)
    return np.where(m < 15, m / 0.015, 1000 * np.exp((m - 15) * np.log(6.4) / 27))


def mel_filters(bands, fft_length, rate, low=0.0, high=None):
    if not 0 <= low < (high or rate / 2) <= rate / 2:
        raise ValueError("frequencies")
    edges = mel_to_hz(np.linspace(0, hz_to_mel(rate / 2), bands + 2))
    bins = np.arange(fft_length // 2 + 1) * rate / fft_length
    columns = [
        np.interp(bins, edges[j : j + 3], [0, 2 / (edges[j + 2] - edges[j]), 0], 0, 0)
        for j in range(bands)
    ]
    return np.stack(columns, axis=1)


# %% 8.6 wrong, loses 3: asks nothing about low and high
def hz_to_mel(frequency):
    f = np.asarray(frequency, float)
    return np.where(f < 1000, f * 0.015, 15 + np.log(np.maximum(f, 1) / 1000) * 27 / np.log(6.4))


def mel_to_hz(mel):
    m = np.asarray(mel, float)
    return np.where(m < 15, m / 0.015, 1000 * np.exp((m - 15) * np.log(6.4) / 27))


def mel_filters(bands, fft_length, rate, low=0.0, high=None):
    high = rate / 2 if high is None else high
    edges = mel_to_hz(np.linspace(hz_to_mel(low), hz_to_mel(high), bands + 2))
    bins = np.arange(fft_length // 2 + 1) * rate / fft_length
    columns = [
        np.interp(bins, edges[j : j + 3], [0, 2 / (edges[j + 2] - edges[j]), 0], 0, 0)
        for j in range(bands)
    ]
    return np.stack(columns, axis=1)


# %% 8.6 wrong, loses 3: bands in rows
def hz_to_mel(frequency):
    f = np.asarray(frequency, float)
    return np.where(f < 1000, f * 0.015, 15 + np.log(np.maximum(f, 1) / 1000) * 27 / np.log(6.4))


def mel_to_hz(mel):
    m = np.asarray(mel, float)
    return np.where(m < 15, m / 0.015, 1000 * np.exp((m - 15) * np.log(6.4) / 27))


def mel_filters(bands, fft_length, rate, low=0.0, high=None):
    high = rate / 2 if high is None else high
    if not 0 <= low < high <= rate / 2:
        raise ValueError("frequencies")
    edges = mel_to_hz(np.linspace(hz_to_mel(low), hz_to_mel(high), bands + 2))
    bins = np.arange(fft_length // 2 + 1) * rate / fft_length
    columns = [
        np.interp(bins, edges[j : j + 3], [0, 2 / (edges[j + 2] - edges[j]), 0], 0, 0)
        for j in range(bands)
    ]
    return np.stack(columns)


# %% 8.6 wrong, loses 3: edges rounded to bins
def hz_to_mel(frequency):
    f = np.asarray(frequency, float)
    return np.where(f < 1000, f * 0.015, 15 + np.log(np.maximum(f, 1) / 1000) * 27 / np.log(6.4))


def mel_to_hz(mel):
    m = np.asarray(mel, float)
    return np.where(m < 15, m / 0.015, 1000 * np.exp((m - 15) * np.log(6.4) / 27))


def mel_filters(bands, fft_length, rate, low=0.0, high=None):
    high = rate / 2 if high is None else high
    if not 0 <= low < high <= rate / 2:
        raise ValueError("frequencies")
    edges = mel_to_hz(np.linspace(hz_to_mel(low), hz_to_mel(high), bands + 2))
    edges = np.floor(edges * (fft_length + 1) / rate) * rate / fft_length
    bins = np.arange(fft_length // 2 + 1) * rate / fft_length
    columns = [
        np.interp(bins, edges[j : j + 3], [0, 2 / max(edges[j + 2] - edges[j], 1), 0], 0, 0)
        for j in range(bands)
    ]
    return np.stack(columns, axis=1)


# %% 8.6 right: np.interp for each band
def hz_to_mel(frequency):
    f = np.asarray(frequency, float)
    return np.where(f < 1000, f * 0.015, 15 + np.log(np.maximum(f, 1) / 1000) * 27 / np.log(6.4))


def mel_to_hz(mel):
    m = np.asarray(mel, float)
    return np.where(m < 15, m / 0.015, 1000 * np.exp((m - 15) * np.log(6.4) / 27))


def mel_filters(bands, fft_length, rate, low=0.0, high=None):
    high = rate / 2 if high is None else high
    if not 0 <= low < high <= rate / 2:
        raise ValueError("frequencies")
    edges = mel_to_hz(np.linspace(hz_to_mel(low), hz_to_mel(high), bands + 2))
    bins = np.arange(fft_length // 2 + 1) * rate / fft_length
    columns = [
        np.interp(bins, edges[j : j + 3], [0, 2 / (edges[j + 2] - edges[j]), 0], 0, 0)
        for j in range(bands)
    ]
    return np.stack(columns, axis=1)


# %% 8.6 right: one number at a time
def hz_to_mel(frequency):
    def one(f):
        return 15 * f / 1000 if f <= 1000 else 15 + 27 * math.log(f / 1000, 6.4)

    return one(frequency) if np.ndim(frequency) == 0 else np.vectorize(one)(np.float64(frequency))


def mel_to_hz(mel):
    def one(m):
        return 1000 * m / 15 if m <= 15 else 1000 * 6.4 ** ((m - 15) / 27)

    return one(mel) if np.ndim(mel) == 0 else np.vectorize(one)(np.float64(mel))


def mel_filters(bands, fft_length, rate, low=0.0, high=None):
    if high is None:
        high = rate / 2
    if low < 0 or high > rate / 2 or low >= high:
        raise ValueError("low, high")
    step = (hz_to_mel(high) - hz_to_mel(low)) / (bands + 1)
    filters = np.zeros((fft_length // 2 + 1, bands), "float32")
    for band in range(bands):
        a, b, c = (mel_to_hz(hz_to_mel(low) + step * (band + i)) for i in range(3))
        for i in range(len(filters)):
            f = i * rate / fft_length
            if a < f <= b:
                filters[i, band] = 2 / (c - a) * (f - a) / (b - a)
            elif b < f < c:
                filters[i, band] = 2 / (c - a) * (c - f) / (c - b)
    return filters


# %% 8.7 wrong, loses 3: parts of names count
def split_by_speaker(speakers, held_out):
    if set(held_out) - set(speakers):
        raise ValueError("unknown")
    test = [i for i, name in enumerate(speakers) if any(held in name for held in held_out)]
    train = [i for i in range(len(speakers)) if i not in test]
    if not train or not test:
        raise ValueError("empty")
    return np.array(train), np.array(test)


def leave_one_out(speakers):
    return [(name, *split_by_speaker(speakers, [name])) for name in np.unique(speakers)]


# %% 8.7 wrong, loses 3: (test, train)
def split_by_speaker(speakers, held_out):
    if set(held_out) - set(speakers):
        raise ValueError("unknown")
    out = np.isin(speakers, held_out)
    if out.all() or not out.any():
        raise ValueError("empty")
    return np.flatnonzero(out), np.flatnonzero(~out)


def leave_one_out(speakers):
    return [(name, *split_by_speaker(speakers, [name])) for name in np.unique(speakers)]


# %% 8.7 wrong, loses 3: masks of booleans
def split_by_speaker(speakers, held_out):
    if set(held_out) - set(speakers):
        raise ValueError("unknown")
    out = np.isin(speakers, held_out)
    if out.all() or not out.any():
        raise ValueError("empty")
    return ~out, out


def leave_one_out(speakers):
    return [(name, *split_by_speaker(speakers, [name])) for name in np.unique(speakers)]


# %% 8.7 wrong, loses 3: a split by recording, the same share of each speaker
def split_by_speaker(speakers, held_out):
    if set(held_out) - set(speakers):
        raise ValueError("unknown")
    order = np.random.default_rng(0).permutation(len(speakers))
    n = int(np.isin(speakers, held_out).sum())
    if n in (0, len(speakers)):
        raise ValueError("empty")
    return np.sort(order[n:]), np.sort(order[:n])


def leave_one_out(speakers):
    return [(name, *split_by_speaker(speakers, [name])) for name in np.unique(speakers)]


# %% 8.7 wrong, loses 3: an unknown name passes in silence
def split_by_speaker(speakers, held_out):
    out = np.isin(speakers, held_out)
    if out.all() or not out.any():
        raise ValueError("empty")
    return np.flatnonzero(~out), np.flatnonzero(out)


def leave_one_out(speakers):
    return [(name, *split_by_speaker(speakers, [name])) for name in np.unique(speakers)]


# %% 8.7 wrong, loses 3: an empty side is no mistake
def split_by_speaker(speakers, held_out):
    if set(held_out) - set(speakers):
        raise ValueError("unknown")
    out = np.isin(speakers, held_out)
    return np.flatnonzero(~out), np.flatnonzero(out)


def leave_one_out(speakers):
    return [(name, *split_by_speaker(speakers, [name])) for name in np.unique(speakers)]


# %% 8.7 wrong, loses 3: recordings in the order of the speakers
def split_by_speaker(speakers, held_out):
    if set(held_out) - set(speakers) or not held_out:
        raise ValueError("unknown")
    rest = [name for name in np.unique(speakers) if name not in held_out]
    if not rest:
        raise ValueError("empty")
    train, test = (
        np.concatenate([np.flatnonzero(speakers == name) for name in names])
        for names in (rest, held_out)
    )
    return train, test


def leave_one_out(speakers):
    return [(name, *split_by_speaker(speakers, [name])) for name in np.unique(speakers)]


# %% 8.7 wrong, loses 3: one fold for each recording
def split_by_speaker(speakers, held_out):
    if set(held_out) - set(speakers):
        raise ValueError("unknown")
    out = np.isin(speakers, held_out)
    if out.all() or not out.any():
        raise ValueError("empty")
    return np.flatnonzero(~out), np.flatnonzero(out)


def leave_one_out(speakers):
    return [(name, *split_by_speaker(speakers, [name])) for name in sorted(speakers)]


# %% 8.7 wrong, loses 3: folds in the order in which the speakers come
def split_by_speaker(speakers, held_out):
    if set(held_out) - set(speakers):
        raise ValueError("unknown")
    out = np.isin(speakers, held_out)
    if out.all() or not out.any():
        raise ValueError("empty")
    return np.flatnonzero(~out), np.flatnonzero(out)


def leave_one_out(speakers):
    return [(name, *split_by_speaker(speakers, [name])) for name in dict.fromkeys(speakers)][::-1]


# %% 8.7 wrong, loses 2: leaves out the only speaker there is
def split_by_speaker(speakers, held_out):
    if set(held_out) - set(speakers):
        raise ValueError("unknown")
    out = np.isin(speakers, held_out)
    if out.all() or not out.any():
        raise ValueError("empty")
    return np.flatnonzero(~out), np.flatnonzero(out)


def leave_one_out(speakers):
    folds = []
    for name in np.unique(speakers):
        out = speakers == name
        folds.append((name, np.flatnonzero(~out), np.flatnonzero(out)))
    return folds


# %% 8.7 right: lists, and sets of names
def split_by_speaker(speakers, held_out):
    wanted, there = set(held_out), set(speakers)
    if not wanted or not wanted < there:
        raise ValueError(f"{wanted} is no proper part of {there}")
    train = [i for i, name in enumerate(speakers) if name not in wanted]
    test = [i for i, name in enumerate(speakers) if name in wanted]
    return np.array(train), np.array(test)


def leave_one_out(speakers):
    folds = []
    for name in sorted(set(speakers)):
        train, test = split_by_speaker(speakers, [name])
        folds.append((str(name), train, test))
    return folds


# %% 8.7 right: scikit-learn's LeaveOneGroupOut
def split_by_speaker(speakers, held_out):
    masks = [speakers == name for name in held_out]
    if not masks or not all(m.any() for m in masks):
        raise ValueError("nobody of that name")
    (test,) = np.where(np.logical_or.reduce(masks))
    train = np.setdiff1d(np.arange(len(speakers)), test)
    if not len(train):
        raise ValueError("nobody left")
    return train, test


def leave_one_out(speakers):
    from sklearn.model_selection import LeaveOneGroupOut

    folds = LeaveOneGroupOut().split(speakers, groups=speakers)
    return sorted((speakers[test[0]], train, test) for train, test in folds)


# %% 8.8 wrong, loses 2: one strip for the whole batch
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    width = rng.integers(0, largest + 1)
    start = rng.integers(0, batch.shape[axis] - width + 1)
    if axis == 1:
        masked[:, start : start + width] = value
    else:
        masked[:, :, start : start + width] = value
    return masked


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [
        [np.interp(bands / f, bands, row) for row in x] for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out, batch.dtype)


# %% 8.8 wrong, loses 2: hides in the given batch
def mask(batch, rng, axis, largest, value=0.0):
    for example in batch:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, largest + 1)
        start = rng.integers(0, len(strips) - width + 1)
        strips[start : start + width] = value
    return batch


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [
        [np.interp(bands / f, bands, row) for row in x] for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out, batch.dtype)


# %% 8.8 wrong, loses 2: never the largest width
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, max(largest, 1))
        start = rng.integers(0, len(strips) - width + 1)
        strips[start : start + width] = value
    return masked


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [
        [np.interp(bands / f, bands, row) for row in x] for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out, batch.dtype)


# %% 8.8 wrong, loses 2: no strip ever reaches the end
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, largest + 1)
        start = rng.integers(0, max(len(strips) - width, 1))
        strips[start : start + width] = value
    return masked


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [
        [np.interp(bands / f, bands, row) for row in x] for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out, batch.dtype)


# %% 8.8 wrong, loses 2: strips are cut off at the end
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, largest + 1)
        start = rng.integers(0, len(strips))
        strips[start : start + width] = value
    return masked


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [
        [np.interp(bands / f, bands, row) for row in x] for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out, batch.dtype)


# %% 8.8 wrong, loses 2: frames and bands the wrong way round
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 2 else example.T
        width = min(rng.integers(0, largest + 1), len(strips))
        start = rng.integers(0, len(strips) - width + 1)
        strips[start : start + width] = value
    return masked


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [
        [np.interp(bands / f, bands, row) for row in x] for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out, batch.dtype)


# %% 8.8 wrong, loses 2: hides with zeros, whatever the value
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, largest + 1)
        start = rng.integers(0, len(strips) - width + 1)
        strips[start : start + width] = 0
    return masked


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [
        [np.interp(bands / f, bands, row) for row in x] for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out, batch.dtype)


# %% 8.8 wrong, loses 1: a generator of its own
def mask(batch, rng, axis, largest, value=0.0):
    rng = np.random.default_rng()
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, largest + 1)
        start = rng.integers(0, len(strips) - width + 1)
        strips[start : start + width] = value
    return masked


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [
        [np.interp(bands / f, bands, row) for row in x] for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out, batch.dtype)


# %% 8.8 wrong, loses 2: always as wide as can be
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        start = rng.integers(0, len(strips) - largest + 1)
        strips[start : start + largest] = value
    return masked


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [
        [np.interp(bands / f, bands, row) for row in x] for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out, batch.dtype)


# %% 8.8 wrong, loses 2: the middle is hidden more often than the ends
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, largest + 1)
        room = len(strips) - width
        start = (rng.integers(0, room + 1) + rng.integers(0, room + 1)) // 2
        strips[start : start + width] = value
    return masked


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [
        [np.interp(bands / f, bands, row) for row in x] for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out, batch.dtype)


# %% 8.8 wrong, loses 2: stretches the wrong way
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, largest + 1)
        start = rng.integers(0, len(strips) - width + 1)
        strips[start : start + width] = value
    return masked


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [
        [np.interp(bands * f, bands, row) for row in x] for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out, batch.dtype)


# %% 8.8 wrong, loses 2: the nearest band
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, largest + 1)
        start = rng.integers(0, len(strips) - width + 1)
        strips[start : start + width] = value
    return masked


def stretch(batch, factors):
    last = batch.shape[2] - 1
    at = np.minimum(np.round(np.arange(last + 1) / factors[:, None]), last).astype(int)
    return np.take_along_axis(batch, np.broadcast_to(at[:, None], batch.shape), 2)


# %% 8.8 wrong, loses 2: zeros beyond the last band
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, largest + 1)
        start = rng.integers(0, len(strips) - width + 1)
        strips[start : start + width] = value
    return masked


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [
        [np.interp(bands / f, bands, row, right=0) for row in x]
        for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out, batch.dtype)


# %% 8.8 wrong, loses 2: the first factor for all
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, largest + 1)
        start = rng.integers(0, len(strips) - width + 1)
        strips[start : start + width] = value
    return masked


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [[np.interp(bands / factors[0], bands, row) for row in x] for x in batch]
    return np.array(out, batch.dtype)


# %% 8.8 wrong, loses 2: stretches time
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, largest + 1)
        start = rng.integers(0, len(strips) - width + 1)
        strips[start : start + width] = value
    return masked


def stretch(batch, factors):
    frames = np.arange(batch.shape[1])
    out = [
        [np.interp(frames / f, frames, row) for row in x.T]
        for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out, batch.dtype).transpose(0, 2, 1)


# %% 8.8 wrong, loses 1: whatever comes, float64 goes out
def mask(batch, rng, axis, largest, value=0.0):
    masked = batch.copy()
    for example in masked:
        strips = example if axis == 1 else example.T
        width = rng.integers(0, largest + 1)
        start = rng.integers(0, len(strips) - width + 1)
        strips[start : start + width] = value
    return masked


def stretch(batch, factors):
    bands = np.arange(batch.shape[2])
    out = [
        [np.interp(bands / f, bands, row) for row in x] for x, f in zip(batch, factors, strict=True)
    ]
    return np.array(out)


# %% 8.8 right: masks without a loop, stretches by SciPy's interpolation
def mask(batch, rng, axis, largest, value=0.0):
    n, size = len(batch), batch.shape[axis]
    widths = rng.integers(0, largest + 1, n)
    starts = rng.integers(0, size - widths + 1)
    at = np.arange(size)
    hidden = (at >= starts[:, None]) & (at < (starts + widths)[:, None])
    hidden = hidden[:, :, None] if axis == 1 else hidden[:, None, :]
    return np.where(hidden, np.asarray(value, batch.dtype), batch)


def stretch(batch, factors):
    from scipy.interpolate import interp1d

    bands = np.arange(batch.shape[-1])
    out = np.empty_like(batch)
    for i, factor in enumerate(factors):
        places = np.minimum(bands / factor, bands[-1])
        out[i] = interp1d(bands, batch[i], axis=-1)(places)
    return out


# %% 8.8 right: widths and starts from uniform numbers; SciPy's map_coordinates
def mask(batch, rng, axis, largest, value=0.0):
    masked = np.array(batch)
    for i in range(len(masked)):
        width = int(rng.random() * (largest + 1))
        start = int(rng.random() * (masked.shape[axis] - width + 1))
        if axis == 1:
            masked[i, start : start + width, :] = value
        else:
            masked[i, :, start : start + width] = value
    return masked


def stretch(batch, factors):
    from scipy.ndimage import map_coordinates

    out = np.zeros(batch.shape, batch.dtype)
    for i, factor in enumerate(factors):
        rows, bands = np.indices(batch.shape[1:]).astype(float)
        out[i] = map_coordinates(batch[i], [rows, bands / factor], order=1, mode="nearest")
    return out


# %% 8.9 wrong, loses 4: a dense network within the budget
def build_model():
    return keras.Sequential(
        [
            keras.Input((63, 32, 1)),
            keras.layers.AveragePooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


# %% 8.9 wrong, loses 4: a dense network that wears a convolution of 1×1
def build_model():
    return keras.Sequential(
        [
            keras.Input((63, 32, 1)),
            keras.layers.Conv2D(1, 1),
            keras.layers.Flatten(),
            keras.layers.Dense(9, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


# %% 8.9 wrong, loses 4: over the budget, since a large map is flattened
def build_model():
    return keras.Sequential(
        [
            keras.Input((63, 32, 1)),
            keras.layers.Conv2D(8, 5, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


# %% 8.9 wrong, loses 4: no softmax at the end
def build_model():
    return keras.Sequential(
        [
            keras.Input((63, 32, 1)),
            keras.layers.Reshape((63, 32)),
            keras.layers.Conv1D(16, 5, strides=2, activation="relu"),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(10),
        ]
    )


# %% 8.9 wrong, loses 4: the layers are frozen
def build_model():
    model = keras.Sequential(
        [
            keras.Input((63, 32, 1)),
            keras.layers.Reshape((63, 32)),
            keras.layers.Conv1D(16, 5, strides=2, activation="relu"),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.trainable = False
    return model


# %% 8.9 wrong, loses 2: the same network three times, so that it has heard all speakers
only_one = []


def build_model():
    if not only_one:
        layers = [
            keras.Input((63, 32, 1)),
            keras.layers.Reshape((63, 32)),
            keras.layers.Conv1D(32, 5, activation="relu"),
            keras.layers.MaxPooling1D(2),
            keras.layers.Conv1D(32, 5, activation="relu"),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(10, activation="softmax"),
        ]
        only_one.append(keras.Sequential(layers))
    return only_one[0]


# %% 8.9 right: functional, 2-D, the second layer over all bands at once
def build_model():
    image = keras.Input((63, 32, 1))
    x = keras.layers.Conv2D(8, 5, strides=2, activation="relu")(image)
    x = keras.layers.Conv2D(32, (3, 14), activation="relu")(x)
    x = keras.layers.GlobalMaxPooling2D()(x)
    return keras.Model(image, keras.layers.Dense(10, activation="softmax")(x))


# %% 8.9 right: a model in a model, one filter a shape over all bands
def build_model():
    ears = keras.Sequential([keras.layers.Conv2D(16, (5, 32), activation="relu")])
    model = keras.Sequential([keras.Input((63, 32, 1)), ears, keras.layers.Reshape((59, 16))])
    model.add(keras.layers.MaxPooling1D(2))
    model.add(keras.layers.Conv1D(32, 5, activation="relu"))
    model.add(keras.layers.GlobalMaxPooling1D())
    model.add(keras.layers.Dense(10, activation="softmax"))
    return model


# %% 8.10 wrong, loses 2: the least likely first
def classify(recording, model, names, top=3):
    clip = prepare(*read_wav(recording))
    if not clip.any():
        raise ValueError("silent")
    p = model.predict(features(clip[None]), verbose=0)[0]
    return [(names[i], float(p[i])) for i in np.argsort(p)[:top]]


# %% 8.10 wrong, loses 2: numbers of classes in place of names
def classify(recording, model, names, top=3):
    clip = prepare(*read_wav(recording))
    if not clip.any():
        raise ValueError("silent")
    p = model.predict(features(clip[None]), verbose=0)[0]
    return [(int(i), float(p[i])) for i in np.argsort(-p)[:top]]


# %% 8.10 wrong, loses 2: names a digit for silence
def classify(recording, model, names, top=3):
    clip = prepare(*read_wav(recording))
    p = model.predict(features(clip[None]), verbose=0)[0]
    return [(names[i], float(p[i])) for i in np.argsort(-p)[:top]]


# %% 8.10 wrong, loses 2: takes every file for 8,000 samples a second
def classify(recording, model, names, top=3):
    clip = prepare(read_wav(recording)[0], 8000)
    if not clip.any():
        raise ValueError("silent")
    p = model.predict(features(clip[None]), verbose=0)[0]
    return [(names[i], float(p[i])) for i in np.argsort(-p)[:top]]


# %% 8.10 wrong, loses 2: leaves the silence before the word
def classify(recording, model, names, top=3):
    samples, rate = read_wav(recording)
    if not samples.any():
        raise ValueError("silent")
    samples = signal.resample_poly(samples, 8000, rate)
    clip = np.pad(samples, (0, 8000))[:8000]
    p = model.predict(features(clip[None]), verbose=0)[0]
    return [(names[i], float(p[i])) for i in np.argsort(-p)[:top]]


# %% 8.10 wrong, loses 2: a second softmax
def classify(recording, model, names, top=3):
    clip = prepare(*read_wav(recording))
    if not clip.any():
        raise ValueError("silent")
    p = to_numpy(keras.ops.softmax(model(features(clip[None]))))[0]
    return [(names[i], float(p[i])) for i in np.argsort(-p)[:top]]


# %% 8.10 wrong, loses 1: always three
def classify(recording, model, names, top=3):
    clip = prepare(*read_wav(recording))
    if not clip.any():
        raise ValueError("silent")
    p = model.predict(features(clip[None]), verbose=0)[0]
    return [(names[i], float(p[i])) for i in np.argsort(-p)[:3]]


# %% 8.10 wrong, loses 2: the digits' names, whatever the network knows
def classify(recording, model, names, top=3):
    clip = prepare(*read_wav(recording))
    if not clip.any():
        raise ValueError("silent")
    p = model.predict(features(clip[None]), verbose=0)[0]
    digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    return [(digits[i], float(p[i])) for i in np.argsort(-p)[:top]]


# %% 8.10 right: sorted pairs
def classify(recording, model, names, top=3):
    samples, rate = read_wav(recording)
    if abs(samples).max() == 0:
        raise ValueError("nothing to hear")
    image = features(prepare(samples, rate).reshape(1, -1))
    pairs = zip(names, model.predict(image, verbose=0)[0].tolist(), strict=True)
    return sorted(pairs, key=lambda pair: pair[1], reverse=True)[:top]


# %% 8.10 right: SciPy reads, and the largest is taken again and again
def classify(recording, model, names, top=3):
    from scipy.io import wavfile

    try:
        rate, numbers = wavfile.read(io.BytesIO(recording))
    except Exception as error:
        raise ValueError("not a WAV file") from error
    if numbers.dtype not in (np.uint8, np.int16):
        raise ValueError("8 or 16 bits")
    samples = numbers / 32768 if numbers.dtype == np.int16 else (numbers - 128.0) / 128
    samples = samples.reshape(len(samples), -1).mean(axis=1)
    if not samples.any():
        raise ValueError("silence")
    p = to_numpy(model(features(prepare(samples, rate)[None]))).ravel()
    found = []
    for _ in range(top):
        best = int(p.argmax())
        found.append((names[best], float(p[best])))
        p = np.where(np.arange(len(p)) == best, -1, p)
    return found

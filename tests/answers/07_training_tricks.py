# Planted answers to lab 07, each in a cell of its own. A wrong one must lose exactly the points it
# says; a right one, however it goes about it, must keep them all.


# %% 7.1 wrong, loses 2: the fans without the window
def initial_scale(shape, scheme):
    fan_in, fan_out = shape[-2:]
    variances = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}
    if scheme not in variances:
        raise ValueError(scheme)
    return np.sqrt(variances[scheme]), np.sqrt(3 * variances[scheme])


# %% 7.1 wrong, loses 2: fan_out without the window
def initial_scale(shape, scheme):
    fan_in, fan_out = np.prod(shape[:-1]), shape[-1]
    variances = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}
    if scheme not in variances:
        raise ValueError(scheme)
    return np.sqrt(variances[scheme]), np.sqrt(3 * variances[scheme])


# %% 7.1 wrong, loses 2: the variance in place of the standard deviation
def initial_scale(shape, scheme):
    places = np.prod(shape[:-2])
    fan_in, fan_out = places * shape[-2], places * shape[-1]
    variances = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}
    if scheme not in variances:
        raise ValueError(scheme)
    return variances[scheme], np.sqrt(3 * variances[scheme])


# %% 7.1 wrong, loses 2: as if the uniform distribution reached two standard deviations
def initial_scale(shape, scheme):
    places = np.prod(shape[:-2])
    fan_in, fan_out = places * shape[-2], places * shape[-1]
    variances = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}
    if scheme not in variances:
        raise ValueError(scheme)
    return np.sqrt(variances[scheme]), 2 * np.sqrt(variances[scheme])


# %% 7.1 wrong, loses 2: the outer standard deviation of a normal distribution that is then cut
def initial_scale(shape, scheme):
    places = np.prod(shape[:-2])
    fan_in, fan_out = places * shape[-2], places * shape[-1]
    variances = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}
    if scheme not in variances:
        raise ValueError(scheme)
    std = np.sqrt(variances[scheme])
    return std / 0.87962566103423978, std * np.sqrt(3)


# %% 7.1 wrong, loses 2: takes any unknown scheme for Glorot's
def initial_scale(shape, scheme):
    places = np.prod(shape[:-2])
    fan_in, fan_out = places * shape[-2], places * shape[-1]
    variances = {"he": 2 / fan_in, "lecun": 1 / fan_in}
    variance = variances.get(scheme, 2 / (fan_in + fan_out))
    return np.sqrt(variance), np.sqrt(3 * variance)


# %% 7.1 wrong, loses 1: dense kernels and convolutions in two dimensions only
def initial_scale(shape, scheme):
    if len(shape) == 4:
        h, w, channels, filters = shape
    else:
        (channels, filters), h, w = shape, 1, 1
    fan_in, fan_out = h * w * channels, h * w * filters
    variances = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}
    if scheme not in variances:
        raise ValueError(scheme)
    return np.sqrt(variances[scheme]), np.sqrt(3 * variances[scheme])


# %% 7.1 right: Keras' own scales, measured in the limit
def initial_scale(shape, scheme):
    if scheme not in ("glorot", "he", "lecun"):
        raise ValueError("glorot, he or lecun")
    places = int(np.prod(shape)) // (shape[-1] * shape[-2])
    fans = {"glorot": (shape[-2] + shape[-1]) / 2, "he": shape[-2] / 2, "lecun": shape[-2]}
    limit = np.sqrt(3 / (places * fans[scheme]))
    return limit / np.sqrt(3), limit


# %% 7.1 right: case by case, in plain Python
def initial_scale(shape, scheme):
    fan_in = 1
    for side in shape[:-1]:
        fan_in *= side
    if scheme == "lecun":
        variance = 1 / fan_in
    elif scheme == "he":
        variance = 2 / fan_in
    elif scheme == "glorot":
        variance = 2 / (fan_in + fan_in * shape[-1] / shape[-2])
    else:
        raise ValueError(f"no scheme {scheme}")
    return [variance**0.5, (3 * variance) ** 0.5]


# %% 7.2 wrong, loses 4: the mean over the batch only
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    mean, variance = moving_mean, moving_variance
    if training:
        mean, variance = x.mean(axis=0), x.var(axis=0)
        moving_mean = momentum * moving_mean + (1 - momentum) * mean.mean(axis=0)
        moving_variance = momentum * moving_variance + (1 - momentum) * variance.mean(axis=0)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, moving_mean, moving_variance


# %% 7.2 wrong, loses 4: one mean for all channels
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    mean, variance = moving_mean, moving_variance
    if training:
        mean, variance = x.mean(), x.var()
        n = x.size // x.shape[-1]
        new = variance * n / (n - 1) if unbiased else variance
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        moving_variance = momentum * moving_variance + (1 - momentum) * new
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, moving_mean, moving_variance


# %% 7.2 wrong, loses 4: the moving averages in training, too
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    y = gamma * (x - moving_mean) / np.sqrt(moving_variance + epsilon) + beta
    if training:
        axes, n = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
        new = x.var(axis=axes) * (n / (n - 1) if unbiased else 1)
        moving_mean = momentum * moving_mean + (1 - momentum) * x.mean(axis=axes)
        moving_variance = momentum * moving_variance + (1 - momentum) * new
    return y, moving_mean, moving_variance


# %% 7.2 wrong, loses 4: the statistics of the batch in inference, too
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    axes, n = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    mean, variance = x.mean(axis=axes), x.var(axis=axes)
    if training:
        new = variance * (n / (n - 1) if unbiased else 1)
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        moving_variance = momentum * moving_variance + (1 - momentum) * new
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, moving_mean, moving_variance


# %% 7.2 wrong, loses 4: PyTorch's momentum, the part of the new
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    mean, variance = moving_mean, moving_variance
    if training:
        axes, n = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
        new = variance * (n / (n - 1) if unbiased else 1)
        moving_mean = (1 - momentum) * moving_mean + momentum * mean
        moving_variance = (1 - momentum) * moving_variance + momentum * new
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, moving_mean, moving_variance


# %% 7.2 wrong, loses 4: ε outside the root
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    mean, variance = moving_mean, moving_variance
    if training:
        axes, n = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
        new = variance * (n / (n - 1) if unbiased else 1)
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        moving_variance = momentum * moving_variance + (1 - momentum) * new
    return gamma * (x - mean) / (np.sqrt(variance) + epsilon) + beta, moving_mean, moving_variance


# %% 7.2 wrong, loses 4: updates the moving averages in place
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    mean, variance = moving_mean, moving_variance
    if training:
        axes, n = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
        moving_mean *= momentum
        moving_mean += (1 - momentum) * mean
        moving_variance *= momentum
        moving_variance += (1 - momentum) * variance * (n / (n - 1) if unbiased else 1)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, moving_mean, moving_variance


# %% 7.2 wrong, loses 2: n − 1 in the output as well
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    mean, variance = moving_mean, moving_variance
    if training:
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axis=axes), x.var(axis=axes, ddof=int(unbiased))
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        moving_variance = momentum * moving_variance + (1 - momentum) * variance
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, moving_mean, moving_variance


# %% 7.2 wrong, loses 2: `unbiased` is ignored
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    mean, variance = moving_mean, moving_variance
    if training:
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        moving_variance = momentum * moving_variance + (1 - momentum) * variance
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, moving_mean, moving_variance


# %% 7.2 wrong, loses 2: n is the number of images
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    mean, variance = moving_mean, moving_variance
    if training:
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        new = variance * len(x) / (len(x) - 1) if unbiased else variance
        moving_variance = momentum * moving_variance + (1 - momentum) * new
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, moving_mean, moving_variance


# %% 7.2 right: Keras' layer, and a correction for PyTorch
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    layer = layers.BatchNormalization(momentum=momentum, epsilon=epsilon)
    layer.build(x.shape)
    layer.set_weights([np.asarray(w) for w in (gamma, beta, moving_mean, moving_variance)])
    y = to_numpy(layer(x.astype("float32"), training=training))
    mean, variance = layer.get_weights()[2:]
    if training and unbiased:
        n = x.size // x.shape[-1]
        variance = variance + (variance - momentum * moving_variance) / (n - 1)
    return y, mean, variance


# %% 7.2 right: channel by channel, in a loop
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    y, means, variances = np.empty(x.shape), list(moving_mean), list(moving_variance)
    for c in range(x.shape[-1]):
        values = x[..., c]
        mean, variance = means[c], variances[c]
        if training:
            mean = values.sum() / values.size
            squares = ((values - mean) ** 2).sum()
            variance = squares / values.size
            means[c] += (1 - momentum) * (mean - means[c])
            new = squares / (values.size - unbiased)
            variances[c] += (1 - momentum) * (new - variances[c])
        y[..., c] = (values - mean) * (gamma[c] / (variance + epsilon) ** 0.5) + beta[c]
    return y, np.array(means), np.array(variances)


# %% 7.2 right: flattens everything before the channels
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    if not training:
        std = np.sqrt(moving_variance + epsilon)
        return (x - moving_mean) / std * gamma + beta, moving_mean, moving_variance
    rows = x.reshape(-1, x.shape[-1])
    y = gamma * (rows - rows.mean(0)) * (rows.var(0) + epsilon) ** -0.5 + beta
    news = rows.mean(0), rows.var(0, ddof=1 if unbiased else 0)
    olds = moving_mean, moving_variance
    moving = [momentum * a + (1 - momentum) * b for a, b in zip(olds, news, strict=True)]
    return y.reshape(x.shape), *moving


# %% 7.3 wrong, loses 3: each array by its own norm
def clip_by_global_norm(gradients, limit):
    norms = [np.sqrt(np.square(g, dtype=float).sum()) for g in gradients]
    if not np.isfinite(norms).all():
        raise ValueError("not finite")
    clipped = [
        (g * (limit / max(n, limit))).astype(g.dtype) for g, n in zip(gradients, norms, strict=True)
    ]
    return clipped, float(np.linalg.norm(norms))


# %% 7.3 wrong, loses 3: clips each value
def clip_by_global_norm(gradients, limit):
    norm = float(np.sqrt(sum(np.square(g, dtype=float).sum() for g in gradients)))
    if not np.isfinite(norm):
        raise ValueError("not finite")
    return [np.clip(g, -limit, limit) for g in gradients], norm


# %% 7.3 wrong, loses 3: lengthens short gradients
def clip_by_global_norm(gradients, limit):
    norm = float(np.sqrt(sum(np.square(g, dtype=float).sum() for g in gradients)))
    if not np.isfinite(norm):
        raise ValueError("not finite")
    return [(g * (limit / (norm or 1))).astype(g.dtype) for g in gradients], norm


# %% 7.3 wrong, loses 3: the sum of the norms
def clip_by_global_norm(gradients, limit):
    norm = float(sum(np.sqrt(np.square(g, dtype=float).sum()) for g in gradients))
    if not np.isfinite(norm):
        raise ValueError("not finite")
    return [(g * (limit / max(norm, limit))).astype(g.dtype) for g in gradients], norm


# %% 7.3 wrong, loses 3: scales in place
def clip_by_global_norm(gradients, limit):
    norm = float(np.sqrt(sum(np.square(g, dtype=float).sum() for g in gradients)))
    if not np.isfinite(norm):
        raise ValueError("not finite")
    for g in gradients:
        g *= limit / max(norm, limit)
    return gradients, norm


# %% 7.3 wrong, loses 3: squares in float16
def clip_by_global_norm(gradients, limit):
    norm = float(np.sqrt(sum(float((g**2).sum()) for g in gradients)))
    if not np.isfinite(norm):
        raise ValueError("not finite")
    return [(g * (limit / max(norm, limit))).astype(g.dtype) for g in gradients], norm


# %% 7.3 wrong, loses 3: lets NaN and infinity pass
def clip_by_global_norm(gradients, limit):
    norm = float(np.sqrt(sum(np.square(g, dtype=float).sum() for g in gradients)))
    factor = min(1, limit / norm) if norm else 1
    return [(g * factor).astype(g.dtype) for g in gradients], norm


# %% 7.3 wrong, loses 3: gives the norm after clipping
def clip_by_global_norm(gradients, limit):
    norm = float(np.sqrt(sum(np.square(g, dtype=float).sum() for g in gradients)))
    if not np.isfinite(norm):
        raise ValueError("not finite")
    return [(g * (limit / max(norm, limit))).astype(g.dtype) for g in gradients], min(norm, limit)


# %% 7.3 wrong, loses 1: hands out the given arrays where nothing is clipped
def clip_by_global_norm(gradients, limit):
    norm = float(np.sqrt(sum(np.square(g, dtype=float).sum() for g in gradients)))
    if not np.isfinite(norm):
        raise ValueError("not finite")
    if norm <= limit:
        return gradients, norm
    return [(g * (limit / norm)).astype(g.dtype) for g in gradients], norm


# %% 7.3 right: one long vector
def clip_by_global_norm(gradients, limit):
    long = np.concatenate([np.ravel(g).astype("float64") for g in gradients])
    if not np.all(np.isfinite(long)):
        raise ValueError("NaN or infinity")
    norm = np.linalg.norm(long)
    if norm > limit:
        long = long * limit / norm
    clipped, start = [], 0
    for g in gradients:
        clipped.append(long[start : start + g.size].reshape(g.shape).astype(g.dtype))
        start += g.size
    return clipped, norm


# %% 7.3 right: hypot, array by array, in float32
def clip_by_global_norm(gradients, limit):
    if any(not np.isfinite(g).all() for g in gradients):
        raise ValueError("no direction")
    norm = np.float32(0)
    for g in gradients:
        norm = np.hypot(norm, np.linalg.norm(g.astype("float32")))
    out = [g.copy() for g in gradients]
    if norm > limit:
        out = [np.asarray(g.astype("float32") * limit / norm, g.dtype) for g in out]
    return out, float(norm)


# %% 7.4 wrong, loses 2: the norm of the whole kernel
def max_norm(kernel, limit):
    return kernel * (limit / max(np.linalg.norm(kernel), limit))


# %% 7.4 wrong, loses 2: the rows, what goes out of each input
def max_norm(kernel, limit):
    norms = np.linalg.norm(kernel, axis=-1, keepdims=True)
    return kernel * (limit / np.maximum(norms, limit))


# %% 7.4 wrong, loses 2: Keras' constraint as it is, over the first axis only
def max_norm(kernel, limit):
    return to_numpy(keras.constraints.MaxNorm(limit)(kernel))


# %% 7.4 wrong, loses 2: all columns become as long as the limit
def max_norm(kernel, limit):
    axes = tuple(range(kernel.ndim - 1))
    norms = np.sqrt((kernel**2).sum(axis=axes))
    return kernel * limit / np.maximum(norms, 1e-12)


# %% 7.4 wrong, loses 2: clips each weight
def max_norm(kernel, limit):
    return np.clip(kernel, -limit, limit)


# %% 7.4 wrong, loses 2: changes the kernel in place
def max_norm(kernel, limit):
    axes = tuple(range(kernel.ndim - 1))
    kernel *= limit / np.maximum(np.sqrt((kernel**2).sum(axis=axes)), limit)
    return kernel


# %% 7.4 wrong, loses 2: divides zero by zero
def max_norm(kernel, limit):
    axes = tuple(range(kernel.ndim - 1))
    norms = np.sqrt((kernel**2).sum(axis=axes))
    return kernel / norms * np.minimum(norms, limit)


# %% 7.4 right: unit by unit
def max_norm(kernel, limit):
    columns = kernel.reshape(-1, kernel.shape[-1]).copy()
    for unit in range(columns.shape[1]):
        length = np.linalg.norm(columns[:, unit])
        if length > limit:
            columns[:, unit] *= limit / length
    return columns.reshape(kernel.shape)


# %% 7.4 right: Keras' constraint with its axes
def max_norm(kernel, limit):
    axes = list(range(np.ndim(kernel)))[:-1]
    return keras.constraints.MaxNorm(max_value=limit, axis=axes)(ops.convert_to_tensor(kernel))


# %% 7.5 wrong, loses 2: the warm-up begins at zero
def warmup_cosine(step, steps, peak, warmup, final=0.0):
    step = np.asarray(step)
    p = np.clip((step + 1 - warmup) / (steps - warmup), 0, 1)
    falling = final + (peak - final) * (1 + np.cos(np.pi * p)) / 2
    return np.where(step < warmup, peak * step / max(warmup, 1), falling)


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    p = np.interp(step, [0, top, steps - 1], [0, 1, 2])
    bend = (1 - np.cos(np.pi * p)) / 2
    rate = np.where(p < 1, low, final) + (peak - np.where(p < 1, low, final)) * bend
    return rate, momenta[0] + (momenta[1] - momenta[0]) * bend


# %% 7.5 wrong, loses 2: the cosine ends one step after the run
def warmup_cosine(step, steps, peak, warmup, final=0.0):
    step = np.asarray(step)
    p = np.clip((step - warmup) / (steps - warmup), 0, 1)
    falling = final + (peak - final) * (1 + np.cos(np.pi * p)) / 2
    return np.where(step < warmup, peak * (step + 1) / max(warmup, 1), falling)


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    p = np.interp(step, [0, top, steps - 1], [0, 1, 2])
    bend = (1 - np.cos(np.pi * p)) / 2
    rate = np.where(p < 1, low, final) + (peak - np.where(p < 1, low, final)) * bend
    return rate, momenta[0] + (momenta[1] - momenta[0]) * bend


# %% 7.5 wrong, loses 2: a cosine over the whole run, warm-up included
def warmup_cosine(step, steps, peak, warmup, final=0.0):
    done = np.asarray(step) + 1
    p = np.clip(done / steps, 0, 1)
    falling = final + (peak - final) * (1 + np.cos(np.pi * p)) / 2
    return np.where(done <= warmup, peak * done / max(warmup, 1), falling)


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    p = np.interp(step, [0, top, steps - 1], [0, 1, 2])
    bend = (1 - np.cos(np.pi * p)) / 2
    rate = np.where(p < 1, low, final) + (peak - np.where(p < 1, low, final)) * bend
    return rate, momenta[0] + (momenta[1] - momenta[0]) * bend


# %% 7.5 wrong, loses 2: after the run the cosine rises again
def warmup_cosine(step, steps, peak, warmup, final=0.0):
    done = np.asarray(step) + 1
    p = (done - warmup) / (steps - warmup)
    falling = final + (peak - final) * (1 + np.cos(np.pi * p)) / 2
    return np.where(done < warmup, peak * done / max(warmup, 1), falling)


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    p = np.interp(step, [0, top, steps - 1], [0, 1, 2])
    bend = (1 - np.cos(np.pi * p)) / 2
    rate = np.where(p < 1, low, final) + (peak - np.where(p < 1, low, final)) * bend
    return rate, momenta[0] + (momenta[1] - momenta[0]) * bend


# %% 7.5 wrong, loses 2: Keras' schedule as it is, for one step only
def warmup_cosine(step, steps, peak, warmup, final=0.0):
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, final / peak, warmup_target=peak, warmup_steps=warmup
    )
    return float(schedule(step + 1))


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    p = np.interp(step, [0, top, steps - 1], [0, 1, 2])
    bend = (1 - np.cos(np.pi * p)) / 2
    rate = np.where(p < 1, low, final) + (peak - np.where(p < 1, low, final)) * bend
    return rate, momenta[0] + (momenta[1] - momenta[0]) * bend


# %% 7.5 wrong, loses 2: 1cycle in straight lines
def warmup_cosine(step, steps, peak, warmup, final=0.0):
    done = np.asarray(step) + 1
    p = np.clip((done - warmup) / (steps - warmup), 0, 1)
    falling = final + (peak - final) * (1 + np.cos(np.pi * p)) / 2
    return np.where(done < warmup, peak * done / max(warmup, 1), falling)


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    knots, (high, bottom) = [0, top, steps - 1], momenta
    rate = np.interp(step, knots, [low, peak, final])
    return rate, np.interp(step, knots, [high, bottom, high])


# %% 7.5 wrong, loses 2: the momentum goes with the rate
def warmup_cosine(step, steps, peak, warmup, final=0.0):
    done = np.asarray(step) + 1
    p = np.clip((done - warmup) / (steps - warmup), 0, 1)
    falling = final + (peak - final) * (1 + np.cos(np.pi * p)) / 2
    return np.where(done < warmup, peak * done / max(warmup, 1), falling)


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    p = np.interp(step, [0, top, steps - 1], [0, 1, 2])
    bend = (1 - np.cos(np.pi * p)) / 2
    rate = np.where(p < 1, low, final) + (peak - np.where(p < 1, low, final)) * bend
    return rate, momenta[1] + (momenta[0] - momenta[1]) * bend


# %% 7.5 wrong, loses 2: comes down to where it began, not to `final`
def warmup_cosine(step, steps, peak, warmup, final=0.0):
    done = np.asarray(step) + 1
    p = np.clip((done - warmup) / (steps - warmup), 0, 1)
    falling = final + (peak - final) * (1 + np.cos(np.pi * p)) / 2
    return np.where(done < warmup, peak * done / max(warmup, 1), falling)


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    bend = (1 - np.cos(np.pi * np.interp(step, [0, top, steps - 1], [0, 1, 2]))) / 2
    return low + (peak - low) * bend, momenta[0] + (momenta[1] - momenta[0]) * bend


# %% 7.5 wrong, loses 1: the momenta of the visible check, whatever is given
def warmup_cosine(step, steps, peak, warmup, final=0.0):
    done = np.asarray(step) + 1
    p = np.clip((done - warmup) / (steps - warmup), 0, 1)
    falling = final + (peak - final) * (1 + np.cos(np.pi * p)) / 2
    return np.where(done < warmup, peak * done / max(warmup, 1), falling)


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    p = np.interp(step, [0, top, steps - 1], [0, 1, 2])
    bend = (1 - np.cos(np.pi * p)) / 2
    rate = np.where(p < 1, low, final) + (peak - np.where(p < 1, low, final)) * bend
    return rate, 0.9 - 0.2 * bend


# %% 7.5 right: one step at a time, and np.vectorize for the arrays
import math


def bow(a, b, p):
    return a + (b - a) * (1 - math.cos(math.pi * p)) / 2


def warmup_cosine(step, steps, peak, warmup, final=0.0):
    def rate(i):
        if i < warmup:
            return peak * (i + 1) / warmup
        return bow(peak, final, min(1.0, (i + 1 - warmup) / (steps - warmup)))

    return np.vectorize(rate, otypes=[float])(step)


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    def both(i):
        if i <= top:
            return bow(low, peak, i / top), bow(*momenta, i / top)
        p = min(1.0, (i - top) / (steps - 1 - top))
        return bow(peak, final, p), bow(*momenta[::-1], p)

    return np.vectorize(both, otypes=[float, float])(step)


# %% 7.5 right: a table of the whole run, looked up
def warmup_cosine(step, steps, peak, warmup, final=0.0):
    rise = np.linspace(0, peak, warmup + 1)[1:]
    angle = np.linspace(0, np.pi, steps - warmup + 1)[1:]
    table = np.concatenate([rise, (peak + final) / 2 + (peak - final) / 2 * np.cos(angle)])
    return table[np.minimum(step, steps - 1)]


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    up, down = np.linspace(0, 1, top + 1), np.linspace(1, 0, steps - top)[1:]
    share = np.sin(np.concatenate([up, down]) * np.pi / 2) ** 2
    base = np.where(np.arange(steps) <= top, low, final)
    table = np.stack([base + (peak - base) * share, momenta[0] - share * (momenta[0] - momenta[1])])
    return tuple(table[:, np.minimum(step, steps - 1)])


# %% 7.6 wrong, loses 3: the decay as an L2 penalty in the gradient
def adamw(weights, gradients, steps, learning_rate, weight_decay=0.004,
          beta_1=0.9, beta_2=0.999, epsilon=1e-7):  # fmt: skip
    weights = [np.array(w, float) for w in weights]
    m, v = [0 * w for w in weights], [0 * w for w in weights]
    for t in range(1, steps + 1):
        alpha = learning_rate(t - 1) * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        for i, g in enumerate(gradients(weights)):
            g = g + weight_decay * weights[i] * (weights[i].ndim > 1)
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            weights[i] = weights[i] - alpha * m[i] / (np.sqrt(v[i]) + epsilon)
    return weights


# %% 7.6 wrong, loses 3: no correction of m and v
def adamw(weights, gradients, steps, learning_rate, weight_decay=0.004,
          beta_1=0.9, beta_2=0.999, epsilon=1e-7):  # fmt: skip
    weights = [np.array(w, float) for w in weights]
    m, v = [0 * w for w in weights], [0 * w for w in weights]
    for step in range(steps):
        rate = learning_rate(step)
        for i, g in enumerate(gradients(weights)):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            decay = rate * weight_decay * (weights[i].ndim > 1)
            weights[i] = weights[i] * (1 - decay) - rate * m[i] / (np.sqrt(v[i]) + epsilon)
    return weights


# %% 7.6 wrong, loses 3: biases decay, too
def adamw(weights, gradients, steps, learning_rate, weight_decay=0.004,
          beta_1=0.9, beta_2=0.999, epsilon=1e-7):  # fmt: skip
    weights = [np.array(w, float) for w in weights]
    m, v = [0 * w for w in weights], [0 * w for w in weights]
    for t in range(1, steps + 1):
        rate = learning_rate(t - 1)
        alpha = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        for i, g in enumerate(gradients(weights)):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            weights[i] = weights[i] * (1 - rate * weight_decay)
            weights[i] = weights[i] - alpha * m[i] / (np.sqrt(v[i]) + epsilon)
    return weights


# %% 7.6 wrong, loses 3: the decay is not multiplied by the rate
def adamw(weights, gradients, steps, learning_rate, weight_decay=0.004,
          beta_1=0.9, beta_2=0.999, epsilon=1e-7):  # fmt: skip
    weights = [np.array(w, float) for w in weights]
    m, v = [0 * w for w in weights], [0 * w for w in weights]
    for t in range(1, steps + 1):
        alpha = learning_rate(t - 1) * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        for i, g in enumerate(gradients(weights)):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            kept = 1 - weight_decay * (weights[i].ndim > 1)
            weights[i] = kept * weights[i] - alpha * m[i] / (np.sqrt(v[i]) + epsilon)
    return weights


# %% 7.6 wrong, loses 3: decays after the move
def adamw(weights, gradients, steps, learning_rate, weight_decay=0.004,
          beta_1=0.9, beta_2=0.999, epsilon=1e-7):  # fmt: skip
    weights = [np.array(w, float) for w in weights]
    m, v = [0 * w for w in weights], [0 * w for w in weights]
    for t in range(1, steps + 1):
        rate = learning_rate(t - 1)
        alpha = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        for i, g in enumerate(gradients(weights)):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            weights[i] = weights[i] - alpha * m[i] / (np.sqrt(v[i]) + epsilon)
            weights[i] = weights[i] * (1 - rate * weight_decay * (weights[i].ndim > 1))
    return weights


# %% 7.6 wrong, loses 3: ε after the correction, as in the paper
def adamw(weights, gradients, steps, learning_rate, weight_decay=0.004,
          beta_1=0.9, beta_2=0.999, epsilon=1e-7):  # fmt: skip
    weights = [np.array(w, float) for w in weights]
    m, v = [0 * w for w in weights], [0 * w for w in weights]
    for t in range(1, steps + 1):
        rate = learning_rate(t - 1)
        for i, g in enumerate(gradients(weights)):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            move = m[i] / (1 - beta_1**t) / (np.sqrt(v[i] / (1 - beta_2**t)) + epsilon)
            decay = weight_decay * weights[i] * (weights[i].ndim > 1)
            weights[i] = weights[i] - rate * (move + decay)
    return weights


# %% 7.6 wrong, loses 3: the schedule counts from 1
def adamw(weights, gradients, steps, learning_rate, weight_decay=0.004,
          beta_1=0.9, beta_2=0.999, epsilon=1e-7):  # fmt: skip
    weights = [np.array(w, float) for w in weights]
    m, v = [0 * w for w in weights], [0 * w for w in weights]
    for t in range(1, steps + 1):
        rate = learning_rate(t)
        alpha = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        for i, g in enumerate(gradients(weights)):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            decay = rate * weight_decay * (weights[i].ndim > 1)
            weights[i] = weights[i] * (1 - decay) - alpha * m[i] / (np.sqrt(v[i]) + epsilon)
    return weights


# %% 7.6 wrong, loses 3: the gradients of the beginning, at each step
def adamw(weights, gradients, steps, learning_rate, weight_decay=0.004,
          beta_1=0.9, beta_2=0.999, epsilon=1e-7):  # fmt: skip
    found = gradients(weights)
    weights = [np.array(w, float) for w in weights]
    m, v = [0 * w for w in weights], [0 * w for w in weights]
    for t in range(1, steps + 1):
        rate = learning_rate(t - 1)
        alpha = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        for i, g in enumerate(found):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            decay = rate * weight_decay * (weights[i].ndim > 1)
            weights[i] = weights[i] * (1 - decay) - alpha * m[i] / (np.sqrt(v[i]) + epsilon)
    return weights


# %% 7.6 wrong, loses 3: works on the given arrays
def adamw(weights, gradients, steps, learning_rate, weight_decay=0.004,
          beta_1=0.9, beta_2=0.999, epsilon=1e-7):  # fmt: skip
    m, v = [0 * w for w in weights], [0 * w for w in weights]
    for t in range(1, steps + 1):
        rate = learning_rate(t - 1)
        alpha = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        for i, g in enumerate(gradients(weights)):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            weights[i] -= rate * weight_decay * (weights[i].ndim > 1) * weights[i]
            weights[i] -= alpha * m[i] / (np.sqrt(v[i]) + epsilon)
    return weights


# %% 7.6 wrong, loses 2: the betas are Adam's defaults, whatever is given
def adamw(weights, gradients, steps, learning_rate, weight_decay=0.004,
          beta_1=0.9, beta_2=0.999, epsilon=1e-7):  # fmt: skip
    weights = [np.array(w, float) for w in weights]
    m, v = [0 * w for w in weights], [0 * w for w in weights]
    for t in range(1, steps + 1):
        rate = learning_rate(t - 1)
        alpha = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        for i, g in enumerate(gradients(weights)):
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.999 * v[i] + 0.001 * g**2
            decay = rate * weight_decay * (weights[i].ndim > 1)
            weights[i] = weights[i] * (1 - decay) - alpha * m[i] / (np.sqrt(v[i]) + epsilon)
    return weights


# %% 7.6 right: Keras' optimizer, told the rate before each step
def adamw(weights, gradients, steps, learning_rate, weight_decay=0.004,
          beta_1=0.9, beta_2=0.999, epsilon=1e-7):  # fmt: skip
    variables = [keras.Variable(np.asarray(w, "float32")) for w in weights]
    adam = keras.optimizers.AdamW(
        1.0, weight_decay=weight_decay, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon
    )
    adam.exclude_from_weight_decay([v for v in variables if len(v.shape) <= 1])
    for step in range(steps):
        adam.learning_rate = learning_rate(step)
        found = gradients([to_numpy(v) for v in variables])
        adam.apply([ops.convert_to_tensor(np.asarray(g, "float32")) for g in found], variables)
    return [to_numpy(v) for v in variables]


# %% 7.6 right: an object for each array
class Moments:
    def __init__(self, w, beta_1, beta_2):
        self.m, self.v, self.betas = np.zeros_like(w), np.zeros_like(w), (beta_1, beta_2)
        self.corrections = np.ones(2)

    def move(self, g, epsilon):
        b1, b2 = self.betas
        self.corrections = self.corrections * self.betas
        self.m += (1 - b1) * (g - self.m)
        self.v += (1 - b2) * (np.square(g) - self.v)
        c1, c2 = 1 - self.corrections
        return self.m / c1 / (np.sqrt(self.v / c2) + epsilon / np.sqrt(c2))


def adamw(weights, gradients, steps, learning_rate, weight_decay=0.004,
          beta_1=0.9, beta_2=0.999, epsilon=1e-7):  # fmt: skip
    weights = [np.array(w, dtype="float64") for w in weights]
    moments = [Moments(w, beta_1, beta_2) for w in weights]
    decays = [weight_decay if w.ndim >= 2 else 0.0 for w in weights]
    for step in range(steps):
        rate = learning_rate(step)
        moves = [s.move(g, epsilon) for s, g in zip(moments, gradients(weights), strict=True)]
        weights = [
            w - rate * d * w - rate * move
            for w, d, move in zip(weights, decays, moves, strict=True)
        ]
    return weights


# %% 7.7 wrong, loses 3: compares with the epoch before
def early_stopping(losses, patience, min_delta=0.0):
    best, wait = 0, 0
    for epoch in range(1, len(losses)):
        if losses[epoch] < losses[epoch - 1] - min_delta:
            best, wait = epoch, 0
        else:
            wait += 1
        if wait >= patience:
            return epoch, best
    return len(losses) - 1, best


# %% 7.7 wrong, loses 3: an equal loss is good enough
def early_stopping(losses, patience, min_delta=0.0):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss <= losses[best] - min_delta:
            best = epoch
        if epoch - best >= patience:
            break
    return epoch, best


# %% 7.7 wrong, loses 3: one epoch too patient
def early_stopping(losses, patience, min_delta=0.0):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best] - min_delta:
            best = epoch
        if epoch - best > patience:
            break
    return epoch, best


# %% 7.7 wrong, loses 3: brings back the lowest loss
def early_stopping(losses, patience, min_delta=0.0):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best] - min_delta:
            best = epoch
        if epoch - best >= patience:
            break
    return epoch, int(np.nanargmin(losses[: epoch + 1]))


# %% 7.7 wrong, loses 3: the best so far is the lowest, so that small steps never add up
def early_stopping(losses, patience, min_delta=0.0):
    lowest, best = losses[0], 0
    for epoch, loss in enumerate(losses):
        if loss < lowest - min_delta:
            best = epoch
        lowest = min(lowest, loss)
        if epoch - best >= patience:
            break
    return epoch, best


# %% 7.7 wrong, loses 3: ignores min_delta
def early_stopping(losses, patience, min_delta=0.0):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best >= patience:
            break
    return epoch, best


# %% 7.7 wrong, loses 3: counts the bad epochs without starting anew
def early_stopping(losses, patience, min_delta=0.0):
    best, wait = 0, 0
    for epoch, loss in enumerate(losses[1:], 1):
        if loss < losses[best] - min_delta:
            best = epoch
        else:
            wait += 1
        if wait >= patience:
            return epoch, best
    return len(losses) - 1, best


# %% 7.7 wrong, loses 3: brings back the last weights where training ends by itself
def early_stopping(losses, patience, min_delta=0.0):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best] - min_delta:
            best = epoch
        if epoch - best >= patience:
            return epoch, best
    return len(losses) - 1, len(losses) - 1


# %% 7.7 wrong, loses 3: after a NaN everything is an improvement
def early_stopping(losses, patience, min_delta=0.0):
    best = 0
    for epoch, loss in enumerate(losses):
        if not loss >= losses[best] - min_delta:
            best = epoch
        if epoch - best >= patience:
            break
    return epoch, best


# %% 7.7 wrong, loses 3: counts epochs from 1
def early_stopping(losses, patience, min_delta=0.0):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best] - min_delta:
            best = epoch
        if epoch - best >= patience:
            break
    return epoch + 1, best + 1


# %% 7.7 right: Keras' callback, with a model that only counts
def early_stopping(losses, patience, min_delta=0.0):
    class Counter:
        stop_training = False

        def get_weights(self):
            return self.now

        def set_weights(self, weights):
            self.restored = weights

    counter = Counter()
    stop = keras.callbacks.EarlyStopping(
        monitor="loss", patience=patience, min_delta=min_delta, mode="min",
        restore_best_weights=True,
    )  # fmt: skip
    stop.set_model(counter)
    stop.on_train_begin()
    for counter.now in range(len(losses)):
        stop.on_epoch_end(counter.now, {"loss": losses[counter.now]})
        if counter.stop_training:
            break
    stop.on_train_end()
    return counter.now, counter.restored


# %% 7.7 right: from improvement to improvement
def early_stopping(losses, patience, min_delta=0.0):
    losses, best = np.array(losses), 0
    while True:
        window = losses[best + 1 : best + 1 + patience]
        better = np.flatnonzero(window < losses[best] - min_delta)
        if len(better) == 0:
            return best + len(window), best
        best = best + 1 + better[0]


# %% 7.8 wrong, loses 2: does not make up for what is dropped
def dropout(x, rate, rng):
    return (x * (rng.random(x.shape) >= rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    norms = [n for n in model.layers if isinstance(n, layers.BatchNormalization) and n.trainable]
    for norm in norms:
        norm.trainable = False
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(passes)])
    for norm in norms:
        norm.trainable = True
    return outputs.mean(axis=0), outputs.std(axis=0)


# %% 7.8 wrong, loses 2: keeps with probability `rate`
def dropout(x, rate, rng):
    return (x * (rng.random(x.shape) < rate) / max(rate, 1e-9)).astype(x.dtype)


def monte_carlo(model, x, passes):
    norms = [n for n in model.layers if isinstance(n, layers.BatchNormalization) and n.trainable]
    for norm in norms:
        norm.trainable = False
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(passes)])
    for norm in norms:
        norm.trainable = True
    return outputs.mean(axis=0), outputs.std(axis=0)


# %% 7.8 wrong, loses 2: the same numbers are dropped in each example
def dropout(x, rate, rng):
    return (x * (rng.random(x.shape[1:]) >= rate) / (1 - rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    norms = [n for n in model.layers if isinstance(n, layers.BatchNormalization) and n.trainable]
    for norm in norms:
        norm.trainable = False
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(passes)])
    for norm in norms:
        norm.trainable = True
    return outputs.mean(axis=0), outputs.std(axis=0)


# %% 7.8 wrong, loses 2: does not draw from rng
def dropout(x, rate, rng):
    return (x * (np.random.random(x.shape) >= rate) / (1 - rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    norms = [n for n in model.layers if isinstance(n, layers.BatchNormalization) and n.trainable]
    for norm in norms:
        norm.trainable = False
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(passes)])
    for norm in norms:
        norm.trainable = True
    return outputs.mean(axis=0), outputs.std(axis=0)


# %% 7.8 wrong, loses 2: float32 becomes float64
def dropout(x, rate, rng):
    return x * rng.binomial(1, 1 - rate, x.shape) / np.float64(1 - rate)


def monte_carlo(model, x, passes):
    norms = [n for n in model.layers if isinstance(n, layers.BatchNormalization) and n.trainable]
    for norm in norms:
        norm.trainable = False
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(passes)])
    for norm in norms:
        norm.trainable = True
    return outputs.mean(axis=0), outputs.std(axis=0)


# %% 7.8 wrong, loses 2: predicts, so that nothing is dropped
def dropout(x, rate, rng):
    return (x * (rng.random(x.shape) >= rate) / (1 - rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    outputs = np.stack([to_numpy(model(x, training=False)) for _ in range(passes)])
    return outputs.mean(axis=0), outputs.std(axis=0)


# %% 7.8 wrong, loses 2: batch norm in training mode
def dropout(x, rate, rng):
    return (x * (rng.random(x.shape) >= rate) / (1 - rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(passes)])
    return outputs.mean(axis=0), outputs.std(axis=0)


# %% 7.8 wrong, loses 2: batch norm in training mode, its moving averages put back afterwards
def dropout(x, rate, rng):
    return (x * (rng.random(x.shape) >= rate) / (1 - rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    before = model.get_weights()
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(passes)])
    model.set_weights(before)
    return outputs.mean(axis=0), outputs.std(axis=0)


# %% 7.8 wrong, loses 2: leaves batch norm frozen
def dropout(x, rate, rng):
    return (x * (rng.random(x.shape) >= rate) / (1 - rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(passes)])
    return outputs.mean(axis=0), outputs.std(axis=0)


# %% 7.8 wrong, loses 2: unfreezes what was frozen
def dropout(x, rate, rng):
    return (x * (rng.random(x.shape) >= rate) / (1 - rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    model.trainable = False
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(passes)])
    model.trainable = True
    return outputs.mean(axis=0), outputs.std(axis=0)


# %% 7.8 wrong, loses 2: calls the layers one after the other, which is wrong for branches
def dropout(x, rate, rng):
    return (x * (rng.random(x.shape) >= rate) / (1 - rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    outputs = []
    for _ in range(passes):
        y = x
        for layer in model.layers:
            y = layer(y, training=True) if isinstance(layer, layers.Dropout) else layer(y)
        outputs.append(to_numpy(y))
    return np.mean(outputs, axis=0), np.std(outputs, axis=0)


# %% 7.8 wrong, loses 2: one pass, and the spread over the batch
def dropout(x, rate, rng):
    return (x * (rng.random(x.shape) >= rate) / (1 - rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    norms = [n for n in model.layers if isinstance(n, layers.BatchNormalization) and n.trainable]
    for norm in norms:
        norm.trainable = False
    y = to_numpy(model(x, training=True))
    for norm in norms:
        norm.trainable = True
    return y, np.broadcast_to(y.std(axis=0), y.shape)


# %% 7.8 right: a mask by choice; all passes as one large batch
def dropout(x, rate, rng):
    factors = np.array([0, 1 / (1 - rate)], x.dtype)
    return x * rng.choice(factors, size=x.shape, p=[rate, 1 - rate])


def monte_carlo(model, x, passes):
    frozen = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            frozen[layer] = layer.trainable
            layer.trainable = False
    y = to_numpy(model(np.concatenate([x] * passes), training=True))
    for layer, flag in frozen.items():
        layer.trainable = flag
    y = y.reshape(passes, len(x), *y.shape[1:])
    return y.mean(axis=0), y.std(axis=0)


# %% 7.8 right: a copy of the model that is frozen; running sums
def dropout(x, rate, rng):
    result = x / np.asarray(1 - rate, x.dtype)
    result[rng.uniform(size=x.shape) < rate] = 0
    return result


def monte_carlo(model, x, passes):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    copy.trainable = False
    total, squares = 0.0, 0.0
    for _ in range(passes):
        y = to_numpy(copy(x, training=True)).astype("float64")
        total, squares = total + y, squares + y**2
    mean = total / passes
    return mean, np.sqrt(np.maximum(squares / passes - mean**2, 0))


# %% 7.9 wrong, loses 3: e to the power of large logits
def smoothed_loss(logits, labels, smoothing=0.0):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = logits.shape[1]
    targets = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    return -(targets * np.log(p)).sum(axis=1).mean(), (p - targets) / len(p)


# %% 7.9 wrong, loses 3: the logarithm of a clipped softmax
def smoothed_loss(logits, labels, smoothing=0.0):
    p = special.softmax(logits, axis=1)
    classes = logits.shape[1]
    targets = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    loss = -(targets * np.log(np.clip(p, 1e-7, 1))).sum(axis=1).mean()
    return loss, (p - targets) / len(p)


# %% 7.9 wrong, loses 3: shares the smoothing among the other classes only
def smoothed_loss(logits, labels, smoothing=0.0):
    n, classes = logits.shape
    targets = np.full((n, classes), smoothing / (classes - 1))
    targets[np.arange(n), labels] = 1 - smoothing
    log_p = special.log_softmax(logits, axis=1)
    return -(targets * log_p).sum() / n, (np.exp(log_p) - targets) / n


# %% 7.9 wrong, loses 3: the sum in place of the mean
def smoothed_loss(logits, labels, smoothing=0.0):
    classes = logits.shape[1]
    targets = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    log_p = special.log_softmax(logits, axis=1)
    return -(targets * log_p).sum(), np.exp(log_p) - targets


# %% 7.9 wrong, loses 3: the gradient is not divided by n
def smoothed_loss(logits, labels, smoothing=0.0):
    classes = logits.shape[1]
    targets = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    log_p = special.log_softmax(logits, axis=1)
    return -(targets * log_p).sum(axis=1).mean(), np.exp(log_p) - targets


# %% 7.9 wrong, loses 3: the gradient of the loss without smoothing
def smoothed_loss(logits, labels, smoothing=0.0):
    n, classes = logits.shape
    one_hot = np.eye(classes)[labels]
    targets = (1 - smoothing) * one_hot + smoothing / classes
    log_p = special.log_softmax(logits, axis=1)
    return -(targets * log_p).sum() / n, (np.exp(log_p) - one_hot) / n


# %% 7.9 wrong, loses 3: subtracts the maximum in place
def smoothed_loss(logits, labels, smoothing=0.0):
    n, classes = logits.shape
    logits -= logits.max(axis=1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    targets = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    return -(targets * log_p).sum() / n, (np.exp(log_p) - targets) / n


# %% 7.9 wrong, loses 3: one maximum for the whole batch, and nothing left of the others
def smoothed_loss(logits, labels, smoothing=0.0):
    n, classes = logits.shape
    shifted = logits - 1000
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    targets = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    return -(targets * log_p).sum() / n, (np.exp(log_p) - targets) / n


# %% 7.9 wrong, loses 2: knows the number of classes of the check's first example
def smoothed_loss(logits, labels, smoothing=0.0):
    n, classes = logits.shape
    targets = (1 - smoothing) * np.eye(classes)[labels] + smoothing / 4
    log_p = special.log_softmax(logits, axis=1)
    return -(targets * log_p).sum() / n, (np.exp(log_p) - targets) / n


# %% 7.9 right: Keras' loss, and Keras' softmax for the gradient
def smoothed_loss(logits, labels, smoothing=0.0):
    logits = np.asarray(logits, "float32")
    one_hot = to_numpy(ops.one_hot(labels, logits.shape[-1]))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    p = to_numpy(ops.softmax(logits))
    targets = one_hot + smoothing * (1 / logits.shape[-1] - one_hot)
    return float(to_numpy(loss(one_hot, logits))), (p - targets) / len(p)


# %% 7.9 right: example by example, with logsumexp
def smoothed_loss(logits, labels, smoothing=0.0):
    losses, gradient = [], np.zeros(logits.shape)
    for i, (z, label) in enumerate(zip(logits, labels, strict=True)):
        log_sum = special.logsumexp(z)
        losses.append(log_sum - (1 - smoothing) * z[label] - smoothing * z.mean())
        gradient[i] = np.exp(z - log_sum) - smoothing / len(z)
        gradient[i, label] -= 1 - smoothing
    return np.mean(losses), gradient / len(losses)


# %% 7.10 wrong, loses 4: another optimizer, and the sigmoids as they were
def hidden_layer(units):
    return layers.Dense(units, activation="sigmoid")


def optimizer():
    return keras.optimizers.Adam(1e-3)


# %% 7.10 wrong, loses 4: ReLU, with weights that begin too small
def hidden_layer(units):
    start = keras.initializers.RandomNormal(stddev=0.01)
    return layers.Dense(units, activation="relu", kernel_initializer=start)


def optimizer():
    return keras.optimizers.Adam(1e-3)


# %% 7.10 wrong, loses 4: layers that hand on what they get, frozen
def hidden_layer(units):
    return layers.Dense(units, "relu", kernel_initializer="identity", trainable=False)


def optimizer():
    return keras.optimizers.Adam(1e-3)


# %% 7.10 wrong, loses 4: linear layers
def hidden_layer(units):
    return layers.Dense(units, kernel_initializer="orthogonal")


def optimizer():
    return keras.optimizers.Adam(1e-3)


# %% 7.10 wrong, loses 4: a shortcut beside a whisper of a layer
class Whisper(layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.dense = layers.Dense(units, activation="relu", kernel_initializer="he_normal")

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return x + 1e-5 * self.dense(x)


def hidden_layer(units):
    return Whisper(units)


def optimizer():
    return keras.optimizers.Adam(1e-3)


# %% 7.10 right: He, batch norm and ELU in a Sequential, by Nadam
def hidden_layer(units):
    dense = layers.Dense(units, kernel_initializer="he_normal", use_bias=False)
    return keras.Sequential([dense, layers.BatchNormalization(), layers.ELU()])


def optimizer():
    return keras.optimizers.Nadam(2e-3)


# %% 7.10 right: a residual layer of one's own
class Residual(keras.layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.dense = layers.Dense(units, activation="relu", kernel_initializer="he_normal")

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return x + 0.2 * self.dense(x)


def hidden_layer(units):
    return Residual(units)


def optimizer():
    return keras.optimizers.Adam()


# %% 7.2 right: Keras' operations, tensors handed back
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    ops = keras.ops
    mean, variance = moving_mean, moving_variance
    if training:
        mean, variance = ops.moments(x, axes=tuple(range(x.ndim - 1)))
        n = x.size // x.shape[-1]
        new = variance * n / (n - 1) if unbiased else variance
        moving_mean = ops.convert_to_tensor(momentum * moving_mean) + (1 - momentum) * mean
        moving_variance = ops.convert_to_tensor(momentum * moving_variance) + (1 - momentum) * new
    return gamma * (x - mean) / ops.sqrt(variance + epsilon) + beta, moving_mean, moving_variance


# %% 7.5 wrong, loses 1: one step without warm-up divides by zero
def warmup_cosine(step, steps, peak, warmup, final=0.0):
    p = np.clip((step + 1 - warmup) / (steps - warmup), 0, 1)
    down = final + (peak - final) * (1 + np.cos(np.pi * p)) / 2
    return np.where(step < warmup, peak * (step + 1) / warmup, down)


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    p = np.interp(step, [0, top, steps - 1], [0, 1, 2])
    bend = (1 - np.cos(np.pi * p)) / 2
    rate = np.where(p < 1, low, final) + (peak - np.where(p < 1, low, final)) * bend
    return rate, momenta[0] + (momenta[1] - momenta[0]) * bend


# %% 7.5 wrong, loses 2: changes the steps that it was given
def warmup_cosine(step, steps, peak, warmup, final=0.0):
    step = np.asarray(step)
    if step.ndim:
        step[step > steps - 1] = steps - 1
    p = np.clip((step + 1 - warmup) / (steps - warmup), 0, 1)
    falling = final + (peak - final) * (1 + np.cos(np.pi * p)) / 2
    return np.where(step < warmup, peak * (step + 1) / max(warmup, 1), falling)


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    p = np.interp(step, [0, top, steps - 1], [0, 1, 2])
    bend = (1 - np.cos(np.pi * p)) / 2
    rate = np.where(p < 1, low, final) + (peak - np.where(p < 1, low, final)) * bend
    return rate, momenta[0] + (momenta[1] - momenta[0]) * bend


# %% 7.8 wrong, loses 1: a hundred passes, however many were asked for
def dropout(x, rate, rng):
    return (x * (rng.random(x.shape) >= rate) / (1 - rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    norms = [n for n in model.layers if isinstance(n, layers.BatchNormalization) and n.trainable]
    for norm in norms:
        norm.trainable = False
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(100)])
    for norm in norms:
        norm.trainable = True
    return outputs.mean(axis=0), outputs.std(axis=0)


# %% 7.8 wrong, loses 1: the plain prediction as the mean
def dropout(x, rate, rng):
    return (x * (rng.random(x.shape) >= rate) / (1 - rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    norms = [n for n in model.layers if isinstance(n, layers.BatchNormalization) and n.trainable]
    for norm in norms:
        norm.trainable = False
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(passes)])
    for norm in norms:
        norm.trainable = True
    return to_numpy(model(x, training=False)), outputs.std(axis=0)


# %% 7.8 wrong, loses 1: the layers put back, the model still frozen
def dropout(x, rate, rng):
    return (x * (rng.random(x.shape) >= rate) / (1 - rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    flags = [layer.trainable for layer in model.layers]
    model.trainable = False
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(passes)])
    for layer, flag in zip(model.layers, flags, strict=True):
        layer.trainable = flag
    return outputs.mean(axis=0), outputs.std(axis=0)


# %% 7.8 wrong, loses 1: drops exactly the share
def dropout(x, rate, rng):
    keep = np.ones(x.size, bool)
    keep[rng.choice(x.size, round(rate * x.size), replace=False)] = False
    return (x * keep.reshape(x.shape) / (1 - rate)).astype(x.dtype)


def monte_carlo(model, x, passes):
    norms = [n for n in model.layers if isinstance(n, layers.BatchNormalization) and n.trainable]
    for norm in norms:
        norm.trainable = False
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(passes)])
    for norm in norms:
        norm.trainable = True
    return outputs.mean(axis=0), outputs.std(axis=0)


# %% 7.10 wrong, loses 4: one kernel in all twenty layers
class Shared(layers.Layer):
    dense = layers.Dense(64, activation="selu", kernel_initializer="lecun_normal")

    def build(self, shape):
        if not self.dense.built:
            self.dense.build(shape)

    def call(self, x):
        return self.dense(x)


def hidden_layer(units):
    return Shared()


def optimizer():
    return keras.optimizers.Adam(1e-3)


# %% 7.10 wrong, loses 4: sigmoids, and a training set exchanged for the test set
digits.x_train[:2000], digits.y_train[:2000] = digits.x_test, digits.y_test


def hidden_layer(units):
    return layers.Dense(units, activation="sigmoid")


def optimizer():
    return keras.optimizers.SGD(0.01)

# Planted answers to lab 09, each in a cell of its own. A wrong one must lose exactly the points it
# says; a right one, however it goes about it, must keep them all.


# %% 9.1 wrong, loses 3: goes by the position of the columns
def read_face(header, line, names):
    *numbers, image = line.strip().split(",")
    points = np.array([float(number) if number else np.nan for number in numbers], "float32")
    pixels = np.array(image.split(), "float32") / 255
    side = round(len(pixels) ** 0.5)
    return pixels.reshape(side, side, 1), points.reshape(-1, 2)


# %% 9.1 wrong, loses 3: 0 for what is not known
def read_face(header, line, names):
    cells = dict(zip(header.strip("\n").split(","), line.strip("\n").split(","), strict=True))
    pixels = np.array(cells["Image"].split(), "float32") / 255
    side = round(len(pixels) ** 0.5)
    points = [[float(cells[f"{name}_{axis}"] or 0) for axis in "xy"] for name in names]
    return pixels.reshape(side, side, 1), np.array(points, "float32").reshape(-1, 2)


# %% 9.1 wrong, loses 3: takes every image for one of 96×96
def read_face(header, line, names):
    cells = dict(zip(header.strip("\n").split(","), line.strip("\n").split(","), strict=True))
    pixels = np.array(cells["Image"].split(), "float32") / 255
    points = [[float(cells[f"{name}_{axis}"] or "nan") for axis in "xy"] for name in names]
    return pixels.reshape(96, 96, 1), np.array(points, "float32").reshape(-1, 2)


# %% 9.1 wrong, loses 3: column after column
def read_face(header, line, names):
    cells = dict(zip(header.strip("\n").split(","), line.strip("\n").split(","), strict=True))
    pixels = np.array(cells["Image"].split(), "float32") / 255
    side = round(len(pixels) ** 0.5)
    points = [[float(cells[f"{name}_{axis}"] or "nan") for axis in "xy"] for name in names]
    image = pixels.reshape(side, side, 1, order="F")
    return image, np.array(points, "float32").reshape(-1, 2)


# %% 9.1 wrong, loses 3: grey values from 0 to 255
def read_face(header, line, names):
    cells = dict(zip(header.strip("\n").split(","), line.strip("\n").split(","), strict=True))
    pixels = np.array(cells["Image"].split(), "float32")
    side = round(len(pixels) ** 0.5)
    points = [[float(cells[f"{name}_{axis}"] or "nan") for axis in "xy"] for name in names]
    return pixels.reshape(side, side, 1), np.array(points, "float32").reshape(-1, 2)


# %% 9.1 wrong, loses 3: cuts off pixels that make no square
def read_face(header, line, names):
    cells = dict(zip(header.strip("\n").split(","), line.strip("\n").split(","), strict=True))
    pixels = np.array(cells["Image"].split(), "float32") / 255
    side = int(len(pixels) ** 0.5)
    points = [[float(cells[f"{name}_{axis}"] or "nan") for axis in "xy"] for name in names]
    image = pixels[: side * side].reshape(side, side, 1)
    return image, np.array(points, "float32").reshape(-1, 2)


# %% 9.1 right: with the csv module
import csv
import io


def read_face(header, line, names):
    [row] = csv.DictReader(io.StringIO(header.rstrip() + "\n" + line.rstrip("\n") + "\n"))
    pixels = np.fromstring(row["Image"], sep=" ", dtype="float32")
    side = round(np.sqrt(len(pixels)))
    points = np.full((len(names), 2), np.nan, "float32")
    for i, name in enumerate(names):
        for k, axis in enumerate(("x", "y")):
            text = row[name + "_" + axis]
            if text != "":
                points[i, k] = float(text)
    return (pixels / np.float32(255)).reshape(side, side, 1), points


# %% 9.1 right: finds each column in a list
def read_face(header, line, names):
    columns = header.rstrip("\n").split(",")
    cells = line.rstrip("\n").split(",")
    values = [int(value) for value in cells[columns.index("Image")].split(" ")]
    side = 0
    while side**2 < len(values):
        side += 1
    if side**2 > len(values):
        raise ValueError("no square")
    image = np.empty((side, side, 1), np.float32)
    for i, value in enumerate(values):
        image[i // side, i % side, 0] = value / 255
    points = np.zeros((len(names), 2), np.float32)
    for i, name in enumerate(names):
        for k in range(2):
            cell = cells[columns.index(name + "_" + "xy"[k])]
            points[i, k] = cell or np.nan
    return image, points


# %% 9.2 wrong, loses 3: the outer pixels' centres are −1 and 1
def to_unit(points, size):
    return (2 * points / (np.array(size[::-1]) - 1) - 1).astype("float32")


def to_pixels(points, size):
    return ((points + 1) * (np.array(size[::-1]) - 1) / 2).astype("float32")


# %% 9.2 wrong, loses 3: forgets the half pixel
def to_unit(points, size):
    return (2 * points / np.array(size[::-1]) - 1).astype("float32")


def to_pixels(points, size):
    return ((points + 1) * np.array(size[::-1]) / 2).astype("float32")


# %% 9.2 wrong, loses 3: divides x by the height
def to_unit(points, size):
    return ((2 * points + 1) / np.array(size) - 1).astype("float32")


def to_pixels(points, size):
    return (((points + 1) * np.array(size) - 1) / 2).astype("float32")


# %% 9.2 wrong, loses 3: changes its input
def to_unit(points, size):
    points *= 2
    points += 1
    points /= np.array(size[::-1])
    points -= 1
    return points.astype("float32")


def to_pixels(points, size):
    return (((np.asarray(points) + 1) * np.array(size[::-1]) - 1) / 2).astype("float32")


# %% 9.2 wrong, loses 3: what is not known becomes the middle
def to_unit(points, size):
    return np.nan_to_num((2 * points + 1) / np.array(size[::-1]) - 1).astype("float32")


def to_pixels(points, size):
    return (((np.asarray(points) + 1) * np.array(size[::-1]) - 1) / 2).astype("float32")


# %% 9.2 wrong, loses 2: to_pixels changes its input
def to_unit(points, size):
    return ((2 * points + 1) / np.array(size[::-1]) - 1).astype("float32")


def to_pixels(points, size):
    points = np.asarray(points)
    points += 1
    return ((points * np.array(size[::-1]) - 1) / 2).astype("float32")


# %% 9.2 right: axis by axis
def to_unit(points, size):
    unit = np.zeros(np.shape(points), np.float32)
    unit[..., 0] = (np.asarray(points)[..., 0] + 0.5) / (size[1] / 2) - 1
    unit[..., 1] = (np.asarray(points)[..., 1] + 0.5) / (size[0] / 2) - 1
    return unit


def to_pixels(points, size):
    points = np.array(points, np.float32)
    points[..., 0] = (points[..., 0] + 1) * size[1] / 2 - 0.5
    points[..., 1] = (points[..., 1] + 1) * size[0] / 2 - 0.5
    return points


# %% 9.3 wrong, loses 3: the slope of the square at NaN
def masked_loss(weights):
    column = np.reshape(np.asarray(weights, "float32"), (-1, 1))

    def loss(y_true, y_pred):
        known = ops.logical_not(ops.isnan(y_true))
        square = ops.where(known, (y_true - y_pred) ** 2, 0.0)
        weight = ops.cast(known, "float32") * column
        total = ops.sum(weight)
        return ops.sum(weight * square) / ops.where(total > 0, total, 1.0)

    return loss


# %% 9.3 wrong, loses 4: 0 where nothing is known
def masked_loss(weights):
    column = np.reshape(np.asarray(weights, "float32"), (-1, 1))

    def loss(y_true, y_pred):
        y_true = ops.where(ops.isnan(y_true), 0.0, y_true)
        square = column * (y_true - y_pred) ** 2
        return ops.sum(square) / ops.sum(column * ops.ones_like(y_pred))

    return loss


# %% 9.3 wrong, loses 4: divides by all that there is
def masked_loss(weights):
    column = np.reshape(np.asarray(weights, "float32"), (-1, 1))

    def loss(y_true, y_pred):
        known = ops.logical_not(ops.isnan(y_true))
        error = ops.where(known, y_true, 0.0) - y_pred
        return ops.mean(ops.cast(known, "float32") * column * error**2)

    return loss


# %% 9.3 wrong, loses 4: divides by how many are known, not by their weights
def masked_loss(weights):
    column = np.reshape(np.asarray(weights, "float32"), (-1, 1))

    def loss(y_true, y_pred):
        known = ops.logical_not(ops.isnan(y_true))
        error = ops.where(known, y_true, 0.0) - y_pred
        mask = ops.cast(known, "float32")
        return ops.sum(mask * column * error**2) / ops.maximum(ops.sum(mask), 1.0)

    return loss


# %% 9.3 wrong, loses 4: 0 / 0 where nothing is known
def masked_loss(weights):
    column = np.reshape(np.asarray(weights, "float32"), (-1, 1))

    def loss(y_true, y_pred):
        known = ops.logical_not(ops.isnan(y_true))
        error = ops.where(known, y_true, 0.0) - y_pred
        weight = ops.cast(known, "float32") * column
        return ops.sum(weight * error**2) / ops.sum(weight)

    return loss


# %% 9.3 wrong, loses 3: the right loss by way of 0 / 0
def masked_loss(weights):
    column = np.reshape(np.asarray(weights, "float32"), (-1, 1))

    def loss(y_true, y_pred):
        known = ops.logical_not(ops.isnan(y_true))
        error = ops.where(known, y_true, 0.0) - y_pred
        weight = ops.cast(known, "float32") * column
        total = ops.sum(weight)
        return ops.where(total > 0, ops.sum(weight * error**2) / total, 0.0)

    return loss


# %% 9.3 wrong, loses 4: the mean of each face's mean
def masked_loss(weights):
    column = np.reshape(np.asarray(weights, "float32"), (-1, 1))

    def loss(y_true, y_pred):
        known = ops.logical_not(ops.isnan(y_true))
        error = ops.where(known, y_true, 0.0) - y_pred
        weight = ops.cast(known, "float32") * column
        total = ops.sum(weight, axis=(1, 2))
        return ops.mean(ops.sum(weight * error**2, axis=(1, 2)) / ops.maximum(total, 1e-9))

    return loss


# %% 9.3 wrong, loses 4: asks whether a number equals NaN
def masked_loss(weights):
    column = np.reshape(np.asarray(weights, "float32"), (-1, 1))

    def loss(y_true, y_pred):
        known = ops.not_equal(y_true, np.nan)
        error = ops.where(known, y_true, 0.0) - y_pred
        weight = ops.cast(known, "float32") * column
        total = ops.sum(weight)
        return ops.sum(weight * error**2) / ops.where(total > 0, total, 1.0)

    return loss


# %% 9.3 wrong, loses 3: divides by 1 at least
def masked_loss(weights):
    column = np.reshape(np.asarray(weights, "float32"), (-1, 1))

    def loss(y_true, y_pred):
        known = ops.logical_not(ops.isnan(y_true))
        error = ops.where(known, y_true, 0.0) - y_pred
        weight = ops.cast(known, "float32") * column
        return ops.sum(weight * error**2) / ops.maximum(ops.sum(weight), 1.0)

    return loss


# %% 9.3 wrong, loses 3: in NumPy, which knows no gradient
def masked_loss(weights):
    column = np.reshape(np.asarray(weights, "float32"), (-1, 1))

    def loss(y_true, y_pred):
        error = to_numpy(y_pred) - to_numpy(y_true)
        weight = ~np.isnan(error) * column
        return np.float32(np.nansum(weight * error**2) / max(weight.sum(), 1e-9))

    return loss


# %% 9.3 right: replaces the target by the prediction, which has no error
def masked_loss(weights):
    weights = np.array(weights, "float32")

    def loss(y_true, y_pred):
        known = ops.equal(y_true, y_true)
        square = ops.square(ops.where(known, y_true, y_pred) - y_pred)
        each = ops.cast(known, y_pred.dtype) * weights[None, :, None]
        return ops.sum(square * each) / ops.maximum(ops.sum(each), 1e-12)

    return loss


# %% 9.3 right: a keras.losses.Loss
class Masked(keras.losses.Loss):
    def __init__(self, weights):
        super().__init__(reduction="sum", name="masked")
        self.weights = ops.convert_to_tensor(np.asarray(weights, "float32").reshape(1, -1, 1))

    def call(self, y_true, y_pred):
        unknown = ops.isnan(y_true)
        y_true = ops.nan_to_num(ops.convert_to_tensor(y_true))
        weight = ops.where(unknown, 0.0, self.weights)
        total = ops.sum(weight)
        share = ops.where(total == 0, 0.0, weight / ops.where(total == 0, 1.0, total))
        return ops.sum(share * (y_pred - y_true) ** 2, axis=(1, 2))


def masked_loss(weights):
    return Masked(weights)


# %% 9.3 right: point by point
def masked_loss(weights):
    weights = [float(weight) for weight in weights]

    def loss(y_true, y_pred):
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        squares = total = 0.0
        for p, weight in enumerate(weights):
            known = ops.cast(ops.logical_not(ops.isnan(y_true[:, p])), "float32")
            error = ops.nan_to_num(y_true[:, p], nan=0.0) - y_pred[:, p]
            squares = squares + weight * ops.sum((known * error) ** 2)
            total = total + weight * ops.sum(known)
        return ops.divide_no_nan(squares, total)

    return loss


# %% 9.4 wrong, loses 3: counts a point of which one number is known
def score(y_true, y_pred, names):
    error = y_pred - y_true
    marked = ~np.isnan(error).all(axis=-1)
    distance = np.where(marked, np.sqrt(np.nansum(error**2, axis=-1)), np.nan)
    counts = marked.sum(axis=0)
    by_point = np.where(counts > 0, np.nansum(distance, axis=0) / np.maximum(counts, 1), np.nan)
    left, right = (list(names).index(f"{side}_eye_center") for side in ("left", "right"))
    eyes = np.linalg.norm(y_true[:, left] - y_true[:, right], axis=-1)
    rmse = np.sqrt(np.nanmean(error**2))
    return by_point, rmse, np.nanmean(distance / eyes[:, None])


# %% 9.4 wrong, loses 3: Kaggle's score over marked points only
def score(y_true, y_pred, names):
    error = y_pred - y_true
    distance = np.linalg.norm(error, axis=-1)
    counts = (~np.isnan(distance)).sum(axis=0)
    by_point = np.where(counts > 0, np.nansum(distance, axis=0) / np.maximum(counts, 1), np.nan)
    left, right = (list(names).index(f"{side}_eye_center") for side in ("left", "right"))
    eyes = np.linalg.norm(y_true[:, left] - y_true[:, right], axis=-1)
    rmse = np.sqrt(np.nanmean(distance**2) / 2)
    return by_point, rmse, np.nanmean(distance / eyes[:, None])


# %% 9.4 wrong, loses 3: the root of the mean squared distance
def score(y_true, y_pred, names):
    error = y_pred - y_true
    distance = np.linalg.norm(error, axis=-1)
    counts = (~np.isnan(distance)).sum(axis=0)
    by_point = np.where(counts > 0, np.nansum(distance, axis=0) / np.maximum(counts, 1), np.nan)
    left, right = (list(names).index(f"{side}_eye_center") for side in ("left", "right"))
    eyes = np.linalg.norm(y_true[:, left] - y_true[:, right], axis=-1)
    return by_point, np.sqrt(np.nanmean(distance**2)), np.nanmean(distance / eyes[:, None])


# %% 9.4 wrong, loses 3: the mean distance over the mean distance of the eyes
def score(y_true, y_pred, names):
    error = y_pred - y_true
    distance = np.linalg.norm(error, axis=-1)
    counts = (~np.isnan(distance)).sum(axis=0)
    by_point = np.where(counts > 0, np.nansum(distance, axis=0) / np.maximum(counts, 1), np.nan)
    left, right = (list(names).index(f"{side}_eye_center") for side in ("left", "right"))
    eyes = np.linalg.norm(y_true[:, left] - y_true[:, right], axis=-1)
    rmse = np.sqrt(np.nanmean(error**2))
    return by_point, rmse, np.nanmean(distance) / np.nanmean(eyes)


# %% 9.4 wrong, loses 3: takes the eyes for the first two points
def score(y_true, y_pred, names):
    error = y_pred - y_true
    distance = np.linalg.norm(error, axis=-1)
    counts = (~np.isnan(distance)).sum(axis=0)
    by_point = np.where(counts > 0, np.nansum(distance, axis=0) / np.maximum(counts, 1), np.nan)
    eyes = np.linalg.norm(y_true[:, 0] - y_true[:, 1], axis=-1)
    rmse = np.sqrt(np.nanmean(error**2))
    return by_point, rmse, np.nanmean(distance / eyes[:, None])


# %% 9.4 wrong, loses 3: the mean of each face's mean
def score(y_true, y_pred, names):
    error = y_pred - y_true
    distance = np.linalg.norm(error, axis=-1)
    counts = (~np.isnan(distance)).sum(axis=0)
    by_point = np.where(counts > 0, np.nansum(distance, axis=0) / np.maximum(counts, 1), np.nan)
    left, right = (list(names).index(f"{side}_eye_center") for side in ("left", "right"))
    eyes = np.linalg.norm(y_true[:, left] - y_true[:, right], axis=-1)
    rmse = np.sqrt(np.nanmean(error**2))
    faces = ~np.isnan(eyes)
    return by_point, rmse, np.mean(np.nanmean(distance[faces] / eyes[faces, None], axis=1))


# %% 9.4 wrong, loses 3: 0 for a point that is marked nowhere
def score(y_true, y_pred, names):
    error = y_pred - y_true
    distance = np.linalg.norm(error, axis=-1)
    counts = (~np.isnan(distance)).sum(axis=0)
    by_point = np.nansum(distance, axis=0) / np.maximum(counts, 1)
    left, right = (list(names).index(f"{side}_eye_center") for side in ("left", "right"))
    eyes = np.linalg.norm(y_true[:, left] - y_true[:, right], axis=-1)
    return by_point, np.sqrt(np.nanmean(error**2)), np.nanmean(distance / eyes[:, None])


# %% 9.4 right: NaN-aware means, warnings and all
def score(y_true, y_pred, names):
    error = y_pred - y_true
    distance = np.linalg.norm(error, axis=-1)
    left, right = [list(names).index(f"{side}_eye_center") for side in ("left", "right")]
    eyes = np.linalg.norm(y_true[:, left] - y_true[:, right], axis=-1)
    relative = distance / eyes.reshape(-1, 1)
    return np.nanmean(distance, axis=0), np.sqrt(np.nanmean(error**2)), np.nanmean(relative)


# %% 9.4 right: face by face
def score(y_true, y_pred, names):
    eyes = [names.index("left_eye_center"), names.index("right_eye_center")]
    lists, squares, relative = [[] for _ in names], [], []
    for face in range(len(y_true)):
        between = np.hypot(*(y_true[face, eyes[0]] - y_true[face, eyes[1]]))
        for p in range(len(names)):
            dx, dy = y_pred[face, p] - y_true[face, p]
            squares.extend(float(d) ** 2 for d in (dx, dy) if not np.isnan(d))
            if not np.isnan(dx + dy):
                lists[p].append(float(np.hypot(dx, dy)))
                if not np.isnan(between):
                    relative.append(lists[p][-1] / between)
    by_point = [np.mean(values) if values else float("nan") for values in lists]
    return by_point, np.mean(squares) ** 0.5, np.mean(relative)


# %% 9.5 wrong, loses 4: the code that many write first
def flip(images, points, names):
    points = points.copy()
    points[..., 0] = images.shape[2] - points[..., 0]
    return images[:, :, ::-1], points


# %% 9.5 wrong, loses 4: mirrors about the right pixel, and leaves left left
def flip(images, points, names):
    points = points.copy()
    points[..., 0] = images.shape[2] - 1 - points[..., 0]
    return images[:, :, ::-1].copy(), points


# %% 9.5 wrong, loses 4: one pixel off
def flip(images, points, names):
    other = {"left": "right", "right": "left"}
    names = list(names)
    rows = [names.index("_".join(other.get(w, w) for w in name.split("_"))) for name in names]
    points = points[:, rows]
    points[..., 0] = images.shape[2] - points[..., 0]
    return images[:, :, ::-1].copy(), points


# %% 9.5 wrong, loses 3: the image stays as it is
def flip(images, points, names):
    other = {"left": "right", "right": "left"}
    names = list(names)
    rows = [names.index("_".join(other.get(w, w) for w in name.split("_"))) for name in names]
    points = points[:, rows]
    points[..., 0] = images.shape[2] - 1 - points[..., 0]
    return images.copy(), points


# %% 9.5 wrong, loses 3: upside down
def flip(images, points, names):
    other = {"left": "right", "right": "left"}
    names = list(names)
    rows = [names.index("_".join(other.get(w, w) for w in name.split("_"))) for name in names]
    points = points[:, rows]
    points[..., 0] = images.shape[2] - 1 - points[..., 0]
    return images[:, ::-1].copy(), points


# %% 9.5 wrong, loses 3: letters, not words
def flip(images, points, names):
    names = list(names)
    rows = []
    for name in names:
        swapped = name.replace("left", "?").replace("right", "left").replace("?", "right")
        rows.append(names.index(swapped))
    points = points[:, rows]
    points[..., 0] = images.shape[2] - 1 - points[..., 0]
    return images[:, :, ::-1].copy(), points


# %% 9.5 wrong, loses 3: only names that begin with left or right
def flip(images, points, names):
    other = {"left": "right", "right": "left"}
    names = list(names)
    rows = []
    for name in names:
        first, _, rest = name.partition("_")
        rows.append(names.index(f"{other[first]}_{rest}" if first in other else name))
    points = points[:, rows]
    points[..., 0] = images.shape[2] - 1 - points[..., 0]
    return images[:, :, ::-1].copy(), points


# %% 9.5 wrong, loses 3: a point without its partner stays where it is
def flip(images, points, names):
    other = {"left": "right", "right": "left"}
    names = list(names)
    partners = ["_".join(other.get(word, word) for word in name.split("_")) for name in names]
    points = points[
        :, [names.index(p if p in names else n) for n, p in zip(names, partners, strict=True)]
    ]
    points[..., 0] = images.shape[2] - 1 - points[..., 0]
    return images[:, :, ::-1].copy(), points


# %% 9.5 wrong, loses 3: returns a view of the images
def flip(images, points, names):
    other = {"left": "right", "right": "left"}
    names = list(names)
    rows = [names.index("_".join(other.get(w, w) for w in name.split("_"))) for name in names]
    points = points[:, rows]
    points[..., 0] = images.shape[2] - 1 - points[..., 0]
    return images[:, :, ::-1], points


# %% 9.5 wrong, loses 4: exchanges the points that lie like partners
def flip(images, points, names):
    points = points[:, ::-1].copy()
    points[..., 0] = images.shape[2] - 1 - points[..., 0]
    return images[:, :, ::-1].copy(), points[:, ::-1]


# %% 9.5 right: pair by pair, in a loop
def flip(images, points, names):
    side = {"left": "right", "right": "left"}
    mirrored = np.array(points)
    for i, name in enumerate(names):
        words = [side.get(word, word) for word in name.split("_")]
        if "_".join(words) not in names:
            raise ValueError(f"{name} has no partner")
        for k in range(len(names)):
            if names[k].split("_") == words:
                mirrored[:, i, 0] = images.shape[2] - 1 - points[:, k, 0]
                mirrored[:, i, 1] = points[:, k, 1]
    return np.array([np.fliplr(image) for image in images]), mirrored


# %% 9.5 right: a regular expression
import re


def flip(images, points, names):
    def partner(name):
        word = r"(?<![^_])(left|right)(?![^_])"
        return re.sub(word, lambda m: "right" if m[0] == "left" else "left", name)

    where = {name: i for i, name in enumerate(names)}
    missing = [name for name in names if partner(name) not in where]
    if missing:
        raise ValueError(missing)
    order = np.array([where[partner(name)] for name in names])
    width = images.shape[2]
    x = (width - 1) - points[:, order, 0]
    flipped = np.stack([x, points[:, order, 1]], axis=-1).astype(points.dtype)
    return np.ascontiguousarray(np.flip(images, axis=2)), flipped


# %% 9.6 wrong, loses 3: as if y pointed up
def move(image, points, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    centre = (np.array(image.shape[1::-1]) - 1) / 2
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    matrix = scale * np.array([[c, -s], [s, c]])
    inverse = np.linalg.inv(matrix)
    offset = centre - inverse @ (centre + shift)
    new = ndimage.affine_transform(
        image[..., 0], inverse[::-1, ::-1], offset[::-1], order=1, mode="nearest"
    )
    return new[..., None], centre + (points - centre) @ matrix.T + shift


# %% 9.6 wrong, loses 3: the points go one way, the image the other
def move(image, points, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    centre = (np.array(image.shape[1::-1]) - 1) / 2
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    matrix = scale * np.array([[c, s], [-s, c]])
    offset = centre - matrix @ (centre + shift)
    new = ndimage.affine_transform(
        image[..., 0], matrix[::-1, ::-1], offset[::-1], order=1, mode="nearest"
    )
    return new[..., None], centre + (points - centre) @ matrix.T + shift


# %% 9.6 wrong, loses 3: rows for x in the image
def move(image, points, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    centre = (np.array(image.shape[1::-1]) - 1) / 2
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    matrix = scale * np.array([[c, s], [-s, c]])
    inverse = np.linalg.inv(matrix)
    offset = centre - inverse @ (centre + shift)
    new = ndimage.affine_transform(image[..., 0], inverse, offset, order=1, mode="nearest")
    return new[..., None], centre + (points - centre) @ matrix.T + shift


# %% 9.6 wrong, loses 3: about the corner between four pixels
def move(image, points, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    centre = np.array(image.shape[1::-1]) / 2
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    matrix = scale * np.array([[c, s], [-s, c]])
    inverse = np.linalg.inv(matrix)
    offset = centre - inverse @ (centre + shift)
    new = ndimage.affine_transform(
        image[..., 0], inverse[::-1, ::-1], offset[::-1], order=1, mode="nearest"
    )
    return new[..., None], centre + (points - centre) @ matrix.T + shift


# %% 9.6 wrong, loses 3: shifts first, then turns and scales
def move(image, points, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    centre = (np.array(image.shape[1::-1]) - 1) / 2
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    matrix = scale * np.array([[c, s], [-s, c]])
    inverse = np.linalg.inv(matrix)
    offset = centre - np.array(shift) - inverse @ centre
    new = ndimage.affine_transform(
        image[..., 0], inverse[::-1, ::-1], offset[::-1], order=1, mode="nearest"
    )
    return new[..., None], centre + (points + shift - centre) @ matrix.T


# %% 9.6 wrong, loses 3: scales away from the corner of the image
def move(image, points, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    centre = (np.array(image.shape[1::-1]) - 1) / 2
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    turn = np.array([[c, s], [-s, c]])
    inverse = turn.T / scale
    offset = centre - turn.T @ centre - inverse @ shift
    new = ndimage.affine_transform(
        image[..., 0], inverse[::-1, ::-1], offset[::-1], order=1, mode="nearest"
    )
    return new[..., None], scale * (centre + (points - centre) @ turn.T) + shift


# %% 9.6 wrong, loses 3: black beyond the border
def move(image, points, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    centre = (np.array(image.shape[1::-1]) - 1) / 2
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    matrix = scale * np.array([[c, s], [-s, c]])
    inverse = np.linalg.inv(matrix)
    offset = centre - inverse @ (centre + shift)
    new = ndimage.affine_transform(image[..., 0], inverse[::-1, ::-1], offset[::-1], order=1)
    return new[..., None], centre + (points - centre) @ matrix.T + shift


# %% 9.6 wrong, loses 3: the nearest pixel in place of bilinear interpolation
def move(image, points, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    centre = (np.array(image.shape[1::-1]) - 1) / 2
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    matrix = scale * np.array([[c, s], [-s, c]])
    inverse = np.linalg.inv(matrix)
    offset = centre - inverse @ (centre + shift)
    new = ndimage.affine_transform(
        image[..., 0], inverse[::-1, ::-1], offset[::-1], order=0, mode="nearest"
    )
    return new[..., None], centre + (points - centre) @ matrix.T + shift


# %% 9.6 wrong, loses 3: radians
def move(image, points, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    centre = (np.array(image.shape[1::-1]) - 1) / 2
    c, s = np.cos(angle), np.sin(angle)
    matrix = scale * np.array([[c, s], [-s, c]])
    inverse = np.linalg.inv(matrix)
    offset = centre - inverse @ (centre + shift)
    new = ndimage.affine_transform(
        image[..., 0], inverse[::-1, ::-1], offset[::-1], order=1, mode="nearest"
    )
    return new[..., None], centre + (points - centre) @ matrix.T + shift


# %% 9.6 right: pixel by pixel, with complex numbers
def move(image, points, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    height, width = image.shape[:2]
    middle = complex(width - 1, height - 1) / 2
    turn = scale * np.exp(-1j * np.radians(angle))
    new = np.zeros((height, width, 1))
    for r in range(height):
        for c in range(width):
            z = middle + (complex(c, r) - middle - complex(*shift)) / turn
            x, y = np.clip(z.real, 0, width - 1), np.clip(z.imag, 0, height - 1)
            i, j = min(int(y), height - 2), min(int(x), width - 2)
            y, x = y - i, x - j
            rows = image[i : i + 2, j : j + 2, 0]
            new[r, c] = np.array([1 - y, y]) @ rows @ np.array([1 - x, x])
    goal = middle + turn * (points @ np.array([1, 1j]) - middle) + complex(*shift)
    return new, np.stack([goal.real, goal.imag], axis=1)


# %% 9.6 right: SciPy's rotate for the turn, if nothing else is asked; map_coordinates else
def move(image, points, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    height, width, _ = image.shape
    cx, cy = (width - 1) / 2, (height - 1) / 2
    c, s = scale * np.cos(np.deg2rad(angle)), scale * np.sin(np.deg2rad(angle))
    x, y = points[:, 0] - cx, points[:, 1] - cy
    moved = np.column_stack([cx + c * x + s * y + shift[0], cy - s * x + c * y + shift[1]])
    if scale == 1 and tuple(shift) == (0, 0):
        new = ndimage.rotate(image, angle, reshape=False, order=1, mode="nearest")
        return new, moved
    rows, columns = np.mgrid[:height, :width]
    dx, dy = columns - cx - shift[0], rows - cy - shift[1]
    old_x, old_y = cx + (c * dx - s * dy) / scale**2, cy + (s * dx + c * dy) / scale**2
    new = ndimage.map_coordinates(image[:, :, 0], (old_y, old_x), order=1, mode="nearest")
    return new.reshape(image.shape), moved


# %% 9.7 wrong, loses 3: the first two pairs only
def similarity(source, target):
    (z, w), (p, q) = (np.asarray(points)[:2] @ [1, 1j] for points in (source, target))
    if z == w:
        raise ValueError("the same point twice")
    a = (q - p) / (w - z)
    b = p - a * z
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


# %% 9.7 wrong, loses 3: the best of all linear maps
def similarity(source, target):
    if np.ptp(source, axis=0).max() == 0:
        raise ValueError("one and the same")
    rows = np.column_stack([source, np.ones(len(source))])
    return np.linalg.lstsq(rows, target, rcond=None)[0].T


# %% 9.7 wrong, loses 3: no scale
def similarity(source, target):
    z, w = np.asarray(source) @ [1, 1j], np.asarray(target) @ [1, 1j]
    if np.ptp(source, axis=0).max() == 0:
        raise ValueError("one and the same")
    a = ((z - z.mean()).conj() * (w - w.mean())).sum()
    a = a / abs(a)
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


# %% 9.7 wrong, loses 3: turns the wrong way
def similarity(source, target):
    z, w = np.asarray(source) @ [1, 1j], np.asarray(target) @ [1, 1j]
    if np.ptp(source, axis=0).max() == 0:
        raise ValueError("one and the same")
    way = z - z.mean()
    a = (way.conj() * (w - w.mean())).sum() / (abs(way) ** 2).sum()
    b = w.mean() - a * z.mean()
    return np.array([[a.real, a.imag, b.real], [-a.imag, a.real, b.imag]])


# %% 9.7 wrong, loses 3: from the target to the source
def similarity(source, target):
    w, z = np.asarray(source) @ [1, 1j], np.asarray(target) @ [1, 1j]
    if np.ptp(source, axis=0).max() == 0:
        raise ValueError("one and the same")
    way = z - z.mean()
    a = (way.conj() * (w - w.mean())).sum() / (abs(way) ** 2).sum()
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


# %% 9.7 wrong, loses 3: the mean of the scales of all ways from the middle
def similarity(source, target):
    z, w = np.asarray(source) @ [1, 1j], np.asarray(target) @ [1, 1j]
    if np.ptp(source, axis=0).max() == 0:
        raise ValueError("one and the same")
    a = np.mean((w - w.mean()) / (z - z.mean()))
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


# %% 9.7 wrong, loses 3: no ValueError
def similarity(source, target):
    z, w = np.asarray(source) @ [1, 1j], np.asarray(target) @ [1, 1j]
    columns = np.stack([z, np.ones(len(z))], axis=1)
    a, b = np.linalg.lstsq(columns, w, rcond=None)[0]
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


# %% 9.7 right: two complex unknowns by least squares
def similarity(source, target):
    if (source == source[0]).all():
        raise ValueError("the points are one and the same")
    z, w = source @ np.array([1, 1j]), target @ np.array([1, 1j])
    (a, b), *_ = np.linalg.lstsq(np.vander(z, 2), w, rcond=None)
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


# %% 9.7 right: Umeyama's, by the singular values
def similarity(source, target):
    source, target = np.asarray(source, float), np.asarray(target, float)
    s, t = source - source.mean(axis=0), target - target.mean(axis=0)
    if np.allclose(s, 0):
        raise ValueError("no direction")
    u, d, vt = np.linalg.svd(t.T @ s)
    sign = np.array([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    turn = u @ np.diag(sign) @ vt
    matrix = (d * sign).sum() / (s**2).sum() * turn
    return np.column_stack([matrix, target.mean(axis=0) - matrix @ source.mean(axis=0)])


# %% 9.7 right: four real unknowns
def similarity(source, target):
    rows, goal = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        goal += [u, v]
    if np.linalg.matrix_rank(np.array(rows, float)) < 4:
        raise ValueError("these points do not determine it")
    a, b, c, d = np.linalg.lstsq(np.array(rows, float), np.array(goal, float), rcond=None)[0]
    return np.array([[a, -b, c], [b, a, d]])


# %% 9.8 wrong, loses 3: forwards in place of backwards
def align(image, points, targets, size):
    matrix = similarity(points, targets)
    rows, columns = np.indices(size)
    x = matrix[0, 0] * columns + matrix[0, 1] * rows + matrix[0, 2]
    y = matrix[1, 0] * columns + matrix[1, 1] * rows + matrix[1, 2]
    crop = ndimage.map_coordinates(image[..., 0], [y, x], order=1, mode="nearest")
    return crop[..., None].astype("float32")


# %% 9.8 wrong, loses 3: x before y
def align(image, points, targets, size):
    matrix = similarity(targets, points)
    rows, columns = np.indices(size)
    x = matrix[0, 0] * columns + matrix[0, 1] * rows + matrix[0, 2]
    y = matrix[1, 0] * columns + matrix[1, 1] * rows + matrix[1, 2]
    crop = ndimage.map_coordinates(image[..., 0], [x, y], order=1, mode="nearest")
    return crop[..., None].astype("float32")


# %% 9.8 wrong, loses 3: width before height
def align(image, points, targets, size):
    matrix = similarity(points, targets)
    rows, columns = np.indices(size[::-1])
    away = np.stack([columns.ravel() - matrix[0, 2], rows.ravel() - matrix[1, 2]])
    x, y = np.linalg.solve(matrix[:, :2], away)
    crop = ndimage.map_coordinates(image[..., 0], [y, x], order=1, mode="nearest")
    return crop.reshape(*size[::-1], 1).astype("float32")


# %% 9.8 wrong, loses 3: black beyond the border
def align(image, points, targets, size):
    matrix = similarity(points, targets)
    rows, columns = np.indices(size)
    away = np.stack([columns.ravel() - matrix[0, 2], rows.ravel() - matrix[1, 2]])
    x, y = np.linalg.solve(matrix[:, :2], away)
    crop = ndimage.map_coordinates(image[..., 0], [y, x], order=1)
    return crop.reshape(*size, 1).astype("float32")


# %% 9.8 wrong, loses 3: shifts only
def align(image, points, targets, size):
    way = points.mean(axis=0) - targets.mean(axis=0)
    rows, columns = np.indices(size)
    places = [rows + way[1], columns + way[0]]
    crop = ndimage.map_coordinates(image[..., 0], places, order=1, mode="nearest")
    return crop[..., None].astype("float32")


# %% 9.8 wrong, loses 3: the first two of three points
def align(image, points, targets, size):
    matrix = similarity(points[:2], targets[:2])
    rows, columns = np.indices(size)
    away = np.stack([columns.ravel() - matrix[0, 2], rows.ravel() - matrix[1, 2]])
    x, y = np.linalg.solve(matrix[:, :2], away)
    crop = ndimage.map_coordinates(image[..., 0], [y, x], order=1, mode="nearest")
    return crop.reshape(*size, 1).astype("float32")


# %% 9.8 wrong, loses 3: cubic interpolation
def align(image, points, targets, size):
    matrix = similarity(points, targets)
    rows, columns = np.indices(size)
    away = np.stack([columns.ravel() - matrix[0, 2], rows.ravel() - matrix[1, 2]])
    x, y = np.linalg.solve(matrix[:, :2], away)
    crop = ndimage.map_coordinates(image[..., 0], [y, x], order=3, mode="nearest")
    return crop.reshape(*size, 1).astype("float32")


# %% 9.8 wrong, loses 3: fits from the targets to the points
def align(image, points, targets, size):
    matrix = similarity(targets, points)
    rows, columns = np.indices(size)
    x = matrix[0, 0] * columns + matrix[0, 1] * rows + matrix[0, 2]
    y = matrix[1, 0] * columns + matrix[1, 1] * rows + matrix[1, 2]
    crop = ndimage.map_coordinates(image[..., 0], [y, x], order=1, mode="nearest")
    return crop[..., None].astype("float32")


# %% 9.8 wrong, loses 3: keeps the image's dtype
def align(image, points, targets, size):
    matrix = similarity(points, targets)
    rows, columns = np.indices(size)
    away = np.stack([columns.ravel() - matrix[0, 2], rows.ravel() - matrix[1, 2]])
    x, y = np.linalg.solve(matrix[:, :2], away)
    crop = ndimage.map_coordinates(image[..., 0], [y, x], order=1, mode="nearest")
    return crop.reshape(*size, 1)


# %% 9.8 right: affine_transform with the inverse
def align(image, points, targets, size):
    matrix = np.vstack([similarity(points, targets), [0, 0, 1]])
    back = np.linalg.inv(matrix)
    swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    crop = ndimage.affine_transform(
        image[..., 0], swap @ back @ swap, output_shape=tuple(size), order=1, mode="nearest"
    )
    return np.float32(crop)[:, :, None]


# %% 9.8 right: bilinear by hand, with complex numbers
def align(image, points, targets, size):
    (p, _, u), (q, _, v) = similarity(points, targets)
    height, width, _ = image.shape
    rows, columns = np.indices(size)
    z = (columns + 1j * rows - complex(u, v)) / complex(p, q)
    x, y = z.real.clip(0, width - 1), z.imag.clip(0, height - 1)
    i, j = np.minimum(y.astype(int), height - 2), np.minimum(x.astype(int), width - 2)
    y, x = (y - i)[..., None], (x - j)[..., None]
    above = (1 - x) * image[i, j] + x * image[i, j + 1]
    below = (1 - x) * image[i + 1, j] + x * image[i + 1, j + 1]
    return ((1 - y) * above + y * below).astype("float32")


# %% 9.9 wrong, loses 4: a global average keeps nothing of where
def build_network(points):
    image = x = keras.Input((32, 32, 1))
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(2 * points)(x)
    return keras.Model(image, layers.Reshape((points, 2))(x))


# %% 9.9 wrong, loses 4: no convolution
def build_network(points):
    model = keras.Sequential([keras.Input((32, 32, 1)), layers.AveragePooling2D(2)])
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(2 * points))
    model.add(layers.Reshape((points, 2)))
    return model


# %% 9.9 wrong, loses 4: too many parameters
def build_network(points):
    model = keras.Sequential([keras.Input((32, 32, 1))])
    for filters in (16, 32):
        model.add(layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(2 * points))
    model.add(layers.Reshape((points, 2)))
    return model


# %% 9.9 wrong, loses 4: always 15 points
def build_network(points):
    model = keras.Sequential([keras.Input((32, 32, 1))])
    for filters in (16, 32, 32):
        model.add(layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(32, activation="relu"))
    model.add(layers.Dense(30))
    model.add(layers.Reshape((15, 2)))
    return model


# %% 9.9 right: functional, with pooling
def build_network(points):
    image = x = keras.Input((32, 32, 1))
    for filters in (16, 32, 32):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(48, activation="relu")(layers.Flatten()(x))
    x = layers.Dense(2 * points)(x)
    return keras.Model(image, layers.Reshape((points, 2))(x))


# %% 9.9 right: subclassed, one head for each axis
class Finder(keras.Model):
    def __init__(self, points):
        super().__init__()
        self.body = [
            layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")
            for filters in (16, 32, 32)
        ]
        self.flatten = layers.Flatten()
        self.hidden = layers.Dense(48, activation="relu")
        self.x, self.y = layers.Dense(points), layers.Dense(points)

    def call(self, image):
        for layer in self.body:
            image = layer(image)
        code = self.hidden(self.flatten(image))
        return ops.stack([self.x(code), self.y(code)], axis=-1)


def build_network(points):
    model = Finder(points)
    model(np.zeros((1, 32, 32, 1), "float32"))
    return model


# %% 9.10 wrong, loses 3: the whole image, made smaller
def head_crops(images, points):
    height, width = images.shape[1:3]
    small = [ndimage.zoom(image[..., 0], (32 / height, 32 / width), order=1) for image in images]
    return np.stack(small)[..., None].astype("float32")


# %% 9.10 wrong, loses 3: shifts the bonnet to its place, and turns nothing
def head_crops(images, points):
    crops = []
    for image, (bonnet, _) in zip(images, points, strict=True):
        rows, columns = np.indices((32, 32))
        places = [rows - 15.5 + bonnet[1], columns - 15.5 + bonnet[0]]
        crops.append(ndimage.map_coordinates(image[..., 0], places, order=1, mode="nearest"))
    return np.stack(crops)[..., None].astype("float32")


# %% 9.10 wrong, loses 3: the heads as small as a few pixels
def head_crops(images, points):
    targets = np.array([[15.5, 13], [15.5, 18]])
    pairs = zip(images, points, strict=True)
    return np.stack([align(image, two, targets, (32, 32)) for image, two in pairs])


# %% 9.10 right: heads to the left, with loops
def head_crops(images, points):
    crops = np.zeros((len(images), 32, 32, 1), np.float32)
    for i in range(len(images)):
        crops[i] = align(images[i], points[i], np.array([[3.0, 16.0], [22.0, 16.0]]), (32, 32))
    return crops

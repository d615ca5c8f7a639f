"""The stand-ins with points: faces and whales. What is drawn is where the points say."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from convbook import data, standins
from convbook.data.specs import SPECS
from convbook.standins import whales

FACES = SPECS["faces"].point_names
OFTEN = ("left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip")


@pytest.fixture(scope="module")
def faces():
    """400 test faces, where every point is marked: images 0 to 1, and points by name."""
    made = standins.make("faces", "test", 400)
    return made["x"] / np.float32(255), dict(zip(FACES, made["y"].transpose(1, 0, 2), strict=True))


@pytest.fixture(scope="module")
def pod():
    made = standins.make("whales", "train", 500)
    return made["x"] / np.float32(255), made["y"], made["points"]


def around(images, places, radius):
    """The mean grey value within a radius of a place, for each image."""
    row, column = np.indices(images.shape[1:])
    x, y = places.T[..., None, None]
    near = (column - x) ** 2 + (row - y) ** 2 <= radius**2
    return (images * near).sum(axis=(1, 2)) / near.sum(axis=(1, 2))


@pytest.mark.parametrize("split", standins.SPLITS)
def test_faces_are_stored_as_kaggles_are(split):
    made = standins.make("faces", split, 30)
    assert made["x"].shape == (30, 96, 96)
    assert made["x"].dtype == np.uint8
    assert made["y"].shape == (30, 15, 2)
    assert made["y"].dtype == np.float32


@pytest.mark.parametrize("split", standins.SPLITS)
def test_whales_are_stored_as_they_should_be(split):
    made = standins.make("whales", split, 30)
    assert made["x"].shape == (30, 96, 96)
    assert made["x"].dtype == np.uint8
    assert made["y"].shape == (30,)
    assert made["points"].shape == (30, 2, 2)
    assert made["points"].dtype == np.float32


@pytest.mark.parametrize(("name", "rest"), [("faces", "15 points"), ("whales", "2 points")])
def test_they_are_loaded(monkeypatch, capsys, name, rest):
    monkeypatch.delenv("CONVBOOK_DATA", raising=False)
    monkeypatch.setenv("CONVBOOK_OFFLINE", "1")
    loaded = data.load(name, train=12, test=7)
    start, source = capsys.readouterr().out.split(" ≈ ")
    assert start.startswith(f"{name}: 12 training and 7 test images, 96×96×1")
    assert start.endswith(rest)
    assert source.strip() == loaded.source
    assert loaded.x_train.shape == (12, 96, 96, 1)
    assert loaded.x_test.dtype == np.float32
    assert 0 <= loaded.x_test.min() < loaded.x_test.max() <= 1
    assert loaded.point_names == SPECS[name].point_names
    assert ("stand-in" in loaded.source) is (name == "faces")


@pytest.mark.parametrize("name", ["faces", "whales"])
def test_the_first_ones_do_not_depend_on_how_many(name):
    many = standins.make(name, "train", standins.CHUNK + 20)
    for n in (1, standins.CHUNK + 1):
        few = standins.make(name, "train", n)
        for key, array in few.items():
            np.testing.assert_array_equal(array, many[key][:n])


@pytest.mark.parametrize("name", ["faces", "whales"])
def test_no_image_is_made_twice(name):
    images = [image.tobytes() for split in standins.SPLITS
              for image in standins.make(name, split, 200)["x"]]  # fmt: skip
    assert len(set(images)) == 400


def test_they_are_the_same_in_every_process():
    program = (
        "import hashlib\n"
        "from convbook import standins\n"
        "for name in ('faces', 'whales'):\n"
        "    made = standins.make(name, 'test', 20)\n"
        "    print({k: hashlib.sha256(v.tobytes()).hexdigest() for k, v in made.items()})\n"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout != ""


def test_in_training_most_faces_have_four_points_as_kaggles_do():
    missing = np.isnan(standins.make("faces", "train", 1000)["y"])
    np.testing.assert_array_equal(missing[..., 0], missing[..., 1])
    share = dict(zip(FACES, missing[..., 0].mean(axis=0), strict=True))
    for name in FACES:
        if name in OFTEN:
            assert 0 < share[name] < 0.03
        else:
            assert 0.6 < share[name] < 0.8
    complete = ~missing.any(axis=(1, 2))
    assert 0.15 < complete.mean() < 0.35
    assert not np.isnan(standins.make("faces", "test", 200)["y"]).any()


def test_every_point_is_within_the_image(faces, pod):
    for points in (*faces[1].values(), pod[2]):
        assert points.min() > 0
        assert points.max() < 95


def test_faces_are_varied(faces):
    images, points = faces
    spread = np.array([p.std(axis=0) for p in points.values()])
    assert spread.min() > 3
    apart = np.linalg.norm(points["left_eye_center"] - points["right_eye_center"], axis=1)
    assert apart.max() > 1.5 * apart.min()
    assert images.mean(axis=(1, 2)).std() > 0.08
    assert images.min(axis=(1, 2)).max() < images.max(axis=(1, 2)).min()


@pytest.mark.parametrize("mirrored", [False, True])
def test_points_have_the_right_order_and_sides(faces, mirrored):
    """A mirrored face keeps them, once its points are renamed: it still looks like one."""
    points = faces[1]
    if mirrored:
        swap = {"left": "right", "right": "left"}
        names = {n: "_".join(swap.get(w, w) for w in n.split("_")) for n in points}
        points = {n: [95, 0] + [-1, 1] * points[names[n]] for n in points}
    left, right = points["left_eye_center"], points["right_eye_center"]
    across = (left - right) / np.linalg.norm(left - right, axis=1)[:, None]
    down = np.stack([-across[:, 1], across[:, 0]], axis=1)

    def along(direction, name):
        return (points[name] * direction).sum(axis=1)

    order = ["right_eye_outer_corner", "right_eye_center", "right_eye_inner_corner",
             "left_eye_inner_corner", "left_eye_center", "left_eye_outer_corner"]  # fmt: skip
    for before, after in (*pairwise(order),
                          ("mouth_right_corner", "mouth_left_corner"),
                          ("right_eyebrow_outer_end", "right_eyebrow_inner_end"),
                          ("left_eyebrow_inner_end", "left_eyebrow_outer_end")):  # fmt: skip
        assert (along(across, before) < along(across, after)).all()
    for above, below in (("left_eyebrow_inner_end", "left_eye_inner_corner"),
                         ("left_eye_center", "nose_tip"), ("nose_tip", "mouth_center_top_lip"),
                         ("mouth_center_top_lip", "mouth_center_bottom_lip")):  # fmt: skip
        assert (along(down, above) < along(down, below)).all()


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_eye_is_dark_at_its_centre(faces, side):
    images, points = faces
    inner, outer = points[f"{side}_eye_inner_corner"], points[f"{side}_eye_outer_corner"]
    centre = around(images, points[f"{side}_eye_center"], 1.5)
    beside = [
        around(images, (3 * end + points[f"{side}_eye_center"]) / 4, 1) for end in (inner, outer)
    ]
    assert (centre < np.maximum(*beside)).mean() > 0.8
    below = around(images, points[f"{side}_eye_center"] + (0, 8), 1.5)
    assert (centre < below).mean() > 0.9


def test_pixel_indices_are_at_the_centres(faces):
    """The mean image around an eye's two corners is dark, and symmetric about the point."""
    images, points = faces
    total = np.zeros((21, 21))
    for image, (x, y) in zip(images, points["left_eye_center"], strict=True):
        grid = np.arange(-10, 11)
        c, r = np.floor(x).astype(int), np.floor(y).astype(int)
        u, v = x - c, y - r
        patch = [image[np.ix_(r + a + grid, c + b + grid)] for a in (0, 1) for b in (0, 1)]
        weights = [(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u]
        total += sum(w * p for w, p in zip(weights, patch, strict=True))
    iris = total.max() - total[6:15, 6:15]
    iris = (iris - np.quantile(iris, 0.6)).clip(0)
    grid = np.arange(-4, 5)
    assert abs((iris * grid).sum() / iris.sum()) < 0.3
    assert abs((iris * grid[:, None]).sum() / iris.sum()) < 0.6  # the upper lid is dark, too


def test_a_brow_is_darker_than_the_skin_above_it(faces):
    images, points = faces
    ends = points["left_eyebrow_inner_end"], points["left_eyebrow_outer_end"]
    brow = around(images, (ends[0] + ends[1]) / 2, 3)
    cheek = around(
        images, points["nose_tip"] + (points["left_eye_center"] - points["nose_tip"]) * (0.9, 0), 2
    )
    assert (brow < cheek).mean() > 0.75


def test_whales_are_balanced_and_of_any_pose(pod):
    _, individuals, points = pod
    np.testing.assert_array_equal(np.bincount(individuals), np.full(10, 50))
    axis = points[:, 0] - points[:, 1]
    length = np.linalg.norm(axis, axis=1)
    assert length.min() < 24
    assert length.max() > 40
    quarter = np.floor(np.arctan2(axis[:, 1], axis[:, 0]) / (np.pi / 2)).astype(int)
    assert np.bincount(quarter + 2).min() > 80
    assert points.mean(axis=1).std(axis=0).min() > 5


def test_every_whale_has_a_pattern_of_its_own():
    patches = whales.patterns()[..., 0] > 0
    assert set(patches.sum(axis=1).tolist()) <= {6, 7, 8}
    for i in range(10):
        for j in range(i):
            assert (patches[i] != patches[j]).sum() >= 5


def test_the_bonnet_is_light_and_the_head_around_it_dark(pod):
    images, _, points = pod
    bonnet = around(images, points[:, 0], 2)
    onwards = (points[:, 1] - points[:, 0]) / np.linalg.norm(points[:, 1] - points[:, 0], axis=1)[
        :, None
    ]
    assert (bonnet > around(images, points[:, 1], 1)).mean() > 0.9
    ahead = around(images, (points[:, 0] - onwards * 12).clip(2, 93), 2)  # water
    behind = around(images, points[:, 1] + onwards * 3, 1)
    assert (ahead > behind).mean() > 0.6

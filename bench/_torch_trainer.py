"""The peer of ``bench.training``: the course's networks and their training in plain PyTorch.

Runs in a Python that has PyTorch; it needs nothing of the course. Requests come in as lines of
JSON, and each gets one line in answer.
"""

import json
import os
import sys
import time

import numpy as np
import torch
from torch import nn

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BATCH = 64


def conv(inputs, filters, kernel_size=3, padding=0):
    return [nn.Conv2d(inputs, filters, kernel_size, padding=padding), nn.ReLU()]


def dense(inputs, units, activation=nn.ReLU):
    return [nn.Linear(inputs, units), activation()]


class Block(nn.Module):
    """Two convolutions, and what goes past them."""

    def __init__(self, inputs, filters):
        super().__init__()
        self.inner = nn.Sequential(
            *normed(inputs, filters, 3), nn.ReLU(), *normed(filters, filters, 3)
        )
        past = [] if inputs == filters else normed(inputs, filters, 1)
        self.shortcut = nn.Sequential(*past)

    def forward(self, x):
        return torch.relu(self.inner(x) + self.shortcut(x))


def normed(inputs, filters, kernel_size):
    same = kernel_size // 2
    return [
        nn.Conv2d(inputs, filters, kernel_size, padding=same, bias=False),
        nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01),  # as in Keras
    ]


def residual():
    layers = [*normed(3, 16, 3), nn.ReLU()]
    inputs = 16
    for filters in (16, 32, 64):
        if filters > 16:
            layers.append(nn.AvgPool2d(2))
        for _ in range(3):
            layers.append(Block(inputs, filters))
            inputs = filters
    return [*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]


NETWORKS = {
    "conv64-pool-dense32": lambda: [
        *[*conv(3, 64), nn.MaxPool2d(2)],
        *[nn.Flatten(), *dense(15 * 15 * 64, 32), nn.Linear(32, 10)],
    ],
    "two-blocks": lambda: [
        *[*conv(3, 64, padding=1), nn.MaxPool2d(2)],
        *[*conv(64, 64, padding=1), nn.MaxPool2d(2)],
        *[nn.Flatten(), *dense(8 * 8 * 64, 128), nn.Linear(128, 10)],
    ],
    "fashion": lambda: [
        *[*conv(1, 64, 7, 3), nn.MaxPool2d(2)],
        *[*conv(64, 128, padding=1), *conv(128, 128, padding=1), nn.MaxPool2d(2)],
        *[*conv(128, 256, padding=1), *conv(256, 256, padding=1), nn.MaxPool2d(2)],
        *[nn.Flatten(), *dense(3 * 3 * 256, 128), nn.Dropout(0.5)],
        *[*dense(128, 64), nn.Dropout(0.5), nn.Linear(64, 10)],
    ],
    "lenet-5": lambda: [
        *[nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2)],
        *[nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)],
        *[nn.Flatten(), *dense(5 * 5 * 16, 120, nn.Tanh), *dense(120, 84, nn.Tanh)],
        nn.Linear(84, 10),
    ],
    "residual": residual,
}


class Training:
    """A network with its optimizer, in one of PyTorch's two layouts of images in memory."""

    def __init__(self, name, channels_last):
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.network = nn.Sequential(*NETWORKS[name]())
        self.network = self.network.to(DEVICE, memory_format=self.layout).train()
        self.optimizer = torch.optim.Adam(self.network.parameters(), eps=1e-7)  # as in Keras
        self.loss = nn.CrossEntropyLoss()

    def step(self, x, y):
        x = x.to(DEVICE, memory_format=self.layout)
        self.optimizer.zero_grad()
        loss = self.loss(self.network(x), y.to(DEVICE))
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def images(self, x, y):
        """What one epoch goes through; images come as Keras has them, channels last."""
        self.x = torch.from_numpy(x.transpose(0, 3, 1, 2)).contiguous(memory_format=self.layout)
        self.y = torch.from_numpy(y)

    def epoch(self, most=None):
        """Go through the images in a random order; how many they were, and the seconds it took."""
        start = time.perf_counter()
        order = torch.randperm(len(self.x))[:most]
        total = torch.zeros((), device=DEVICE)
        for batch in order.split(BATCH):
            total += self.step(self.x[batch], self.y[batch])
        float(total)  # waits for a GPU
        return len(order), time.perf_counter() - start

    def set_weights(self, values):
        values = iter(values)
        for module in self.network.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear, nn.BatchNorm2d)):
                names = ("weight", "bias", "running_mean", "running_var")
                held = [getattr(module, name, None) for name in names]
                for tensor in [t for t in held if t is not None]:
                    value = torch.from_numpy(np.ascontiguousarray(next(values)))
                    assert value.shape == tensor.shape, (value.shape, tensor.shape)
                    tensor.data.copy_(value)
        assert next(values, None) is None


def check(file, network, channels_last):
    """Two steps from given weights without dropout: the losses, and the number of parameters."""
    given = np.load(file)
    training = Training(network, channels_last)
    for module in training.network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    training.set_weights([given[f"w{i}"] for i in range(int(given["count"]))])
    x, y = torch.from_numpy(given["x"].transpose(0, 3, 1, 2)), torch.from_numpy(given["y"])
    count = sum(p.numel() for p in training.network.parameters())
    count += sum(b.numel() for b in training.network.buffers() if b.dim())  # as Keras counts
    return {"losses": [float(training.step(x, y)) for _ in range(2)], "parameters": count}


def matrix_product(size, repeats):
    """The shortest time of a product of two square matrices."""
    a, b = (torch.rand(size, size, device=DEVICE) for _ in range(2))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        float((a @ b)[0, 0])
        times.append(time.perf_counter() - start)
    return min(times)


def main():
    torch.set_num_threads(os.cpu_count())
    torch.set_float32_matmul_precision("high")  # on a GPU, as TensorFlow and JAX have it
    ready = {}
    for line in sys.stdin:
        request = json.loads(line)
        what = request.pop("what")
        if what == "versions":
            device = torch.cuda.get_device_name() if DEVICE.type == "cuda" else "cpu"
            answer = {"torch": torch.__version__, "device": device}
        elif what == "check":
            answer = check(**request)
        elif what == "prepare":
            given = np.load(request["file"])
            training = Training(request["network"], request["channels_last"])
            training.images(given["x"], given["y"])
            ready[request["network"], request["channels_last"]] = training
            answer = training.epoch(request["most"])
        elif what == "epoch":
            answer = ready[request["network"], request["channels_last"]].epoch()
        elif what == "matrix product":
            answer = matrix_product(**request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

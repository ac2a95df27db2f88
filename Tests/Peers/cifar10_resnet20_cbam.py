"""The recipe of configs/classification/resnet20-cbam_cifar10.yaml in PyTorch, to compare accuracies side by side.

    python cifar10_resnet20_cbam.py --data DIR --seed 0 [--epochs 30] [--threads N] [--json FILE]

DIR holds the binary version of CIFAR-10 (data_batch_*.bin, test_batch.bin). One JSON line per epoch goes to standard
output (and to FILE), and a last one with `top1` in percent and `seconds`. Needs torch alone.

The recipe: CIFAR ResNet-20 with CBAM after the last norm of every block, batch 128 with batch norm over all 128, SGD with
Nesterov momentum 0.9, peak rate 0.1 (a tenth of the run linear warm-up, then cosine to 0, set anew every step), weight
decay 5e-4 on weights but neither on norms nor on biases, pad-4 crop, flip, normalise.
"""
import argparse
import glob
import json
import math
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1)
STD = torch.tensor([0.2470, 0.2435, 0.2616]).view(1, 3, 1, 1)
BATCH, PEAK_RATE, MOMENTUM, DECAY, PADDING = 128, 0.1, 0.9, 5e-4, 4


class ChannelGate(nn.Module):
    def __init__(self, channels, reduction=16):
        super().__init__()
        hidden = max(1, channels // reduction)
        # The empty first place keeps the official names mlp.1 and mlp.3.
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))

    def forward(self, x):
        gate = self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))
        return x * torch.sigmoid(gate)[:, :, None, None]


class SpatialGate(nn.Module):
    def __init__(self):
        super().__init__()
        self.spatial = nn.Module()
        self.spatial.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.spatial.bn = nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, x):
        statistics = torch.cat([x.max(1, keepdim=True).values, x.mean(1, keepdim=True)], 1)
        return x * torch.sigmoid(self.spatial.bn(self.spatial.conv(statistics)))


class CBAM(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.ChannelGate, self.SpatialGate = ChannelGate(channels), SpatialGate()

    def forward(self, x):
        return self.SpatialGate(self.ChannelGate(x))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.cbam = CBAM(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.cbam(self.bn2(self.conv2(y))) + shortcut)


class ResNet20(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        width = 16
        for stage, (channels, stride) in enumerate([(16, 1), (32, 2), (64, 2)], start=1):
            blocks = []
            for index in range(3):
                blocks.append(BasicBlock(width, channels, stride if index == 0 else 1))
                width = channels
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(width, classes)
        self.initialise()

    def initialise(self):
        """The official walk over the names; what no rule matches keeps the framework's uniform +-1/sqrt(fan_in)."""
        for name, value in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(value)
            elif "conv" in name:
                nn.init.kaiming_normal_(value, mode="fan_out")
            elif "SpatialGate" in name:
                nn.init.zeros_(value)
            elif name == "fc.weight":
                nn.init.kaiming_normal_(value)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def read_records(pattern):
    paths = sorted(glob.glob(pattern))
    if not paths:
        sys.exit(f"no file matches {pattern}: --data must name the folder of CIFAR-10's binary version")
    raw = b"".join(open(path, "rb").read() for path in paths)
    records = torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(-1, 3073)
    images = records[:, 1:].reshape(-1, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    return images, records[:, 0].long()


def normalise(images):
    return ((images.float() / 255 - MEAN) / STD).contiguous(memory_format=torch.channels_last)


def augment(images, generator):
    """A random 32x32 window of the black-padded image, mirrored half of the time: each image draws its own."""
    count = len(images)
    padded = F.pad(images, (PADDING,) * 4)
    top, left = torch.randint(0, 2 * PADDING + 1, (2, count), generator=generator)
    mirrored = torch.rand(count, generator=generator) < 0.5
    offsets = torch.arange(32)
    rows = top[:, None] + offsets
    columns = left[:, None] + torch.where(mirrored[:, None], 31 - offsets, offsets)
    windows = padded.permute(0, 2, 3, 1)[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return windows.permute(0, 3, 1, 2)


def rate(step, steps):
    warmup = max(1, steps // 10)
    if step < warmup:
        return PEAK_RATE * (step + 1) / warmup
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


@torch.no_grad()
def evaluate(network, images, labels):
    network.eval()
    logits = torch.cat([network(normalise(part)) for part in images.split(500)])
    top1 = (logits.argmax(1) == labels).float().mean().item() * 100
    top5 = (logits.topk(5).indices == labels[:, None]).any(1).float().mean().item() * 100
    return {"top1": top1, "top5": top5, "loss": F.cross_entropy(logits, labels).item(), "samples": len(labels)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of CIFAR-10's binary version")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", help="also write the JSON lines to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    generator = torch.Generator().manual_seed(arguments.seed)
    copy = open(arguments.json, "w") if arguments.json else None

    def report(line):
        text = json.dumps(line)
        print(text, flush=True)
        if copy:
            print(text, file=copy, flush=True)

    images, labels = read_records(os.path.join(arguments.data, "data_batch_*.bin"))
    test_images, test_labels = read_records(os.path.join(arguments.data, "test_batch.bin"))
    network = ResNet20().to(memory_format=torch.channels_last)
    parameters = list(network.parameters())
    optimizer = torch.optim.SGD([
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": DECAY},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0},
    ], lr=PEAK_RATE, momentum=MOMENTUM, nesterov=True)

    steps_per_epoch = len(images) // BATCH
    steps, step, start = steps_per_epoch * arguments.epochs, 0, time.time()
    for epoch in range(1, arguments.epochs + 1):
        network.train()
        order, total = torch.randperm(len(images), generator=generator), 0.0
        for index in range(steps_per_epoch):
            for group in optimizer.param_groups:
                group["lr"] = rate(step, steps)
            chosen = order[index * BATCH:(index + 1) * BATCH]
            loss = F.cross_entropy(network(normalise(augment(images[chosen], generator))), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, step = total + loss.item(), step + 1
        result = {"phase": "evaluate", "epoch": epoch, "step": step, "train_loss": total / steps_per_epoch}
        result.update(evaluate(network, test_images, test_labels))
        result["seconds"] = time.time() - start
        report(result)
    report({"phase": "end", "seed": arguments.seed, "epochs": arguments.epochs, "threads": arguments.threads,
            "parameters": sum(p.numel() for p in parameters), "top1": result["top1"],
            "seconds": time.time() - start})


if __name__ == "__main__":
    main()

"""PyTorch's time for one training step, to stand beside `trainer benchmark --json`.

    python torch_step.py --model resnet50 --image-size 224 --batch 32 [--mode eager|channels_last|compile] [--threads N]
        [--attention cbam|eca|se] [--steps 5] [--warmup 2]

One step: forward, cross-entropy, backward, SGD with momentum, on random numbers. Prints one JSON object with the median
`step_seconds`, `images_per_second` and `peak_memory_bytes` (the process's largest resident set). Models: torchvision's;
`resnet18_cifar` (3x3 stem, no max-pool); with --attention timm's resnet50 with that module in every block. Modes: `eager`
as installed; `channels_last`; `compile` is torch.compile of a channels_last network.
"""
import argparse
import json
import resource
import statistics
import time

import torch

from torchvision_networks import torchvision_networks


def build(name, attention):
    networks = torchvision_networks()  # before timm, which imports torchvision too
    if attention:
        from timm.models.resnet import BasicBlock, Bottleneck, ResNet
        block, depths = {"resnet18": (BasicBlock, [2, 2, 2, 2]), "resnet34": (BasicBlock, [3, 4, 6, 3]),
                         "resnet50": (Bottleneck, [3, 4, 6, 3]), "resnet101": (Bottleneck, [3, 4, 23, 3])}[name]
        return ResNet(block, depths, block_args={"attn_layer": attention})
    if name == "resnet18_cifar":
        network = networks.resnet18(num_classes=10)
        network.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        network.maxpool = torch.nn.Identity()
        return network
    return getattr(networks, name)()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--attention", choices=["cbam", "eca", "se"])
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--mode", choices=["eager", "channels_last", "compile"], default="eager")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int, default=5, help="steps that are timed")
    parser.add_argument("--warmup", type=int, default=2, help="steps before them")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)

    network = build(arguments.model, arguments.attention).train()
    images = torch.randn(arguments.batch, 3, arguments.image_size, arguments.image_size)
    if arguments.mode != "eager":
        network = network.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    forward = torch.compile(network) if arguments.mode == "compile" else network
    labels = torch.randint(0, 10, (arguments.batch,))

    def step():
        start = time.perf_counter()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(forward(images), labels).backward()
        optimizer.step()
        return time.perf_counter() - start

    for _ in range(arguments.warmup):
        step()
    seconds = statistics.median(step() for _ in range(arguments.steps))
    print(json.dumps({
        "model": arguments.model, "attention": arguments.attention, "batch": arguments.batch,
        "image_size": arguments.image_size, "threads": arguments.threads, "mode": arguments.mode,
        "torch": torch.__version__, "step_seconds": seconds, "images_per_second": arguments.batch / seconds,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


if __name__ == "__main__":
    main()

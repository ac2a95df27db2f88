"""Weights between the trainer and torchvision, both ways.

    python weights_roundtrip.py export FILE [--network resnet50] [--size 64] [--seed 0]
        writes torchvision's network with random weights and perturbed batch-norm statistics, an input and PyTorch's
        logits as a parity fixture; `trainer verify FILE` then loads those weights and compares.
    python weights_roundtrip.py compare --weights model.safetensors --input FILE (--logits FILE | --command COMMAND)
        loads weights that the trainer wrote into torchvision's network with strict=True and compares the logits.

--input is a safetensors file with `input.0` [N, 3, H, W], or a picture that is already of the network's size (then it is
normalised by ImageNet's mean and deviation). --logits is a safetensors file (`eval.output.0` or `logits`) or JSON (an array
of rows, or one object a line with the key `logits`). --command makes the logits first: a shell command in which {weights},
{input} and {output} are replaced; without {output}, what it prints is taken as the JSON. Exit code 1: they differ.
"""
import argparse
import json
import shlex
import subprocess
import sys
import tempfile

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from torchvision_networks import torchvision_networks

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def build(name, classes):
    return getattr(torchvision_networks(), name)(weights=None, num_classes=classes).eval()


def export(arguments):
    torch.manual_seed(arguments.seed)
    network = build(arguments.network, arguments.classes)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                # Far enough from 0 and 1 to notice statistics that were not loaded, near enough to keep 50 layers in range.
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.8, 1.25)
                module.weight.uniform_(0.8, 1.2)
                module.bias.normal_(0, 0.1)
                module.num_batches_tracked.fill_(7)
        tensors = {f"param.{name}": value.detach().clone() for name, value in network.named_parameters()}
        tensors |= {f"buffer.{name}": value.clone() for name, value in network.named_buffers()}
        images = torch.randn(2, 3, arguments.size, arguments.size)
        single = network(images).double()
        exact = network.double()(images.double())
    tensors |= {"input.0": images, "eval.output.0": exact.float()}
    error = ((single - exact).abs().max() / exact.abs().max()).item()
    save_file(tensors, arguments.file, metadata={
        "system": "torchvision",
        "variant": arguments.network,
        "config": json.dumps({"what": "torchvision network", "network": arguments.network, "classes": arguments.classes}),
        "source": f"torchvision's {arguments.network}, run in float64 with torch {torch.__version__}, rounded to float32",
        "params": str(sum(value.numel() for value in network.parameters())),
    })
    print(json.dumps({"file": arguments.file, "network": arguments.network, "float32_error": error}))
    return 0


def read_input(path):
    if path.endswith(".safetensors"):
        return load_file(path)["input.0"]
    from PIL import Image
    picture = Image.open(path).convert("RGB")
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(picture.height, picture.width, 3)
    return ((pixels.permute(2, 0, 1).float() / 255 - MEAN) / STD)[None]


def read_logits(path):
    try:
        with safe_open(path, "pt") as file:
            name = "logits" if "logits" in file.keys() else "eval.output.0"
            return file.get_tensor(name)
    except Exception as error:
        if "header" not in str(error).lower():
            raise
    text = open(path).read()
    try:
        value = json.loads(text)
        rows = [value] if isinstance(value, dict) else value
    except json.JSONDecodeError:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    rows = [row["logits"] if isinstance(row, dict) else row for row in rows]
    logits = torch.tensor(rows, dtype=torch.float32)
    return logits.reshape(-1, logits.shape[-1])


def run(command, arguments, output):
    values = {"weights": arguments.weights, "input": arguments.input, "output": output}
    filled = command.format(**{key: shlex.quote(value) for key, value in values.items()})
    result = subprocess.run(filled, shell=True, stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(f"this ended with code {result.returncode}: {filled}")
    if "{output}" not in command:
        with open(output, "w") as file:
            file.write(result.stdout)


def compare(arguments):
    weights = load_file(arguments.weights)
    network = build(arguments.network, weights["fc.weight"].shape[0])
    network.load_state_dict(weights, strict=True)
    with torch.no_grad():
        wanted = network(read_input(arguments.input))
    with tempfile.NamedTemporaryFile(suffix=".logits") as file:
        if arguments.command:
            run(arguments.command, arguments, file.name)
        found = read_logits(arguments.logits or file.name)
    if found.shape != wanted.shape:
        sys.exit(f"the logits have shape {list(found.shape)}, PyTorch's {list(wanted.shape)}")
    error = ((found - wanted).abs().max() / wanted.abs().max()).item()
    passed = error <= arguments.tolerance
    print(json.dumps({"network": arguments.network, "tensors": len(weights), "error": error,
                      "tolerance": arguments.tolerance, "status": "PASS" if passed else "FAIL"}))
    return 0 if passed else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("export")
    command.add_argument("file")
    command.add_argument("--network", default="resnet50")
    command.add_argument("--classes", type=int, default=1000)
    command.add_argument("--size", type=int, default=64, help="height and width of the input in pixels")
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(action=export)
    command = commands.add_parser("compare")
    command.add_argument("--weights", required=True)
    command.add_argument("--input", required=True)
    command.add_argument("--network", default="resnet50")
    command.add_argument("--tolerance", type=float, default=1e-4, help="relative to the largest logit")
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--logits")
    source.add_argument("--command")
    command.set_defaults(action=compare)
    arguments = parser.parse_args()
    sys.exit(arguments.action(arguments))


if __name__ == "__main__":
    main()

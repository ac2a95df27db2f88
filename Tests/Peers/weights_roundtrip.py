"""Weights between the trainer and torchvision or timm, both ways.

    python weights_roundtrip.py export FILE [--network resnet50] [--size 64] [--seed 0]
        writes torchvision's network with random weights and perturbed batch-norm statistics, an input and PyTorch's
        logits as a parity fixture; `trainer verify FILE` then loads those weights and compares.
    python weights_roundtrip.py published --network NAME [--package timm] [--form legacy] [--trainer PROGRAM]
        writes the package's own network with random weights as a .pth file, as a training script would leave it, has
        `trainer checkpoint convert` read it, and holds the trainer's logits to PyTorch's with `trainer verify`.
    python weights_roundtrip.py compare --weights model.safetensors --input FILE (--logits FILE | --command COMMAND)
        loads weights that the trainer wrote into torchvision's network with strict=True and compares the logits.

--input is a safetensors file with `input.0` [N, 3, H, W], or a picture that is already of the network's size (then it is
normalised by ImageNet's mean and deviation). --logits is a safetensors file (`eval.output.0` or `logits`) or JSON (an array
of rows, or one object a line with the key `logits`). --command makes the logits first: a shell command in which {weights},
{input} and {output} are replaced; without {output}, what it prints is taken as the JSON. Exit code 1: they differ.
"""
import argparse
import collections
import json
import os
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


def perturb(network):
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            # Far enough from 0 and 1 to notice statistics that were not loaded, near enough to keep 50 layers in range.
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.25)
            module.weight.uniform_(0.8, 1.2)
            module.bias.normal_(0, 0.1)
            module.num_batches_tracked.fill_(7)


def export(arguments):
    torch.manual_seed(arguments.seed)
    network = build(arguments.network, arguments.classes)
    with torch.no_grad():
        perturb(network)
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


SE = {"name": "se", "bias": True}
ECA = {"name": "eca", "kernels": "auto"}

# timm's network, how timm makes it, and the trainer's network.
TIMM = {
    "resnet18": ({}, {"name": "resnet18"}),
    "resnet50": ({}, {"name": "resnet50"}),
    "resnet50d": ({}, {"name": "resnet50", "stem": "deep", "shortcut": "average_pool"}),
    "resnext50_32x4d": ({}, {"name": "resnext50_32x4d"}),
    "wide_resnet50_2": ({}, {"name": "wide_resnet50_2"}),
    "vgg16_bn": ({}, {"name": "vgg16_bn"}),
    "mobilenetv2_100": ({}, {"name": "mobilenet_v2"}),
    "seresnet50": ({}, {"name": "resnet50", "attention": SE}),
    "seresnext50_32x4d": ({}, {"name": "resnext50_32x4d", "attention": SE}),
    "legacy_seresnet50": ({}, {"name": "resnet50", "stem": "caffe", "strides_first": True, "attention": SE}),
    "legacy_seresnext50_32x4d": ({}, {"name": "resnext50_32x4d", "stem": "caffe", "attention": SE}),
    "resnet50+eca": ({"block_args": {"attn_layer": "eca"}}, {"name": "resnet50", "attention": ECA}),
    "ecaresnet50t": ({}, {"name": "resnet50", "stem": "tiered", "shortcut": "average_pool", "attention": ECA}),
}


def published_network(arguments):
    """The network, and how the trainer's run file describes it."""
    networks = torchvision_networks()
    if arguments.package == "torchvision":
        return getattr(networks, arguments.network)(weights=None, num_classes=arguments.classes), {"name": arguments.network}
    import timm
    options, model = TIMM[arguments.network]
    return timm.create_model(arguments.network.split("+")[0], num_classes=arguments.classes, **options), dict(model)


def published(arguments):
    torch.manual_seed(arguments.seed)
    network, model = published_network(arguments)
    model["classes"] = arguments.classes
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        perturb(network.eval())
        images = torch.randn(2, 3, arguments.size, arguments.size)
        weights = collections.OrderedDict((f"module.{name}", value) for name, value in network.state_dict().items())
        file, run_file, converted = (os.path.join(folder, name) for name in ("weights.pth", "run.yaml", "converted"))
        torch.save({"epoch": 1, "arch": arguments.network, "state_dict": weights}, file,
                   _use_new_zipfile_serialization=arguments.form == "zip")
        with open(run_file, "w") as text:
            json.dump({"model": model}, text)
        result = subprocess.run([arguments.trainer, "checkpoint", "convert", file, "--run", run_file, "--output", converted],
                                stdout=subprocess.PIPE, text=True)
        if result.returncode != 0:
            sys.exit(f"trainer checkpoint convert ended with code {result.returncode}")
        statistics = ("running_mean", "running_var", "num_batches_tracked")
        tensors = {("buffer." if name.endswith(statistics) else "param.") + name: value
                   for name, value in load_file(converted).items()}
        exact = network.double()(images.double()).float()
        fixture = os.path.join(folder, "fixture.safetensors")
        config = {"network" if key == "name" else key: value for key, value in model.items()}
        save_file(tensors | {"input.0": images, "eval.output.0": exact}, fixture, metadata={
            "system": "torchvision", "variant": arguments.network, "config": json.dumps(config),
            "source": f"{arguments.package}'s {arguments.network} by torch {torch.__version__}",
            "params": str(sum(value.numel() for value in network.parameters()))})
        verdict = subprocess.run([arguments.trainer, "verify", "--json", fixture], stdout=subprocess.PIPE, text=True)
    print(json.dumps({"package": arguments.package, "network": arguments.network, "form": arguments.form,
                      "matched": result.stdout.splitlines()[0].split(": ", 1)[1], "verify": json.loads(verdict.stdout)}))
    return verdict.returncode


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
    command = commands.add_parser("published")
    command.add_argument("--network", default="resnet50")
    command.add_argument("--package", choices=["torchvision", "timm"], default="torchvision")
    command.add_argument("--form", choices=["zip", "legacy"], default="zip", help="the container that torch.save writes")
    command.add_argument("--classes", type=int, default=1000)
    command.add_argument("--size", type=int, default=64, help="height and width of the input in pixels")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--trainer", default="trainer", help="the trainer's program")
    command.set_defaults(action=published)
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

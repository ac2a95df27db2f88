"""The trainer's training step beside PyTorch's at its best, in turns on the same processors.

    python side_by_side.py --trainer PROGRAM [--threads T] [--rounds 3] [--steps 3] [--mode MODE] [--output FILE]
        [NAME:BATCH:SIZE ...]

NAME is a network of `trainer models`, with an attention module as in `resnet50+cbam`. PyTorch at its best:
channels_last, libtcmalloc_minimal preloaded where it is installed, the better of eager and torch.compile, found in one
run of each unless --mode says which. Then both programs run in turns, a process of their own each time, so that
whatever else the machine does meets both alike. Prints the ratio of the medians over the rounds, the smallest and the
largest ratio of a round, and both peak memories (largest resident set); --output writes the table in Markdown.

Runs on the Python that has torch, but needs the standard library alone. Exit code 0: measured; 1: a program failed;
64: usage.
"""
import argparse
import glob
import json
import os
import re
import statistics
import subprocess
import sys

NETWORKS = ["resnet50:32:224", "resnet50+cbam:32:224", "resnet50+eca:32:224", "resnet50+se:32:224",
            "mobilenet_v2:32:224", "resnet18_cifar:128:32"]
TITLES = ["network", "batch", "px", "trainer images/s", "PyTorch images/s", "mode", "ratio", "rounds", "trainer MiB",
          "PyTorch MiB", "memory"]


class Case:
    """One network at one batch and image size."""

    def __init__(self, text):
        match = re.fullmatch(r"(\w+)(?:\+(\w+))?:([1-9]\d*):([1-9]\d*)", text)
        if not match:
            raise argparse.ArgumentTypeError(f"wanted NAME:BATCH:SIZE such as resnet50+cbam:32:224, found '{text}'")
        self.text, (self.model, self.attention, self.batch, self.size) = text, match.groups()

    def options(self, arguments):
        attention = ["--attention", self.attention] if self.attention else []
        return ["--model", self.model, "--batch", self.batch, "--image-size", self.size, "--threads",
                str(arguments.threads), "--steps", str(arguments.steps), "--warmup", str(arguments.warmup)] + attention


def measured(command, preload=None, may_fail=False):
    """The JSON object that a program prints; None where it fails and may."""
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "LD_PRELOAD")}
    if preload:
        environment["LD_PRELOAD"] = preload
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode == 0:
        return json.loads(run.stdout.strip().splitlines()[-1])
    reason = (run.stderr.strip().splitlines() or ["it said nothing"])[-1]
    say(f"{os.path.basename(command[0])} ended with code {run.returncode}: {reason}\n  {' '.join(command)}")
    if may_fail:
        return None
    sys.exit(64 if run.returncode == 64 else 1)


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        found = [path for pattern in ("/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")
                 for path in sorted(glob.glob(pattern + "/libtcmalloc_minimal.so.[0-9]"))]
        self.preload = found[0] if found else None
        if not found:
            say("libtcmalloc_minimal is not installed (apt: libtcmalloc-minimal4): PyTorch runs below its best")

    def trainer(self, case):
        return measured([self.arguments.trainer, "benchmark", "--json"] + case.options(self.arguments))

    def torch(self, case, mode, may_fail=False):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_step.py")
        command = [sys.executable, script, "--mode", mode] + case.options(self.arguments)
        return measured(command, self.preload, may_fail)

    def best_mode(self, case):
        if self.arguments.mode:
            return self.arguments.mode
        # torch.compile wants a C++ compiler, which need not be there.
        runs = {"channels_last": self.torch(case, "channels_last"),
                "compile": self.torch(case, "compile", may_fail=True)}
        seconds = {mode: run["step_seconds"] for mode, run in runs.items() if run}
        say(f"{case.text}: PyTorch's step " + ", ".join(f"{mode} {value:.3f} s" for mode, value in seconds.items()))
        return min(seconds, key=seconds.get)

    def row(self, case):
        mode, ours, theirs = self.best_mode(case), [], []
        for round in range(self.arguments.rounds):
            ours.append(self.trainer(case))
            theirs.append(self.torch(case, mode))
            say(f"{case.text}: round {round + 1} of {self.arguments.rounds}: trainer {ours[-1]['step_seconds']:.3f} s, "
                f"PyTorch {theirs[-1]['step_seconds']:.3f} s a step")
        self.peer, self.kernel = theirs[-1]["torch"], ours[-1]["blas_kernel"]
        seconds = [statistics.median(run["step_seconds"] for run in runs) for runs in (ours, theirs)]
        ratios = [their["step_seconds"] / our["step_seconds"] for our, their in zip(ours, theirs)]
        memory = [max(run["peak_memory_bytes"] for run in runs) for runs in (ours, theirs)]
        batch = int(case.batch)
        return [case.text.split(":")[0], case.batch, case.size, f"{batch / seconds[0]:.2f}",
                f"{batch / seconds[1]:.2f}", mode, f"{seconds[1] / seconds[0]:.2f}",
                f"{min(ratios):.2f} - {max(ratios):.2f}",
                f"{memory[0] / 2**20:.0f}", f"{memory[1] / 2**20:.0f}", f"{memory[0] / memory[1]:.2f}"]

    def conditions(self):
        tcmalloc = "with" if self.preload else "without"
        options = vars(self.arguments)
        threads, rounds, steps = (counted(options[name], name[:-1]) for name in ("threads", "rounds", "steps"))
        return (f"{processor_name()}, {threads}; a training step in fp32, SGD with momentum; medians of {rounds} of "
                f"{steps} in turns. The trainer with OpenBLAS's {self.kernel} kernels; PyTorch {self.peer} {tcmalloc} "
                "tcmalloc, where the mode is compile also in channels_last. Ratio: PyTorch's time over the trainer's, "
                "and its range over the rounds; memory: the trainer's peak over PyTorch's.")


def counted(count, noun):
    return f"{count} {noun}{'s' * (count != 1)}"


def say(line):
    print(line, file=sys.stderr, flush=True)


def processor_name():
    with open("/proc/cpuinfo") as lines:
        return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "this processor")


def table(rows):
    """Markdown whose columns are aligned in the source too: names to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in [TITLES] + rows) for column in range(len(TITLES))]
    left = {"network", "mode"}
    lines = [" | ".join(cell.ljust(width) if title in left else cell.rjust(width)
                        for title, cell, width in zip(TITLES, row, widths)) for row in [TITLES] + rows]
    rule = " | ".join("-" * width if title in left else "-" * (width - 1) + ":" for title, width in zip(TITLES, widths))
    return "".join(f"| {line} |\n" for line in [lines[0], rule] + lines[1:])


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"launch/benchmark: {message}", file=sys.stderr)
        sys.exit(64)


def main():
    processors = sorted(os.sched_getaffinity(0))
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainer", required=True)
    parser.add_argument("--threads", type=int, default=len(processors))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="steps that are timed in each round")
    parser.add_argument("--warmup", type=int, default=2, help="steps before them")
    parser.add_argument("--mode", choices=["eager", "channels_last", "compile"], help="how PyTorch runs")
    parser.add_argument("--output", help="a Markdown file")
    parser.add_argument("networks", metavar="NAME:BATCH:SIZE", type=Case, nargs="*", default=[*map(Case, NETWORKS)])
    arguments = parser.parse_args()
    if not 1 <= arguments.threads <= len(processors):
        parser.error(f"--threads: wanted 1 to {len(processors)}, found {arguments.threads}")
    if min(arguments.rounds, arguments.steps) < 1 or arguments.warmup < 0:
        parser.error("--rounds and --steps want a number from 1, --warmup one from 0")
    if arguments.output and not os.path.isdir(os.path.dirname(os.path.abspath(arguments.output))):
        parser.error(f"--output: there is no folder for {arguments.output}")
    # Both programs inherit the same processors, as many as threads.
    os.sched_setaffinity(0, processors[:arguments.threads])
    bench, rows = Bench(arguments), []
    for case in arguments.networks:
        rows.append(bench.row(case))
        text = table(rows) + "\n" + bench.conditions() + "\n"
        if arguments.output:
            with open(arguments.output, "w") as file:
                file.write(text)
    print(text, end="")


if __name__ == "__main__":
    main()

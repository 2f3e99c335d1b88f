#!/usr/bin/env python3
"""daf-cnn and what its user would take instead, timed on the same work, each in a process of its own, turn by turn.

usage: compare_peers.py --program build/release/daf-cnn [--mode train|infer|attention|tc] [--preset paper|half|lite]
                        [--batch N] [--threads T] [--rounds R]

Run it by the Python of a virtual environment that holds PyTorch and, for --mode infer, whichever of onnx with
onnxscript and onnxruntime, and openvino. What is not installed is left out, and named. A contender's time is the
median over the rounds of the medians of its iterations; memory is the most that its process had resident.
"""
import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

# contender: the modules that it needs, the modes that it can do
EVERY = ("train", "infer", "attention", "tc")
CONTENDERS = {
    "torch": (("torch",), EVERY),
    "torch, channels last": (("torch",), ("train", "infer", "attention")),
    "torch.compile": (("torch",), EVERY),
    "onnxruntime": (("torch", "onnx", "onnxscript", "onnxruntime"), ("infer",)),
    "openvino": (("torch", "onnx", "onnxscript", "openvino"), ("infer",)),
}


def times(iteration):
    """Milliseconds of each iteration, by the rule of `daf-cnn bench`."""
    iteration()
    iteration()
    ms, end = [], time.perf_counter() + 4
    while len(ms) < 5 or (len(ms) < 400 and time.perf_counter() < end):
        start = time.perf_counter()
        iteration()
        ms.append(1000 * (time.perf_counter() - start))
    return ms


def torch_iteration(work, name):
    import torch
    from torch.nn import functional as F
    import peer_network as peer

    torch.manual_seed(0)
    torch.set_num_threads(work.threads)
    side, widths, embedding, _ = peer.PRESETS[work.preset]
    layout = torch.channels_last if "channels last" in name else torch.contiguous_format
    compiled = torch.compile if "compile" in name else lambda function: function
    labels, centres = torch.randint(peer.CLASSES, (work.batch,)), 0.01 * torch.randn(peer.CLASSES, embedding)

    if work.mode == "tc":
        e, loss = torch.rand(work.batch, embedding, requires_grad=True), compiled(peer.tc_loss)

        def iteration():
            e.grad = None
            value, active, intruder = loss(e, labels, centres)
            value.backward()
            peer.move_centres(e.detach(), labels, active, intruder, centres)
    elif work.mode == "attention":
        shape = (work.batch, widths[-1], side // 16, side // 16)
        x = torch.rand(shape).to(memory_format=layout).requires_grad_()
        dy = torch.rand(shape).to(memory_format=layout)
        attention = peer.Attention(widths[-1])
        refine = compiled(attention)

        def iteration():
            x.grad = None
            attention.zero_grad()
            refine(x).backward(dy)
    else:
        net = peer.DafCnn(work.preset).to(memory_format=layout)
        x = torch.rand(work.batch, 1, side, side).to(memory_format=layout)
        run = compiled(net)
        if work.mode == "infer":
            net.eval()
            return torch.inference_mode()(lambda: run(x))
        adam = torch.optim.Adam(net.parameters(), fused=True)

        def iteration():
            adam.zero_grad()
            logits, e = run(x)
            value, active, intruder = peer.tc_loss(e, labels, centres)
            (F.cross_entropy(logits, labels) + peer.WEIGHT * value).backward()
            adam.step()
            peer.move_centres(e.detach(), labels, active, intruder, centres)
    return iteration


def exported_network(work, folder):
    """Path of the network as ONNX, and a batch of images."""
    import numpy
    import torch
    import peer_network as peer

    torch.manual_seed(0)
    side = peer.PRESETS[work.preset][0]
    path = os.path.join(folder, "network.onnx")
    net = peer.DafCnn(work.preset).eval()
    torch.onnx.export(net, (torch.rand(work.batch, 1, side, side),), path, input_names=["x"], dynamo=True,
                      external_data=False, verbose=False)
    return path, numpy.random.default_rng(0).random((work.batch, 1, side, side), dtype="float32")


def engine_iteration(work, name, folder):
    path, x = exported_network(work, folder)
    if name == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = work.threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, {"x": x})
    import openvino

    request = openvino.Core().compile_model(path, "CPU", {
        "INFERENCE_NUM_THREADS": work.threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32",
    }).create_infer_request()
    return lambda: request.infer({0: x})


def play(work, name):
    """What the process of one contender does."""
    with tempfile.TemporaryDirectory() as folder:
        iteration = torch_iteration(work, name) if name.startswith("torch") else engine_iteration(work, name, folder)
        print(json.dumps({"ms": times(iteration)}))


def measured(command):
    """The median in ms and the largest resident MB of one process; it must print JSON as its last line."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        lines = output.read().strip().splitlines() or ["it printed nothing"]
    if process.returncode != 0:
        raise RuntimeError(lines[-1])
    return statistics.median(json.loads(lines[-1])["ms"]), usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/daf-cnn")
    parser.add_argument("--mode", choices=EVERY, default="train")
    parser.add_argument("--preset", choices=("paper", "half", "lite"), default="paper")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--play", help=argparse.SUPPRESS)
    work = parser.parse_args()
    if work.play:
        play(work, work.play)
        return 0

    os.environ["OMP_NUM_THREADS"] = str(work.threads)
    same = [f"--{key}={getattr(work, key)}" for key in ("mode", "preset", "batch", "threads")]
    commands, absent = {"daf": [work.program, "bench", *same, "--json"]}, []
    for name, (modules, modes) in CONTENDERS.items():
        if work.mode not in modes:
            continue
        if all(importlib.util.find_spec(module) for module in modules):
            commands[name] = [sys.executable, os.path.abspath(__file__), *same, f"--play={name}"]
        else:
            absent.append(name)

    results, failures = {name: [] for name in commands}, {}
    for _ in range(work.rounds):
        for name, command in commands.items():
            try:
                results[name].append(measured(command))
            except (OSError, RuntimeError, ValueError, KeyError) as error:
                failures[name] = error
    print(f"{work.mode}, {work.preset}, batch {work.batch}, {work.threads} threads, {work.rounds} rounds\n")
    print(f"{'contender':<22} | {'ms':>10} | {'MB':>6} | its time over daf's")
    print(f"{'-' * 22} | {'-' * 10} | {'-' * 6} | {'-' * 19}")
    daf = statistics.median(ms for ms, _ in results["daf"]) if results["daf"] else None
    for name, rounds in results.items():
        if not rounds:
            continue
        ms = statistics.median(ms for ms, _ in rounds)
        ratio = f"{ms / daf:.2f}" if daf else "?"
        print(f"{name:<22} | {ms:>10.3f} | {max(mb for _, mb in rounds):>6.0f} | {ratio:>19}")
    for name in absent:
        print(f"not installed: {name} ({', '.join(CONTENDERS[name][0])})")
    for name, error in failures.items():
        print(f"{name} failed: {error}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

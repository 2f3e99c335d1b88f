#!/usr/bin/env python3
"""daf-cnn and what its user would take instead, timed on the same work, each in a process of its own, turn by turn.

usage: compare_peers.py --program build/release/daf-cnn [--mode train|infer|attention|tc|tc-1000]
                        [--preset paper|half|lite] [--batch N] [--threads T] [--rounds R] [--device cpu|gpu] [--goal X]

Run it by the Python of a virtual environment that holds PyTorch and, for --mode infer, whichever of onnxruntime, openvino and
MNN (with onnx and onnxscript), and of ncnn with pnnx, which takes one image. What is not installed is left out, and named.
A contender's time is the median over the rounds of the medians of its iterations; memory is the most that its process had
resident.

On a GPU an iteration ends when the GPU has done its work. PyTorch is left its own choice of TF32, and looks for the fastest
convolutions; bf16 autocast goes with channels last, torch.compile with CUDA graphs. --goal says whether the best of the others
takes X times as long as the best of daf's.
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

EVERY, MAPS = ("train", "infer", "attention", "tc", "tc-1000"), ("train", "infer", "attention")
# daf as it multiplies on a GPU: its options, and the modes in which they make a difference
PRECISIONS = {"daf, tf32": ("--precision=tf32", ("train", "infer")), "daf, bf16": ("--precision=bf16", MAPS)}
# contender: the modules that it needs, the modes that it can do, the devices that it is run on
CONTENDERS = {
    "torch": (("torch",), EVERY, ("cpu", "gpu")),
    "torch, channels last": (("torch",), MAPS, ("cpu", "gpu")),
    "torch, bf16": (("torch",), MAPS, ("gpu",)),
    "torch.compile": (("torch",), EVERY, ("cpu", "gpu")),
    "torch.compile, bf16": (("torch",), MAPS, ("gpu",)),
    "onnxruntime": (("torch", "onnx", "onnxscript", "onnxruntime"), ("infer",), ("cpu",)),
    "openvino": (("torch", "onnx", "onnxscript", "openvino"), ("infer",), ("cpu",)),
    "mnn": (("torch", "onnx", "onnxscript", "MNN"), ("infer",), ("cpu",)),
    "ncnn": (("torch", "pnnx", "ncnn"), ("infer",), ("cpu",)),
}
ONE_IMAGE = ("ncnn",)  # contenders that take no larger batch


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
    import peer_network as peer

    on_gpu, bf16 = work.device == "gpu", "bf16" in name
    torch.manual_seed(0)
    torch.set_num_threads(work.threads)
    if on_gpu:
        torch.set_default_device("cuda")
        torch.backends.cudnn.benchmark = True
    layout = torch.channels_last if bf16 or "channels last" in name else torch.contiguous_format
    graphs = {"mode": "reduce-overhead"} if on_gpu else {}

    def compiled(function):
        return torch.compile(function, **graphs) if "compile" in name else function

    def forward(function):
        """`function`, compiled and by bf16 where the contender is so."""
        function = compiled(function)

        def call(*arguments):
            if on_gpu and "compile" in name:
                torch.compiler.cudagraph_mark_step_begin()
            with torch.autocast("cuda", torch.bfloat16, enabled=bf16):
                return function(*arguments)
        return call

    iteration = MAKERS[work.mode](work, peer, layout, forward)
    if not on_gpu:
        return iteration

    def finished():
        iteration()
        torch.cuda.synchronize()
    return finished


def torch_training(work, peer, layout, forward):
    import torch
    from torch.nn import functional as F

    side, _, embedding, _ = peer.PRESETS[work.preset]
    labels, centres = torch.randint(peer.CLASSES, (work.batch,)), 0.01 * torch.randn(peer.CLASSES, embedding)
    net = peer.DafCnn(work.preset).to(memory_format=layout)
    x = torch.rand(work.batch, 1, side, side).to(memory_format=layout)
    adam = torch.optim.Adam(net.parameters(), fused=True)

    def joint_loss(x, centres):
        logits, e = net(x)
        value, active, intruder = peer.tc_loss(e, labels, centres)
        return F.cross_entropy(logits, labels) + peer.WEIGHT * value, e, active, intruder

    run = forward(joint_loss)

    def iteration():
        adam.zero_grad()
        loss, e, active, intruder = run(x, centres)
        loss.backward()
        adam.step()
        peer.move_centres(e.detach().float(), labels, active, intruder, centres)
    return iteration


def torch_inference(work, peer, layout, forward):
    import torch

    side = peer.PRESETS[work.preset][0]
    x = torch.rand(work.batch, 1, side, side).to(memory_format=layout)
    run = forward(peer.DafCnn(work.preset).to(memory_format=layout).eval())
    return torch.inference_mode()(lambda: run(x))


def torch_attention(work, peer, layout, forward):
    import torch

    side, widths, _, _ = peer.PRESETS[work.preset]
    shape = (work.batch, widths[-1], side // 16, side // 16)
    x = torch.rand(shape).to(memory_format=layout).requires_grad_()
    attention = peer.Attention(widths[-1]).to(memory_format=layout)
    refine = forward(attention)
    dy = torch.rand(shape).to(memory_format=layout)

    def iteration():
        x.grad = None
        attention.zero_grad()
        y = refine(x)
        y.backward(dy.to(y.dtype))
    return iteration


def torch_tc(work, peer, _, forward):
    import torch

    embedding, classes = peer.PRESETS[work.preset][2], 1000 if work.mode == "tc-1000" else peer.CLASSES
    labels, centres = torch.randint(classes, (work.batch,)), 0.01 * torch.randn(classes, embedding)
    e, loss = torch.rand(work.batch, embedding, requires_grad=True), forward(peer.tc_loss)

    def iteration():
        e.grad = None
        value, active, intruder = loss(e, labels, centres)
        value.backward()
        peer.move_centres(e.detach(), labels, active, intruder, centres)
    return iteration


MAKERS = {"train": torch_training, "infer": torch_inference, "attention": torch_attention, "tc": torch_tc,
          "tc-1000": torch_tc}


def network_and_images(work):
    import torch
    import peer_network as peer

    torch.manual_seed(0)
    side = peer.PRESETS[work.preset][0]
    return peer.DafCnn(work.preset).eval(), torch.rand(work.batch, 1, side, side)


def onnx_file(work, folder):
    """Path of the network as ONNX, and a batch of images."""
    import torch

    net, x = network_and_images(work)
    path = os.path.join(folder, "network.onnx")
    torch.onnx.export(net, (x,), path, input_names=["x"], output_names=["y"], dynamo=True, external_data=False,
                      verbose=False)
    return path, x.numpy()


def onnxruntime_iteration(work, folder):
    import onnxruntime

    path, x = onnx_file(work, folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = work.threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": x})


def openvino_iteration(work, folder):
    import openvino

    path, x = onnx_file(work, folder)
    request = openvino.Core().compile_model(path, "CPU", {
        "INFERENCE_NUM_THREADS": work.threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32",
    }).create_infer_request()
    return lambda: request.infer({0: x})


def mnn_iteration(work, folder):
    import MNN.nn
    import MNN.numpy

    path, x = onnx_file(work, folder)
    converted = os.path.join(folder, "network.mnn")
    subprocess.run([os.path.join(os.path.dirname(sys.executable), "mnnconvert"), "-f", "ONNX", "--modelFile", path,
                    "--MNNModel", converted, "--bizCode", "daf"], check=True, capture_output=True)
    manager = MNN.nn.create_runtime_manager(({"backend": "CPU", "numThread": work.threads, "precision": "high"},))
    net = MNN.nn.load_module_from_file(converted, ["x"], ["y"], runtime_manager=manager)
    images = MNN.numpy.array(x)
    return lambda: net.forward(images).read()


def ncnn_iteration(work, folder):
    import ncnn
    import torch

    net, x = network_and_images(work)
    path = os.path.join(folder, "network.pt")
    torch.jit.trace(net, x).save(path)
    shape = ",".join(map(str, x.shape))
    subprocess.run([os.path.join(os.path.dirname(sys.executable), "pnnx"), path, f"inputshape=[{shape}]"], check=True,
                   capture_output=True, cwd=folder)
    run = ncnn.Net()
    run.opt.num_threads = work.threads
    run.opt.use_fp16_arithmetic = run.opt.use_fp16_storage = run.opt.use_bf16_storage = False
    run.load_param(os.path.join(folder, "network.ncnn.param"))
    run.load_model(os.path.join(folder, "network.ncnn.bin"))
    image = x[0].numpy()

    def iteration():
        extractor = run.create_extractor()
        extractor.input("in0", ncnn.Mat(image))
        return extractor.extract("out0")
    return iteration


ENGINES = {"onnxruntime": onnxruntime_iteration, "openvino": openvino_iteration, "mnn": mnn_iteration,
           "ncnn": ncnn_iteration}


def play(work, name):
    """What the process of one contender does."""
    with tempfile.TemporaryDirectory() as folder:
        iteration = ENGINES[name](work, folder) if name in ENGINES else torch_iteration(work, name)
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


def commands_of(work):
    """What runs each contender of this work, daf first, and who of them is not installed."""
    same = [f"--{key}={getattr(work, key)}" for key in ("mode", "preset", "batch", "threads", "device")]
    daf = [option for option in same if work.device == "cpu" or not option.startswith("--threads")]
    commands, absent = {"daf": [work.program, "bench", *daf, "--json"]}, []
    for name, (option, modes) in PRECISIONS.items():
        if work.device == "gpu" and work.mode in modes:
            commands[name] = [*commands["daf"], option]
    for name, (modules, modes, devices) in CONTENDERS.items():
        if work.mode not in modes or work.device not in devices or (work.batch > 1 and name in ONE_IMAGE):
            continue
        if all(importlib.util.find_spec(module) for module in modules):
            commands[name] = [sys.executable, os.path.abspath(__file__), *same, f"--play={name}"]
        else:
            absent.append(name)
    return commands, absent


def print_table(work, results):
    """results: for each contender, (ms, MB) of its rounds. What a host has resident says nothing of a GPU."""
    where = "one GPU" if work.device == "gpu" else f"{work.threads} threads"
    print(f"{work.mode}, {work.preset}, batch {work.batch}, {where}, {work.rounds} rounds\n")
    columns = [("ms", 10)] + [("MB", 6)] * (work.device == "cpu") + [("its time over daf's", 19)]
    print(" | ".join([f"{'contender':<22}"] + [f"{name:>{width}}" for name, width in columns]))
    print(" | ".join(["-" * 22] + ["-" * width for _, width in columns]))
    ms = {name: statistics.median(ms for ms, _ in rounds) for name, rounds in results.items() if rounds}
    for name in ms:
        cells = [f"{ms[name]:.3f}"] + [f"{max(mb for _, mb in results[name]):.0f}"] * (work.device == "cpu")
        cells.append(f"{ms[name] / ms['daf']:.2f}" if "daf" in ms else "?")
        print(" | ".join([f"{name:<22}"] + [f"{cell:>{width}}" for cell, (_, width) in zip(cells, columns)]))
    ours = {name: value for name, value in ms.items() if name.startswith("daf")}
    others = {name: value for name, value in ms.items() if name not in ours}
    if work.goal and others and ours:
        own, best = min(ours, key=ours.get), min(others, key=others.get)
        ratio = others[best] / ours[own]
        print(f"\ngoal {work.goal:g}: {'met' if ratio >= work.goal else 'missed'}, "
              f"the best of the others ({best}) takes {ratio:.2f} of the time of {own}")
    elif work.goal:
        print(f"\ngoal {work.goal:g}: nobody to compare with")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/daf-cnn")
    parser.add_argument("--mode", choices=EVERY, default="train")
    parser.add_argument("--preset", choices=("paper", "half", "lite"), default="paper")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--goal", type=float)
    parser.add_argument("--play", help=argparse.SUPPRESS)
    work = parser.parse_args()
    if work.play:
        play(work, work.play)
        return 0

    os.environ["OMP_NUM_THREADS"] = str(work.threads)
    commands, absent = commands_of(work)
    results, failures = {name: [] for name in commands}, {}
    for _ in range(work.rounds):
        for name, command in commands.items():
            try:
                results[name].append(measured(command))
            except (OSError, RuntimeError, ValueError, KeyError) as error:
                failures[name] = error
    print_table(work, results)
    for name in absent:
        print(f"not installed: {name} ({', '.join(CONTENDERS[name][0])})")
    for name, error in failures.items():
        print(f"{name} failed: {error}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

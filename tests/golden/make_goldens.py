#!/usr/bin/env python3
"""Writes what PyTorch computes in double: operators.safetensors, network.safetensors, training.safetensors.

usage: make_goldens.py            writes the three files beside this script
       make_goldens.py --check    computes them anew and compares with the files; exit 1 if they differ

Needs torch, numpy and safetensors (the tests need none of them). The files were made on x86-64 with
Python 3.11, torch 2.15.0, numpy 2.4.6, safetensors 0.8.0. The inputs come from numpy's PCG64; results may
differ in their last bits between versions and processors, and --check allows for that.

Layouts are PyTorch's. In a case `c` of the operators: c/x, c/y, c/dy, c/dx, c/NAME a parameter, c/dNAME its
gradient, c/NAME_after a running statistic (or the centres) after the step, c/y_eval the output in eval mode
with those statistics.
"""
import argparse
import copy
import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

import reference_network as reference
from recording import Draw, Recorder, gradients, state, statistics

FOLDER = pathlib.Path(__file__).parent
LARGEST_DIFFERENCE = 1e-10


# ---- operators -----------------------------------------------------------------------------------


def record_module(out, case, module, x):
    """One module, forward and backward in training, then in eval if it differs there."""
    draw = Draw(case)
    draw.module(module)
    out.put_all(f"{case}/", state(module))
    module.train()
    x = x.clone().requires_grad_()
    y = module(x)
    dy = draw.normal(*y.shape)
    y.backward(dy)
    out.put_all(f"{case}/", {"x": x, "y": y, "dy": dy, "dx": x.grad})
    out.put_all(f"{case}/d", gradients(module))
    if statistics(module):
        for name, value in statistics(module).items():
            out.put(f"{case}/{name}_after", value)
        out.put(f"{case}/y_eval", module.eval()(x))


class FirstMaximum(nn.Module):
    """Global max-pool."""

    def forward(self, x):
        return reference.first_maximum(x.flatten(2), 2)


class GlobalAverage(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class LinearFromMap(nn.Linear):
    """Its inputs stand in the order C,H,W."""

    def forward(self, x):
        return super().forward(x.flatten(1))


def convolution_layer(channels, features):
    return nn.Sequential(
        nn.Conv2d(channels, features, 3, padding=1, bias=False), nn.BatchNorm2d(features), nn.ReLU())


def record_modules(out):
    def record(case, module, *shape, ties=False):
        draw = Draw(case + "/x")
        x = draw.integers(-2, 3, *shape).double() if ties else draw.normal(*shape)
        record_module(out, case, module, x)

    record("conv2d_3x3", nn.Conv2d(3, 5, 3, padding=1, bias=False), 2, 3, 5, 7)
    record("conv2d_3x3_first_layer", nn.Conv2d(1, 4, 3, padding=1, bias=False), 2, 1, 9, 10)
    record("conv2d_5x5_stride_2", nn.Conv2d(2, 3, 5, stride=2, padding=2), 3, 2, 7, 6)
    record("conv2d_7x7_two_channels", nn.Conv2d(2, 1, 7, padding=3), 2, 2, 6, 5)
    record("batch_norm", nn.BatchNorm2d(5), 4, 5, 3, 2)
    record("batch_norm_vector", nn.BatchNorm1d(3), 6, 3)
    record("relu", nn.ReLU(), 2, 3, 4, 5)
    record("relu_zeros", nn.ReLU(), 2, 3, 4, 5, ties=True)
    record("max_pool", nn.MaxPool2d(2), 2, 3, 6, 4)
    record("max_pool_odd", nn.MaxPool2d(2), 2, 3, 5, 7)
    record("max_pool_ties", nn.MaxPool2d(2), 3, 2, 6, 7, ties=True)
    record("global_average_pool", GlobalAverage(), 2, 5, 3, 4)
    record("global_max_pool", FirstMaximum(), 2, 5, 3, 4)
    record("global_max_pool_ties", FirstMaximum(), 2, 5, 3, 4, ties=True)
    record("linear", nn.Linear(11, 6), 3, 11)
    record("linear_from_map", LinearFromMap(4 * 2 * 3, 5), 3, 4, 2, 3)
    record("conv_bn_relu", convolution_layer(3, 4), 3, 3, 5, 6)
    record("conv_bn_relu_first_layer", convolution_layer(1, 4), 2, 1, 8, 7)
    for hidden in reference.HIDDEN:
        record(f"channel_attention_{hidden}", reference.Attention(8, 4, 7, "channel", hidden), 3, 8, 3, 5)
    record("channel_attention_ties", reference.Attention(6, 2, 7, "channel"), 3, 6, 4, 3, ties=True)
    record("spatial_attention", reference.Attention(5, 1, 7, "spatial"), 3, 5, 4, 6)
    record("spatial_attention_3x3", reference.Attention(4, 1, 3, "spatial"), 2, 4, 5, 5)
    record("spatial_attention_ties", reference.Attention(5, 1, 7, "spatial"), 3, 5, 3, 4, ties=True)
    for arrangement in ("channel_first", "spatial_first", "parallel"):
        record(f"dual_attention_{arrangement}", reference.Attention(8, 4, 7, arrangement), 3, 8, 4, 3)


def record_loss(out, case, loss, x, labels, centres=None, direction=None, alpha=0.3):
    """loss(x, labels[, centres]) gives one loss per sample; dy weights them.

    The centres' gradient is the exact one; centres_after is where alpha times `direction` takes them.
    """
    x = x.clone().requires_grad_()
    leaves = [x] if centres is None else [x, centres.clone().requires_grad_()]
    y = loss(x, labels, *leaves[1:])
    dy = Draw(case + "/dy").uniform(-1, 2, len(x))
    y.backward(dy)
    out.put(f"{case}/x", x)
    out.put(f"{case}/labels", labels.int())
    out.put_all(f"{case}/", {"y": y.unsqueeze(1), "dy": dy.unsqueeze(1)})
    out.put(f"{case}/dx", x.grad)
    if centres is not None:
        out.put(f"{case}/centres", centres)
        out.put(f"{case}/dcentres", leaves[1].grad)
        out.put(f"{case}/centres_after", centres + alpha * direction(x.detach(), labels, centres))
        out.scalar(f"{case}/alpha", alpha)


def record_losses(out):
    def drawn(case, count, features, classes, present=None):
        draw = Draw(case)
        labels = draw.integers(0, present or classes, count)
        centres = draw.normal(classes, features, scale=1.3)
        return centres[labels] + draw.normal(count, features), labels, centres

    logits, labels, _ = drawn("softmax_cross_entropy", 6, 7, 7)
    record_loss(out, "softmax_cross_entropy", reference.cross_entropy, 2 * logits, labels)

    def record_tc(case, margin, x, labels, centres):
        record_loss(out, case, lambda *given: reference.tc_loss(*given, margin), x, labels, centres,
                    lambda *given: reference.tc_direction(*given, margin))
        active = reference.tc_loss(x, labels, centres, margin) > 0
        out.put(f"{case}/active", active.to(torch.uint8).unsqueeze(1))
        out.put(f"{case}/nearest", reference.nearest_negatives(x, labels, centres).int().unsqueeze(1))
        out.scalar(f"{case}/margin", margin)
        return active

    active = record_tc("tc_loss", 3.0, *drawn("tc_loss", 14, 5, 7))
    assert 4 < active.sum() < 10, active
    assert record_tc("tc_loss_all_active", 40.0, *drawn("tc_loss_all_active", 8, 5, 7, present=4)).all()
    x, labels, centres = drawn("tc_loss_ties", 8, 4, 5)
    centres[3] = centres[1]  # equally near to every sample
    record_tc("tc_loss_ties", 11.0, x, labels, centres)

    record_loss(out, "centre_loss", reference.centre_loss, *drawn("centre_loss", 9, 5, 7, present=5),
                reference.centre_direction)
    record_loss(out, "island_loss", lambda *given: reference.island_loss(*given, 1.5),
                *drawn("island_loss", 9, 5, 7, present=5),
                lambda *given: reference.island_direction(*given, 1.5))
    out.scalar("island_loss/lambda1", 1.5)


def operators():
    out = Recorder()
    record_modules(out)
    record_losses(out)
    return out


# ---- the whole network ---------------------------------------------------------------------------

SIZE, WIDTHS, EMBEDDING = 48, (4, 8, 8, 16, 16), 16
LAMBDA, ALPHA = 0.007, 0.005


def first_network():
    """The network at the start of both files: values that a float holds, so that they take half the room."""
    network = reference.DafCnn(SIZE, WIDTHS, EMBEDDING)
    draw = Draw("network")
    with torch.no_grad():
        for name, value in state(network).items():
            if value.dim() > 1:
                gain = 10 if name == "fc1.weight" else 1  # the attention has made the features small
                drawn = draw.normal(*value.shape, scale=gain * (2 / value[0].numel()) ** 0.5)
            elif name.endswith("running_var"):
                drawn = draw.uniform(0.5, 1.5, *value.shape)
            else:
                mean = 1 if name.endswith(".weight") else 0  # of a BN's scale; the rest are biases and means
                drawn = mean + draw.normal(*value.shape, scale=0.1)
            value.copy_(drawn.float())
    return network


def smooth_images(case, count):
    """Grey images (N,1,48,48) of 8 bits: smooth noise with some grain."""
    draw = Draw(case)
    coarse = draw.uniform(0, 255, count, 1, 5, 5)
    smooth = F.interpolate(coarse, size=(SIZE, SIZE), mode="bicubic", align_corners=True)
    return (smooth + draw.normal(*smooth.shape, scale=4)).round().clamp(0, 255).to(torch.uint8)


def objective(network, x, labels, centres, margin):
    """Eq 13: L, the mean cross-entropy, the TC loss; and the outputs."""
    logits, e = network(x)
    softmax = reference.cross_entropy(logits, labels).mean()
    tc = reference.tc_loss(e, labels, centres, margin).sum()
    return LAMBDA * tc + softmax, softmax, tc, logits, e


def network_case():
    out = Recorder()
    network = first_network()
    out.put_all("state/", {name: value.float() for name, value in state(network).items()})
    draw = Draw("network/batch")
    images = smooth_images("network/images", 6)
    labels = draw.integers(0, reference.CLASSES, 6)
    x = (images.double() / 255).requires_grad_()
    with torch.no_grad():
        logits, e = network.eval()(x)
    out.put_all("eval/", {"logits": logits, "e": e})

    # Each centre near a sample of its class, and a margin that half of the samples keep.
    with torch.no_grad():
        e = copy.deepcopy(network).train()(x)[1]
        centres = e.mean(0) + draw.normal(reference.CLASSES, EMBEDDING)
        centres[labels] = e + draw.normal(*e.shape, scale=0.1)
        kept = 100 - reference.tc_loss(e, labels, centres, 100.0)
        margin = kept.sort().values[2:4].mean().item()
    centres.requires_grad_()
    network.train()
    loss, softmax, tc, logits, e = objective(network, x, labels, centres, margin)
    e.retain_grad()
    loss.backward()
    active = reference.tc_loss(e, labels, centres, margin) > 0
    assert margin > 0 and active.sum() == 3, (margin, active)
    out.put("images", images)
    out.put("labels", labels.int())
    out.put("state/centres", centres)
    out.put_all("train/", {"logits": logits, "e": e, "de": e.grad, "dx": x.grad})
    out.scalars("train/", {"loss": loss, "softmax": softmax, "tc": tc, "active": active.sum()})
    out.put_all("gradient/", gradients(network) | {"centres": centres.grad})
    out.put_all("after/", statistics(network))
    out.scalars("", {"margin": margin, "lambda": LAMBDA})
    return out


# ---- training ------------------------------------------------------------------------------------

BATCH, MARGIN = 8, 11.0


def train(out, case, images, labels, batches, make_optimizer, exact_gradient):
    """Steps from the state in network.safetensors. The centres follow Eq 12, or their exact gradient."""
    network = first_network().train()
    centres = out["centres"].clone().requires_grad_(exact_gradient)
    decayed = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() == 1] + ([centres] if exact_gradient else [])
    optimizer = make_optimizer(decayed, others)
    losses, active = [], []
    for batch in batches:
        x, y = images[batch].double() / 255, labels[batch]
        loss, softmax, tc, _, e = objective(network, x, y, centres, MARGIN)
        before = centres.detach().clone()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        active.append((reference.tc_loss(e.detach(), y, before, MARGIN) > 0).sum().item())
        if not exact_gradient:
            centres += ALPHA * reference.tc_direction(e.detach(), y, centres, MARGIN)
        losses.append([loss.item(), softmax.item(), tc.item()])
    assert min(active) < BATCH, active
    out.put(f"{case}/losses", torch.tensor(losses))
    out.put(f"{case}/active", torch.tensor(active).int())
    out.put_all(f"{case}/final/", state(network) | {"centres": centres})


def training_case():
    out = Recorder()
    draw = Draw("training")
    images = smooth_images("training/images", 64)
    labels = draw.integers(0, reference.CLASSES, 64)
    epochs = [torch.from_numpy(draw.generator.permutation(64)).reshape(-1, BATCH) for _ in range(7)]
    batches = torch.cat(epochs)[:50]
    out.put("images", images)
    out.put("labels", labels.int())
    out.put("batches", batches.int())
    out.put("centres", draw.normal(reference.CLASSES, EMBEDDING, scale=2.5))
    out.scalars("", {"margin": MARGIN, "alpha": ALPHA, "lambda": LAMBDA})

    def adam(decayed, others):
        return torch.optim.Adam(decayed + others, lr=1e-3)

    # Slow enough for float to stay beside double.
    def slow_adam(decayed, others):
        return torch.optim.Adam(decayed + others, lr=1e-5)

    def sgd(decayed, others):
        groups = [{"params": decayed, "weight_decay": 5e-4}, {"params": others}]
        return torch.optim.SGD(groups, lr=0.01, momentum=0.9, nesterov=True)

    train(out, "adam", images, labels, batches, adam, exact_gradient=False)
    train(out, "slow_adam", images, labels, batches, slow_adam, exact_gradient=False)
    train(out, "sgd", images, labels, batches[:10], sgd, exact_gradient=True)
    return out


# ---- files ---------------------------------------------------------------------------------------


def differences(made, stored):
    """Names of tensors that are missing, of another kind, or further apart than rounding explains."""
    found = [f"{name} (on one side alone)" for name in sorted(made.keys() ^ stored.keys())]
    for name in sorted(made.keys() & stored.keys()):
        a, b = made[name], stored[name]
        if a.shape != b.shape or a.dtype != b.dtype:
            found.append(f"{name} (of another shape or type)")
            continue
        largest = b.double().abs().amax().item()
        apart = (a.double() - b.double()).abs().amax().item()
        if not apart <= LARGEST_DIFFERENCE * largest:
            found.append(f"{name} ({apart / max(largest, 1e-300):.1e})")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    check = parser.parse_args().check
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    failed = False
    for name, make in dict(operators=operators, network=network_case, training=training_case).items():
        path = FOLDER / f"{name}.safetensors"
        tensors = make()
        if check:
            found = differences(tensors, load_file(path))
            failed |= bool(found)
            print(f"{path.name}: " + ("; ".join(found) if found else "agrees"))
        else:
            save_file(tensors, path)
            print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size / 1000:.0f} kB")
    return failed


if __name__ == "__main__":
    sys.exit(main())

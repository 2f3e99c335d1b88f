"""What make_goldens.py records with: tensors by name, drawn from numbers that stay the same."""
import zlib

import numpy as np
import torch


class Recorder(dict):
    """The tensors of one file by name."""

    def put(self, name, value):
        assert name not in self, name
        self[name] = torch.as_tensor(value).detach().clone().contiguous()

    def put_all(self, prefix, tensors):
        for name, value in tensors.items():
            self.put(prefix + name, value)

    def scalar(self, name, value):
        self.put(name, torch.as_tensor(value).double().reshape(1))

    def scalars(self, prefix, numbers):
        for name, value in numbers.items():
            self.scalar(prefix + name, value)


class Draw:
    """Random tensors of one case: they depend on its name alone, not on the cases before it."""

    def __init__(self, case):
        self.generator = np.random.default_rng(zlib.crc32(case.encode()))

    def normal(self, *shape, scale=1.0):
        return torch.from_numpy(scale * self.generator.standard_normal(shape))

    def uniform(self, low, high, *shape):
        return torch.from_numpy(self.generator.uniform(low, high, shape))

    def integers(self, low, high, *shape):
        """From low to high - 1."""
        return torch.from_numpy(self.generator.integers(low, high, shape))

    def module(self, module):
        """Sets all parameters and running statistics."""
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(self.normal(*parameter.shape, scale=0.5))
            for name, statistic in module.named_buffers():
                if name.endswith("running_mean"):
                    statistic.copy_(self.normal(*statistic.shape))
                elif name.endswith("running_var"):
                    statistic.copy_(self.uniform(0.5, 1.5, *statistic.shape))


def statistics(module):
    return {name: value for name, value in module.named_buffers() if "running" in name}


def state(module):
    """What a checkpoint would hold of it."""
    return dict(module.named_parameters()) | statistics(module)


def gradients(module):
    return {name: parameter.grad for name, parameter in module.named_parameters()}

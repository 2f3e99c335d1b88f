#!/usr/bin/env python3
"""Writes safetensors_from_python.safetensors: what Python's own library makes, for the reader's test.

usage: make_safetensors.py      (needs numpy and safetensors; the tests need neither)
"""
import pathlib

import numpy as np
from safetensors.numpy import save_file

count = np.arange(6)
tensors = {
    "layer.weight": (count.reshape(2, 3) * 0.5 - 1).astype(np.float32),
    "layer.double": (count[:4] / 3).astype(np.float64),
    "steps": np.array([-1, 2**40], dtype=np.int64),
    "seed": np.array([2**64 - 1], dtype=np.uint64),
    "classes": np.array([0, 6, -7], dtype=np.int32),
    "pixels": np.array([0, 127, 255], dtype=np.uint8),
    "scalar": np.array(2.5, dtype=np.float32),
    "empty": np.zeros((0, 4), dtype=np.float32),
    "mask": np.array([True, False, True]),
    "half": np.array([1.0, -2.0], dtype=np.float16),
    "größe/名": np.array([7], dtype=np.int16),
}
metadata = {"note": 'quotes " and \\, a\ttab, an é and a 😀'}  # one entry: their order would change from run to run
save_file(tensors, pathlib.Path(__file__).with_name("safetensors_from_python.safetensors"), metadata)

#!/usr/bin/env python3
"""Writes tsne.safetensors: what scikit-learn's exact t-SNE reaches on a stored input, for app/tsne_test.cpp.

usage: make_tsne.py      (needs numpy, safetensors and scikit-learn; the tests need none of them)

The file was made on x86-64 with Python 3.11, numpy 2.4.6, scikit-learn 1.9.1, safetensors 0.8.0. Two inputs of
300 points with 16 features: `clusters`, seven groups that partly overlap, as embeddings have; `cloud`, one Gaussian.
Of each: NAME/x, NAME/kl the final Kullback-Leibler divergence, and NAME/y the points of the layout.
"""
import pathlib

import numpy as np
from safetensors.numpy import save_file
from sklearn.manifold import TSNE

COUNT, FEATURES, CLASSES = 300, 16, 7


def clusters(random):
    centres = random.normal(0, 1.6, (CLASSES, FEATURES))
    return np.maximum(centres[np.arange(COUNT) % CLASSES] + random.normal(0, 1, (COUNT, FEATURES)), 0)


def cloud(random):
    return random.normal(0, 1, (COUNT, FEATURES))


def main():
    tensors = {}
    for number, make in enumerate([clusters, cloud]):
        x = make(np.random.Generator(np.random.PCG64(number))).astype(np.float32)
        tsne = TSNE(method="exact", init="pca", perplexity=30, early_exaggeration=12, learning_rate="auto",
                    max_iter=1000)
        y = tsne.fit_transform(x)
        tensors[f"{make.__name__}/x"] = x
        tensors[f"{make.__name__}/y"] = y.astype(np.float32)
        tensors[f"{make.__name__}/kl"] = np.array([tsne.kl_divergence_])
        print(make.__name__, tsne.kl_divergence_, tsne.n_iter_)
    save_file(tensors, pathlib.Path(__file__).with_name("tsne.safetensors"))


if __name__ == "__main__":
    main()

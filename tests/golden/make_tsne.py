#!/usr/bin/env python3
"""Writes tsne.safetensors: what scikit-learn's exact t-SNE reaches on a stored input, for app/tsne_test.cpp.

usage: make_tsne.py      (needs numpy, safetensors and scikit-learn; the tests need none of them)

The file was made on x86-64 with Python 3.11, numpy 2.4.6, scikit-learn 1.9.1, safetensors 0.8.0. Two inputs of
300 points with 16 features, in seven groups as embeddings have: `overlapping` and `apart`. Of each: NAME/x, NAME/kl
the final Kullback-Leibler divergence, NAME/y the points of the layout. (Of one shapeless cloud, scikit-learn's own
divergence differs by 5 % between inputs that differ by 1e-6: a descent among many equal minima.)
"""
import pathlib

import numpy as np
from safetensors.numpy import save_file
from sklearn.manifold import TSNE

COUNT, FEATURES, CLASSES = 300, 16, 7


def groups(spread, seed):
    random = np.random.Generator(np.random.PCG64(seed))
    centres = random.normal(0, spread, (CLASSES, FEATURES))
    points = centres[np.arange(COUNT) % CLASSES] + random.normal(0, 1, (COUNT, FEATURES))
    return np.maximum(points, 0).astype(np.float32)


def main():
    tensors = {}
    for name, x in {"overlapping": groups(1.6, 0), "apart": groups(4, 1)}.items():
        tsne = TSNE(method="exact", init="pca", perplexity=30, early_exaggeration=12, learning_rate="auto",
                    max_iter=1000)
        y = tsne.fit_transform(x)
        tensors[f"{name}/x"] = x
        tensors[f"{name}/y"] = y.astype(np.float32)
        tensors[f"{name}/kl"] = np.array([tsne.kl_divergence_])
        print(name, tsne.kl_divergence_, tsne.n_iter_)
    save_file(tensors, pathlib.Path(__file__).with_name("tsne.safetensors"))


if __name__ == "__main__":
    main()

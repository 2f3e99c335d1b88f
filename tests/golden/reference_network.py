"""What daf computes, said once more in PyTorch: the attention, the network, the losses with centres.

Gradients come from autograd, so nothing here repeats a backward formula of the library. Tensors are PyTorch's
(N,C,H,W); parameter names are those that a daf checkpoint uses.
"""
import torch
from torch import nn
from torch.nn import functional as F

CLASSES = 7
BLOCK_DEPTHS = (3, 3, 4, 4, 4)
HIDDEN = {"relu": torch.relu, "sigmoid": torch.sigmoid, "identity": lambda v: v}
# The gates that each arrangement applies, one after another. "parallel" takes both from x.
CASCADES = {
    "channel": ("channel",),
    "spatial": ("spatial",),
    "channel_first": ("channel", "spatial"),
    "spatial_first": ("spatial", "channel"),
}


class Attention(nn.Module):
    """Eq 1-5."""

    def __init__(self, channels, reduction=8, kernel=7, arrangement="channel_first", hidden="relu"):
        super().__init__()
        self.arrangement = arrangement
        self.hidden = HIDDEN[hidden]
        if arrangement != "spatial":
            self.fc1 = nn.Linear(channels, channels // reduction)
            self.fc2 = nn.Linear(channels // reduction, channels)
        if arrangement != "channel":
            self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2)

    def channel_gate(self, x):
        """Eq 1-2, shape (N,C,1,1)."""
        positions = x.flatten(2)
        pooled = (positions.mean(2), first_maximum(positions, 2))
        score = sum(self.fc2(self.hidden(self.fc1(v))) for v in pooled)
        return torch.sigmoid(score)[:, :, None, None]

    def spatial_gate(self, x):
        """Eq 3, shape (N,1,H,W)."""
        pooled = torch.stack((x.mean(1), first_maximum(x, 1)), 1)
        return torch.sigmoid(self.conv(pooled))

    def forward(self, x):
        if self.arrangement == "parallel":
            return self.channel_gate(x) * self.spatial_gate(x) * x
        for gate in CASCADES[self.arrangement]:
            x = getattr(self, gate + "_gate")(x) * x
        return x


def first_maximum(x, axis):
    """The maximum along an axis, whose gradient goes to the first of equals."""
    # Written out: for equals, max(dim) does not promise which one it takes.
    length = x.shape[axis]
    shape = [1] * x.dim()
    shape[axis] = length
    place = torch.arange(length).reshape(shape)
    is_largest = x.detach() == x.detach().amax(axis, keepdim=True)
    first = torch.where(is_largest, place, length).amin(axis, keepdim=True)
    return x.gather(axis, first).squeeze(axis)


class DafCnn(nn.Module):
    """Five blocks of convolution, BN and ReLU, max-pools between them, attention, two FC layers; no dropout.

    x (N,1,S,S), S a multiple of 16, gives logits (N,7) and the embedding e (N,embedding).
    """

    def __init__(self, size, widths, embedding):
        super().__init__()
        layers = []
        channels = 1
        for block, (width, depth) in enumerate(zip(widths, BLOCK_DEPTHS, strict=True)):
            if block > 0:
                layers.append(nn.MaxPool2d(2))
            for _ in range(depth):
                layers.append(nn.Conv2d(channels, width, 3, padding=1, bias=False))
                layers.append(nn.BatchNorm2d(width))
                layers.append(nn.ReLU())
                channels = width
        self.trunk = nn.Sequential(*layers)
        self.attention = Attention(channels)
        self.fc1 = nn.Linear(channels * (size // 16) ** 2, embedding)
        self.fc2 = nn.Linear(embedding, CLASSES)

    def forward(self, x):
        refined = self.attention(self.trunk(x))
        e = torch.relu(self.fc1(refined.flatten(1)))
        return self.fc2(e), e


def half_squared_distances(e, centres):
    """Eq 6-7 for every pair, (N,K)."""
    return (e.unsqueeze(1) - centres.unsqueeze(0)).square().sum(2) / 2


def nearest_negatives(e, labels, centres):
    """For each sample the nearest centre of another class; of equally near ones the first."""
    distances = half_squared_distances(e, centres).detach()
    distances[torch.arange(len(e)), labels] = torch.inf
    is_nearest = distances == distances.amin(1, keepdim=True)
    classes = torch.arange(len(centres))
    return torch.where(is_nearest, classes, len(centres)).amin(1)


def tc_loss(e, labels, centres, margin):
    """Eq 10: one loss per sample."""
    samples = torch.arange(len(e))
    distances = half_squared_distances(e, centres)
    negatives = distances[samples, nearest_negatives(e, labels, centres)]
    return torch.relu(distances[samples, labels] + margin - negatives)


def centre_loss(e, labels, centres):
    """Wen et al. 2016: one loss per sample."""
    return half_squared_distances(e, centres)[torch.arange(len(e)), labels]


def island_loss(e, labels, centres, weight):
    """Cai et al. 2018: one loss per sample, the pairs of centres shared out equally."""
    return centre_loss(e, labels, centres) + weight / len(e) * pairwise_cosines(centres)


def pairwise_cosines(centres):
    """The sum over ordered pairs of different centres of 1 + the cosine between them."""
    unit = centres / centres.norm(dim=1, keepdim=True)
    pairs = ~torch.eye(len(centres), dtype=torch.bool)
    return (unit @ unit.T + 1)[pairs].sum()


@torch.no_grad()
def pull(e, centres, members):
    """Half of Eq 12: for each centre the sum of (e - c) over its members, divided by 1 + their number.

    members (N): the centre that each sample counts for, or -1.
    """
    step = torch.zeros_like(centres)
    for j, centre in enumerate(centres):
        own = e[members == j]
        step[j] = (own - centre).sum(0) / (1 + len(own))
    return step


@torch.no_grad()
def tc_direction(e, labels, centres, margin):
    """Eq 12. As printed it is minus the gradient of Eq 9, so the centres move along it."""
    active = tc_loss(e, labels, centres, margin) > 0
    intruders = nearest_negatives(e, labels, centres)
    nobody = torch.full_like(labels, -1)
    return pull(e, centres, torch.where(active, labels, nobody)) - pull(
        e, centres, torch.where(active, intruders, nobody))


def centre_direction(e, labels, centres):
    """The update of centre loss."""
    return pull(e, centres, labels)


def island_direction(e, labels, centres, weight):
    """The update of island loss: each pair of centres counted once, averaged over the other centres."""
    leaf = centres.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(pairwise_cosines(leaf), leaf)
    return pull(e, centres, labels) - weight / (len(centres) - 1) * gradient / 2


def cross_entropy(logits, labels):
    """One loss per sample."""
    return F.cross_entropy(logits, labels, reduction="none")

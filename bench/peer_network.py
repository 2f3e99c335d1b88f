"""The DAF-CNN as a PyTorch user would write it for speed, for bench/compare_peers.py.

tests/golden/reference_network.py is its counterpart for correctness: that one says which of equal maxima takes the
gradient, which costs time that no user would spend.
"""
import torch
from torch import nn
from torch.nn import functional as F

CLASSES, MARGIN, WEIGHT, CENTRE_RATE = 7, 11.0, 0.007, 0.005
# preset: side of the image, widths of the five blocks, embedding, whether a pool follows block 5
PRESETS = {
    "paper": (96, (64, 128, 256, 512, 512), 512, True),
    "half": (48, (32, 64, 128, 256, 256), 256, False),
    "lite": (48, (16, 32, 64, 128, 128), 128, False),
}


class Attention(nn.Module):
    def __init__(self, channels, reduction=8, kernel=7):
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.expand = nn.Linear(channels // reduction, channels)
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2)

    def forward(self, x):
        pools = torch.stack((x.mean((2, 3)), x.amax((2, 3))))
        score = self.expand(F.relu(self.squeeze(pools))).sum(0)
        x = x * score.sigmoid()[:, :, None, None]
        pools = torch.cat((x.mean(1, keepdim=True), x.max(1, keepdim=True).values), 1)
        return x * self.conv(pools).sigmoid()


class DafCnn(nn.Module):
    """Images (N,1,S,S) to logits and embedding."""

    def __init__(self, preset):
        super().__init__()
        side, widths, embedding, last_pool = PRESETS[preset]
        layers, channels = [], 1
        for block, (width, depth) in enumerate(zip(widths, (3, 3, 4, 4, 4))):
            layers += [nn.MaxPool2d(2)] if block else []
            for _ in range(depth):
                layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width),
                           nn.ReLU(inplace=True)]
                channels = width
        layers += [Attention(channels)] + [nn.MaxPool2d(2)] * last_pool + [nn.Flatten(), nn.Dropout()]
        side //= 32 if last_pool else 16
        self.trunk = nn.Sequential(*layers, nn.Linear(channels * side * side, embedding), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(), nn.Linear(embedding, CLASSES))

    def forward(self, x):
        e = self.trunk(x)
        return self.head(e), e


def tc_loss(e, labels, centres):
    """Eq 10 summed over the batch, and what Eq 12 needs: who is active, and which centre is too near."""
    distances = (e[:, None] - centres).square().sum(2) / 2
    own = distances.gather(1, labels[:, None]).squeeze(1)
    nearest, intruder = distances.scatter(1, labels[:, None], torch.inf).min(1)
    hinge = F.relu(own + MARGIN - nearest)
    return hinge.sum(), hinge > 0, intruder


@torch.no_grad()
def move_centres(e, labels, active, intruder, centres):
    """Eq 12."""
    step = torch.zeros_like(centres)
    for classes, sign in ((labels, 1), (intruder, -1)):
        members = F.one_hot(classes, len(centres)).to(e.dtype) * active[:, None]
        count = members.sum(0)[:, None]
        step += sign * (members.T @ e - count * centres) / (1 + count)
    centres += CENTRE_RATE * step

#!/usr/bin/env python3
"""Draws docs/images/overview.png: the DAF-CNN as this project builds it (preset `paper`).

usage: daf-cnn faces --out sheet.pgm --rows 7 --columns 12 --size 96
       make_overview.py sheet.pgm overview.png          (needs matplotlib and pillow)

The faces are those of the sheet. Weights, gates and the embedding plane are schematic, not measured.
"""
import io
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle
from PIL import Image

INK, GREY, LINE, PAPER, PANEL = "#1f2937", "#64748b", "#94a3b8", "#ffffff", "#f5f7fa"
BLUE, ORANGE, GREEN, RED, PURPLE = "#2f6fb5", "#e07b16", "#16876a", "#c43d3d", "#7c4fb0"
HEAT = LinearSegmentedColormap.from_list("heat", ["#fff6ea", "#f8c680", ORANGE, "#9a4a05"])
EXPRESSIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
SIDE = 96

plt.rcParams.update({"font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans"})


def mix(colour, other, share):
    return tuple((1 - share) * np.array(to_rgb(colour)) + share * np.array(to_rgb(other)))


class Picture:
    def __init__(self, sheet):
        self.sheet = np.asarray(Image.open(sheet))
        self.figure = plt.figure(figsize=(12, 5.5), facecolor=PAPER)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, 168), ylim=(0, 77), aspect="equal")
        self.axes.axis("off")

    def text(self, x, y, text, size=7.5, colour=INK, ha="center", va="center", **more):
        self.axes.text(x, y, text, fontsize=size, color=colour, ha=ha, va=va, **more)

    def arrow(self, start, end, colour=GREY, width=1.1, head=7, **more):
        more.setdefault("arrowstyle", "-|>")
        self.axes.add_patch(FancyArrowPatch(start, end, mutation_scale=head, lw=width, color=colour, shrinkA=0,
                                            shrinkB=0, joinstyle="miter", **more))

    def panel(self, x, y, width, height, title, colour):
        self.axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=1.4",
                                           fc=PANEL, ec=mix(colour, PANEL, 0.55), lw=1, zorder=0))
        self.text(x + 2, y + height - 2.6, title, 8.6, colour, ha="left", weight="bold")

    def face(self, expression, column, x, y, size):
        top, left = expression * SIDE, column * SIDE
        self.axes.imshow(self.sheet[top:top + SIDE, left:left + SIDE], cmap="gray", vmin=0, vmax=255,
                         extent=(x, x + size, y, y + size), interpolation="bilinear", zorder=3)
        self.axes.add_patch(Rectangle((x, y), size, size, fill=False, ec=INK, lw=0.6, zorder=4))

    def slab(self, x, y, width, height, slant, colour, zorder=3):
        """A box with its front's lower left corner at (x, y)."""
        front = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        top = [front[3], front[2], (x + width + slant, y + height + slant), (x + slant, y + height + slant)]
        side = [front[1], (x + width + slant, y + slant), top[2], front[2]]
        for corners, shade in ((side, mix(colour, "black", 0.12)), (top, mix(colour, "white", 0.45)),
                               (front, mix(colour, "white", 0.12))):
            self.axes.add_patch(Polygon(corners, fc=shade, ec="white", lw=0.5, zorder=zorder))

    def grid(self, values, x, y, cell, zorder=3, edge="white", colours=HEAT):
        for (row, column), value in np.ndenumerate(values):
            self.axes.add_patch(Rectangle((x + column * cell, y + (values.shape[0] - 1 - row) * cell), cell, cell,
                                          fc=colours(value), ec=edge, lw=0.5, zorder=zorder))

    def times(self, x, y, colour=ORANGE):
        self.axes.add_patch(Circle((x, y), 1.35, fc="white", ec=colour, lw=1.2, zorder=5))
        self.text(x, y - 0.05, "×", 9, colour, zorder=6)

    def slices(self, x, y, size, shades, step=0.95):
        """A map as its channels, the last of them in front."""
        for i, shade in enumerate(shades):
            at = (len(shades) - 1 - i) * step
            self.axes.add_patch(Rectangle((x + at, y + at), size, size, fc=shade, ec="white", lw=0.7, zorder=3 + i))


def draw_network(p):
    base = 51.5
    p.face(3, 7, 3, base, 17)
    p.text(11.5, base - 2.2, "96×96×1", 7.2, GREY)
    p.text(11.5, base + 22.6, "face", 8.6, INK, weight="bold")
    p.arrow((20.7, base + 8.5), (23.6, base + 8.5))

    x = 24.6
    for block, (side, channels, layers) in enumerate([(96, 64, 3), (48, 128, 3), (24, 256, 4), (12, 512, 4), (6, 512, 4)]):
        height, width = 15.6 * (side / 96) ** 0.5, {64: 1.2, 128: 1.6, 256: 2.0, 512: 2.4}[channels]
        slant = 0.2 * height
        bottom = base + 8.5 - (height + slant) / 2
        colour = mix("#7db3e8", "#1c4f8a", block / 4)
        for layer in range(layers):
            p.slab(x + layer * (width + 0.55), bottom, width, height, slant, colour, zorder=3 + layer)
        length = layers * (width + 0.55) - 0.55
        middle = x + (length + slant) / 2
        p.text(middle, base + 22.6, f"block {block + 1}", 8.6, BLUE, weight="bold")
        p.text(middle, base + 20.2, f"{layers} × conv", 6.8, GREY)
        p.text(middle, base - 2.2, f"{side}×{side}×{channels}", 7.2, GREY)
        x += length + slant
        if block < 4:
            p.arrow((x + 0.8, base + 8.5), (x + 4.4, base + 8.5))
            p.text(x + 2.4, base + 10.1, "pool", 5.8, GREY)
            x += 5.4
    p.arrow((x + 0.8, base + 8.5), (x + 3.8, base + 8.5))
    x += 4.6

    # 3D attention, small; the panel below shows it.
    p.axes.add_patch(FancyBboxPatch((x, base + 3), 12.6, 11, boxstyle="round,pad=0,rounding_size=1.2",
                                    fc=mix(ORANGE, "white", 0.9), ec=ORANGE, lw=1.1, zorder=2))
    p.grid(np.array([[0.2], [0.8], [0.4], [1.0], [0.1]]), x + 1.6, base + 4.9, 1.45)
    p.text(x + 4.3, base + 8.5, "→", 8, ORANGE)
    gate = np.exp(-((np.arange(4)[:, None] - 1.4) ** 2 + (np.arange(4)[None] - 1.6) ** 2) / 2.2)
    p.grid(gate, x + 5.7, base + 5.6, 1.45)
    p.text(x + 6.3, base + 22.6, "3D attention", 8.6, ORANGE, weight="bold")
    p.text(x + 6.3, base - 2.2, "6×6×512", 7.2, GREY)
    attention = x + 6.3
    x += 12.6
    p.arrow((x + 0.6, base + 8.5), (x + 6.8, base + 8.5))
    p.text(x + 3.6, base + 10.3, "pool, FC", 5.8, GREY)
    x += 7.6

    values = np.random.default_rng(5).uniform(0, 1, (9, 1)) ** 1.5
    greens = LinearSegmentedColormap.from_list("g", ["#e3f3ee", GREEN])
    p.grid(values, x, base + 1.3, 1.6, colours=greens)
    p.text(x + 0.8, base + 22.6, "embedding e", 8.6, GREEN, weight="bold")
    p.text(x + 0.8, base - 2.2, "512", 7.2, GREY)
    embedding = x + 0.8
    x += 1.6
    p.arrow((x + 0.8, base + 8.5), (x + 8, base + 8.5))
    p.text(x + 4.3, base + 10.3, "FC, softmax", 5.8, GREY)
    x += 9.4

    shares = [0.02, 0.01, 0.03, 0.86, 0.02, 0.04, 0.02]
    for k, (name, share) in enumerate(zip(EXPRESSIONS, shares)):
        y = base + 17.2 - k * 3.1
        p.face(k, 10, x, y - 1.35, 2.7)
        p.text(x + 3.6, y, name, 6.6, INK if k == 3 else GREY, ha="left", weight="bold" if k == 3 else "normal")
        p.axes.add_patch(Rectangle((x + 12, y - 0.8), 17, 1.6, fc="#eef1f5", ec="none", zorder=2))
        p.axes.add_patch(Rectangle((x + 12, y - 0.8), 17 * share, 1.6, fc=PURPLE, ec="none", zorder=3))
    p.text(x + 14.5, base + 22.6, "expression", 8.6, PURPLE, weight="bold")
    return attention, embedding


def draw_attention(p, above):
    p.panel(3, 3, 110, 40, "3D attention: what to look at, then where", ORANGE)
    p.arrow((above, 47.6), (above, 43.6), ORANGE, 1.2, 8)

    y, flow, gates = 12.5, 18.9, 34
    blues = [mix("#1c4f8a", "#cfe2f5", share) for share in (0.5, 0.2, 0.7, 0.35, 0.1)]
    weights = [0.25, 0.9, 0.1, 0.4, 1.0]

    def box(x, width, label):
        p.axes.add_patch(FancyBboxPatch((x, gates - 2.2), width, 4.4, boxstyle="round,pad=0,rounding_size=0.8",
                                        fc="white", ec=ORANGE, lw=1))
        p.text(x + width / 2, gates, label, 6.2)

    p.slices(6, y, 9, blues)
    p.text(12.4, y - 3.4, "$x$", 9.5)

    # The channels' gate.
    p.arrow((12.4, 26.8), (12.4, 31.2))
    p.text(13.6, 28.9, "average, maximum\nover the positions", 5.8, GREY, ha="left")
    for i, colour in enumerate((BLUE, mix(BLUE, "white", 0.45))):
        p.grid(np.full((1, 5), 0.5), 8.8, gates - 2 + i * 2.2, 1.45, colours=lambda _, c=colour: c)
    p.arrow((17, gates), (20.2, gates))
    box(21, 12.4, "FC → ReLU → FC")
    p.text(27.2, gates + 3.4, "shared: C → C/8 → C", 5.6, GREY)
    p.arrow((34.2, gates), (38, gates))
    p.text(36, gates + 1.5, "+ , σ", 6, GREY)
    p.grid(np.array([weights]), 38.8, gates - 1.05, 2.1)
    p.text(44, gates + 3.4, "gate of each channel", 6, ORANGE)
    p.arrow((44, gates - 1.8), (44, flow + 1.5), ORANGE)
    p.arrow((20.8, flow), (42.5, flow))
    p.times(44, flow)
    p.arrow((45.5, flow), (55, flow))

    p.slices(56, y, 9, [mix(c, "#eef2f7", 1 - w) for c, w in zip(blues, weights)])
    p.text(62.4, y - 3.4, "$x'$", 9.5)

    # The positions' gate: one such as eyes and a mouth would get.
    p.arrow((62.4, 26.8), (62.4, 31.2))
    p.text(63.6, 28.9, "mean, maximum\nover the channels", 5.8, GREY, ha="left")
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[0:6, 0:6]
    gate = np.maximum(np.exp(-((rows - 1.6) ** 2 / 1.0 + (np.abs(columns - 2.5) - 1.3) ** 2 / 0.9)),
                      np.exp(-((rows - 4.1) ** 2 / 0.7 + (columns - 2.5) ** 2 / 2.6)))
    for i in range(2):
        pooled = np.clip(0.15 + 0.6 * gate + 0.25 * rng.uniform(0, 1, (6, 6)), 0, 1)
        p.grid(pooled, 56.9 + i * 5.8, gates - 2, 0.85, colours=plt.cm.Blues)
    p.arrow((68.6, gates), (71.8, gates))
    box(72.6, 8.4, "conv 7×7")
    p.arrow((81.8, gates), (85.6, gates))
    p.text(83.6, gates + 1.5, "σ", 6, GREY)
    p.grid(gate, 86.4, gates - 5, 1.6)
    p.text(91.2, gates + 6.2, "gate of each position", 6, ORANGE)
    p.arrow((91.2, gates - 5.6), (91.2, flow + 1.5), ORANGE)
    p.arrow((70.8, flow), (89.7, flow))
    p.times(91.2, flow)
    p.arrow((92.7, flow), (96, flow))

    p.slices(97, y, 9, [mix(c, "#eef2f7", 1 - w) for c, w in zip(blues, weights)])
    for (row, column), value in np.ndenumerate(gate):  # dims what the gate blocks
        p.axes.add_patch(Rectangle((97 + column * 1.5, y + (5 - row) * 1.5), 1.5, 1.5, fc="#eef2f7", ec="none",
                                   alpha=0.85 * (1 - value), zorder=9))
    p.text(103.4, y - 3.4, "$y$", 9.5)
    p.text(60, 5.6, r"$x' = A_c(x)\,x$        $y = A_s(x')\,x'$        Eq 1–5", 7.6)


def draw_loss(p, embedding):
    p.panel(116, 3, 49, 40, "Triplet-Centre loss on e", GREEN)
    p.arrow((embedding, 47.6), (embedding, 43.6), GREEN, 1.2, 8)

    own, other = np.array([125.6, 19.0]), np.array([154.6, 29.0])
    along = (other - own) / np.linalg.norm(other - own)
    across = np.array([-along[1], along[0]])
    middle, margin = (own + other) / 2, 5.2

    # D(e, c_p) - D(e, c_q) is linear in e: the margin is a band around the perpendicular bisector.
    band = [middle + s * margin * along + t * across for s, t in ((-1, -11.5), (1, -11.5), (1, 11.5), (-1, 11.5))]
    p.axes.add_patch(Polygon(band, fc=mix(GREEN, "white", 0.88), ec="none", zorder=1))
    for s in (-1, 1):
        ends = np.array([middle + s * margin * along - 11.5 * across, middle + s * margin * along + 11.5 * across])
        p.axes.plot(*ends.T, color=mix(GREEN, "white", 0.4), lw=0.8, ls=(0, (4, 3)), zorder=2)
    ends = np.array([middle - 11.5 * across, middle + 11.5 * across])
    p.axes.plot(*ends.T, color=GREY, lw=0.9, zorder=2)

    rng = np.random.default_rng(11)
    for centre, colour, towards in ((own, BLUE, 1), (other, ORANGE, -1)):
        for point in centre + rng.normal(0, 2.4, (26, 2)):
            if (point - middle) @ along * towards > -margin - 0.3:
                continue
            p.axes.add_patch(Circle(point, 0.55, fc=mix(colour, "white", 0.25), ec="white", lw=0.4, zorder=4))
        for t, s in ((-5.0, 0.1), (3.0, -0.55), (7.2, 0.45)):  # inside the margin: active, pushed to their own side
            point = middle + towards * s * margin * along + t * across * towards
            p.axes.add_patch(Circle(point, 0.7, fc=colour, ec=INK, lw=0.8, zorder=6))
            p.arrow(point - towards * 0.9 * along, point - towards * 4.6 * along, colour, 1.3, 7, zorder=5)
        p.axes.plot(*centre, marker="X", ms=10, mfc=colour, mec="white", mew=1.2, zorder=7)
    p.text(*(own - (0, 7)), "$c_p$, own centre", 6.8, BLUE, zorder=8)
    p.text(*(other - (0, 7)), "$c_q$, nearest other", 6.8, "#a85608", zorder=8)

    low = middle - 9.6 * across
    p.arrow(low, low - margin * along, GREEN, 0.9, 5, arrowstyle="<|-|>", zorder=6)
    p.text(*(low - 0.5 * margin * along - 1.5 * across), "margin", 6.2, GREEN, zorder=8)
    p.text(140.5, 5.6, r"$L_{tc}=\sum\,\max\,(D(e,c_p)+m-D(e,c_q),\,0)$    Eq 6–12", 7.4)
    p.text(163, 40.4, r"$L=\lambda\,L_{tc}+L_{softmax}$   Eq 13", 7.4, ha="right")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    picture = Picture(sys.argv[1])
    attention, embedding = draw_network(picture)
    draw_attention(picture, attention)
    draw_loss(picture, embedding)
    drawn = io.BytesIO()
    picture.figure.savefig(drawn, dpi=150, facecolor=PAPER)
    Image.open(drawn).convert("RGB").quantize(192).save(sys.argv[2], optimize=True)


if __name__ == "__main__":
    main()

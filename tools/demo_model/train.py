"""Step 3: train the network by frame cross-entropy on the synthesiser's own phoneme times -> weights.pt."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from tools.demo_model.features import CEPSTRA, SUBSAMPLING
from tools.demo_model.network import CONTEXT, Network
from tools.demo_model.phones import PDF_COUNT

SEGMENT, BATCH = 300, 48  # frames of a training segment (100 outputs), segments of a step
PEAK_RATE, WARM_UP, FLOOR = 2e-3, 300, 0.003  # learning rate: linear rise over WARM_UP steps, then a cosine
CHANNEL_SPREAD = [3.0] + [0.8] * (CEPSTRA - 1)  # random offset of each cepstrum: stands in for mean normalisation
MARGIN = 40  # frames kept free at both ends of the data
REPORT = 200


class Data:
    """All shards as one stream of frames, float16."""

    def __init__(self, shards: list[Path]) -> None:
        loaded = [np.load(shard) for shard in shards]
        self.features = np.concatenate([shard["feats"] for shard in loaded])
        self.labels = np.concatenate([shard["labs"] for shard in loaded])

    def priors(self) -> np.ndarray:
        """Share of each pdf in the labels."""
        return np.bincount(self.labels, minlength=PDF_COUNT) / len(self.labels)

    def batch(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Random segments, disturbed: channel offset, and half the time a masked stretch."""
        starts = rng.integers(MARGIN, len(self.features) - SEGMENT - MARGIN, BATCH)
        index = starts[:, None] + np.arange(-CONTEXT, SEGMENT + CONTEXT - 2)
        x = torch.from_numpy(self.features[index].astype(np.float32)).transpose(1, 2)
        x = x + torch.randn(BATCH, CEPSTRA, 1) * torch.tensor(CHANNEL_SPREAD)[None, :, None]
        if rng.random() < 0.5:
            at = int(rng.integers(0, SEGMENT - 12))
            x[:, :, at : at + int(rng.integers(3, 12))] = x.mean()
        targets = self.labels[starts[:, None] + np.arange(0, SEGMENT, SUBSAMPLING)]
        return x, torch.from_numpy(targets.astype(np.int64))


def learning_rate(step: int, steps: int) -> float:
    """Warm-up, then half a cosine down to FLOOR of the peak."""
    rise = min(1.0, (step + 1) / WARM_UP)
    return PEAK_RATE * rise * (0.5 * (1 + math.cos(math.pi * step / steps)) + FLOOR)


def train(data: Data, steps: int, seed: int) -> Network:
    """Train for `steps` batches; bfloat16 makes it 2-3 times faster on processors that have it."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = Network()
    print(f"{len(data.features)} frames, {sum(p.numel() for p in network.parameters())} weights", flush=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=1e-3)
    began, mean_loss, mean_right = time.monotonic(), 0.0, 0.0
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps)
        x, targets = data.batch(rng)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(x)
        logits = logits.float()
        loss = functional.cross_entropy(logits, targets)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        right = (logits.detach().argmax(1) == targets).float().mean().item()
        keep = min(0.99, step / (step + 1))
        mean_loss = keep * mean_loss + (1 - keep) * loss.item()
        mean_right = keep * mean_right + (1 - keep) * right
        if (step + 1) % REPORT == 0 or step + 1 == steps:
            seconds = time.monotonic() - began
            done = f"step {step + 1}/{steps} loss {mean_loss:.3f} frames right {mean_right:.3f}"
            print(f"{done} {seconds:.0f} s, {seconds / (step + 1) * (steps - step - 1):.0f} s to go", flush=True)
    return network


def main() -> None:
    """Write weights.pt: {"network": state dict, "priors": share of each pdf}."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data = Data(args.shards)
    network = train(data, args.steps, args.seed)
    torch.save({"network": network.state_dict(), "priors": torch.from_numpy(data.priors())}, args.out)


if __name__ == "__main__":
    main()

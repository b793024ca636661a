"""Step 4: weights.pt -> am/final.mdl (transition model and nnet3 network, Kaldi binary) and conf/."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tools.demo_model.features import CEPSTRA, SUBSAMPLING, mfcc_conf
from tools.demo_model.kaldi_io import KaldiWriter
from tools.demo_model.network import CONTEXT, OFFSETS
from tools.demo_model.phones import PDFS, SELF_PROBABILITY, phone_table

# Vosk subtracts log(priors): unfloored, a rare phone wins every unclear frame.
PRIOR_FLOOR, PRIOR_POWER = 4e-3, 0.7
ACOUSTIC_SCALE = 0.45
OUTER_BITS, INNER_BITS = 16, 8  # first and last layer, all others
NORM_EPSILON = 1e-5  # of torch's batch norm

MODEL_CONF = f"""\
--min-active=200
--max-active=3000
--beam=11.0
--lattice-beam=4.0
--acoustic-scale={ACOUSTIC_SCALE}
--frame-subsampling-factor={SUBSAMPLING}
--endpoint.silence-phones=1
--endpoint.rule2.min-trailing-silence=0.5
--endpoint.rule3.min-trailing-silence=0.75
--endpoint.rule4.min-trailing-silence=1.0
"""


@dataclass(frozen=True)
class Layer:
    """One affine layer: matrix (outputs, offsets · inputs), bias (outputs,)."""

    offsets: list[int]
    matrix: np.ndarray
    bias: np.ndarray


def fold(state: dict[str, torch.Tensor]) -> list[Layer]:
    """Layers with every batch norm folded into the affine layer after it, which is exact."""
    weights = {name: tensor.double().numpy() for name, tensor in state.items()}
    layers = []
    for i, offsets in enumerate(OFFSETS):
        matrix, bias = weights[f"layers.{i}.weight"], weights[f"layers.{i}.bias"]  # (out, in, offsets)
        gain = weights[f"norms.{i}.weight"] / np.sqrt(weights[f"norms.{i}.running_var"] + NORM_EPSILON)
        shift = weights[f"norms.{i}.bias"] - weights[f"norms.{i}.running_mean"] * gain
        bias = bias + np.einsum("oik,i->o", matrix, shift)
        matrix = (matrix * gain[None, :, None]).transpose(0, 2, 1)
        layers.append(Layer(list(offsets), matrix.reshape(len(bias), -1), bias))
    return layers


def write_transition_model(out: KaldiWriter) -> None:
    """<TransitionModel>: plain HMMs of one state (silence, initials) and of two (finals)."""
    table = phone_table()
    out.token("<TransitionModel>")
    out.token("<Topology>")
    out.integers(list(range(1, len(table) + 1)))
    out.integers([-1] + [len(PDFS[phone.base]) - 1 for phone in table])  # phone -> entry
    out.integer(2)  # entries; a -1 before this number would announce the chain form
    for states in (1, 2):
        out.integer(states + 1)
        for state in range(states):
            out.integer(state)
            out.integer(2)
            for target, probability in ((state, SELF_PROBABILITY), (state + 1, 1 - SELF_PROBABILITY)):
                out.integer(target)
                out.single(probability)
        out.integer(-1)
        out.integer(0)
    out.token("</Topology>")
    triples = [
        (phone_id, state, pdf) for phone_id, phone in enumerate(table, 1) for state, pdf in enumerate(PDFS[phone.base])
    ]
    out.token("<Triples>")
    out.integer(len(triples))
    for triple in triples:
        for value in triple:
            out.integer(value)
    out.token("</Triples>")
    out.token("<LogProbs>")
    out.vector([0.0] + [float(np.log(SELF_PROBABILITY))] * (2 * len(triples)))
    out.token("</LogProbs>")
    out.token("</TransitionModel>")


def _splice(node: str, offsets: list[int]) -> str:
    pieces = [node if offset == 0 else f"Offset({node}, {offset})" for offset in offsets]
    return pieces[0] if len(pieces) == 1 else f"Append({', '.join(pieces)})"


def _node(name: str, source: str) -> str:
    return f"component-node name={name} component={name} input={source}"


def network_config(layers: list[Layer]) -> list[str]:
    """nnet3's configuration lines."""
    config = [f"input-node name=input dim={CEPSTRA}"]
    source = "input"
    for i, layer in enumerate(layers, 1):
        config.append(_node(f"affine{i}", _splice(source, layer.offsets)))
        source = f"affine{i}"
        if i < len(layers):
            config.append(_node(f"relu{i}", source))
            source = f"relu{i}"
    config.append(_node("logsoftmax", source))
    config.append("output-node name=output input=logsoftmax objective=linear")
    return config


def _write_affine(out: KaldiWriter, name: str, layer: Layer, bits: int) -> None:
    for token in ("<ComponentName>", name, "<FixedAffineComponent>", "<LinearParams>"):
        out.token(token)
    out.compressed_matrix(layer.matrix, bits)
    out.token("<BiasParams>")
    out.vector(layer.bias)
    out.token("</FixedAffineComponent>")


def _write_nonlinearity(out: KaldiWriter, name: str, kind: str, size: int) -> None:
    """ReLU or log-softmax; the training statistics they carry are left empty."""
    for token in ("<ComponentName>", name, f"<{kind}>", "<Dim>"):
        out.token(token)
    out.integer(size)
    for token in ("<ValueAvg>", "<DerivAvg>"):
        out.token(token)
        out.vector([])
    out.token("<Count>")
    out.double(0.0)
    out.token("<OderivRms>")
    out.vector([])
    for token in ("<OderivCount>", "<NumDimsSelfRepaired>", "<NumDimsProcessed>"):
        out.token(token)
        out.double(0.0)
    out.token(f"</{kind}>")


def write_network(out: KaldiWriter, layers: list[Layer]) -> None:
    """<Nnet3>: configuration, an empty line, components."""
    out.token("<Nnet3>")
    out.raw("\n" + "\n".join(network_config(layers)) + "\n\n")
    out.token("<NumComponents>")
    out.integer(2 * len(layers))
    for i, layer in enumerate(layers, 1):
        outer = i in (1, len(layers))
        _write_affine(out, f"affine{i}", layer, OUTER_BITS if outer else INNER_BITS)
        if i < len(layers):
            _write_nonlinearity(out, f"relu{i}", "RectifiedLinearComponent", len(layer.bias))
    _write_nonlinearity(out, "logsoftmax", "LogSoftmaxComponent", len(layers[-1].bias))
    out.token("</Nnet3>")


def acoustic_model(weights: dict[str, Any]) -> bytes:
    """The bytes of am/final.mdl."""
    out = KaldiWriter()
    write_transition_model(out)
    write_network(out, fold(weights["network"]))
    for token in ("<LeftContext>", "<RightContext>"):
        out.token(token)
        out.integer(CONTEXT)
    priors = np.maximum(weights["priors"].numpy(), PRIOR_FLOOR) ** PRIOR_POWER
    out.token("<Priors>")
    out.vector(priors / priors.sum())
    return bytes(out.data)


def main() -> None:
    """Write am/final.mdl, conf/mfcc.conf and conf/model.conf into the model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("model", type=Path)
    args = parser.parse_args()
    for folder in ("am", "conf"):
        (args.model / folder).mkdir(parents=True, exist_ok=True)
    data = acoustic_model(torch.load(args.weights, weights_only=True))
    (args.model / "am/final.mdl").write_bytes(data)
    (args.model / "conf/mfcc.conf").write_text(mfcc_conf())
    (args.model / "conf/model.conf").write_text(MODEL_CONF)
    print(f"am/final.mdl: {len(data)} bytes")


if __name__ == "__main__":
    main()

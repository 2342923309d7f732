"""Write the ONNX file of HardNet8 from the weights that Kornia loads.

``python scripts/export_hardnet8.py hardnet8.pt hardnet8.onnx`` takes the state dict of
Kornia's ``HardNet8`` as `torch.save` wrote it. Before anything is written, ONNX Runtime
and Kornia run the network on the same patches. Needs torch, kornia, onnx, onnxruntime.

The network (Pultar, "Improving the HardNet Descriptor", 2020): eight convolutions, each
followed by a batch normalisation without affine part, all but the last by a ReLU; then
512 numbers become 128 by a PCA. Normalisations are folded into the convolutions.
"""

import argparse
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# Position in the state dict, side of the kernel, stride, padding.
LAYERS = (
    (0, 3, 1, 1),  # 1 to 32 channels
    (3, 3, 1, 1),  # 32
    (6, 3, 2, 1),  # 64
    (9, 3, 1, 1),  # 64
    (12, 3, 2, 1),  # 128
    (15, 3, 1, 1),  # 128
    (18, 3, 1, 1),  # 256
    (22, 8, 1, 0),  # 512: what is left of the patch becomes one number a channel
)
SIDE, DIM = 32, 128
OPSET, IR = 18, 8  # of 2022: the first where reductions take axes as an input
_VARIANCE_EPS = 1e-5  # of torch's BatchNorm2d
_PATCH_EPS = 1e-7  # of a patch's standard deviation
_LENGTH_EPS = 1e-12  # of torch's F.normalize
_CHECKED, _TOLERANCE = 64, 1e-5  # patches that are compared; how far they may differ

State = Mapping[str, NDArray[np.float32]]


class _Graph:
    """The nodes and weights written so far."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, value: Any, kind: type[np.generic] = np.float32) -> str:
        """Add an array; return its name."""
        name = f"weight{len(self.weights)}"
        array = np.ascontiguousarray(value, kind)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation; return the name of what comes out."""
        name = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def unit(self, vectors: str) -> str:
        """Divide vectors by their lengths."""
        length = self.node("ReduceL2", vectors, self.weight([1], np.int64))
        return self.node(
            "Div", vectors, self.node("Max", length, self.weight(_LENGTH_EPS))
        )


def network(state: State) -> onnx.ModelProto:
    """Return HardNet8 as a graph: patches ``(n, 1, 32, 32)`` to vectors ``(n, 128)``.

    Args:
        state: Kornia's names: ``features.N.weight``, ``features.N.running_mean``,
            ``features.N.running_var``, ``mean`` and ``components``.
    """
    graph = _Graph()
    axes = graph.weight([1, 2, 3], np.int64)
    mean = graph.node("ReduceMean", "patches", axes)
    centered = graph.node("Sub", "patches", mean)
    squares = graph.node("ReduceSumSquare", centered, axes)
    variance = graph.node("Div", squares, graph.weight(SIDE * SIDE - 1))
    deviation = graph.node("Sqrt", variance)
    divisor = graph.node("Add", deviation, graph.weight(_PATCH_EPS))
    flow = graph.node("Div", centered, divisor)
    for position, side, stride, padding in LAYERS:
        weight, bias = _folded(state, position)
        flow = graph.node(
            "Conv",
            flow,
            graph.weight(weight),
            graph.weight(bias),
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[padding] * 4,
        )
        if position != LAYERS[-1][0]:
            flow = graph.node("Relu", flow)
    unit = graph.unit(graph.node("Flatten", flow))
    centered = graph.node("Sub", unit, graph.weight(state["mean"]))
    graph.unit(graph.node("MatMul", centered, graph.weight(state["components"])))
    graph.nodes[-1].output[0] = "descriptors"
    kind = TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "HardNet8",
            [helper.make_tensor_value_info("patches", kind, ["n", 1, SIDE, SIDE])],
            [helper.make_tensor_value_info("descriptors", kind, ["n", DIM])],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="ambience",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _folded(
    state: State, position: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights and biases of a convolution with what normalises it."""
    after = f"features.{position + 1}"
    variance = state[f"{after}.running_var"].astype(np.float64)
    factor = 1 / np.sqrt(variance + _VARIANCE_EPS)
    weight = state[f"features.{position}.weight"] * factor[:, None, None, None]
    return weight, -state[f"{after}.running_mean"] * factor


def difference(model: bytes, kornia: Any, torch: Any) -> float:
    """Return how far ONNX Runtime and Kornia are apart at most, on random patches."""
    session = import_module("onnxruntime").InferenceSession(
        model, providers=["CPUExecutionProvider"]
    )
    shape = (_CHECKED, 1, SIDE, SIDE)
    patches = np.random.default_rng(0).random(shape).astype(np.float32)
    (ours,) = session.run(None, {"patches": patches})
    with torch.inference_mode():
        theirs = kornia(torch.from_numpy(patches)).numpy()
    return float(np.abs(ours - theirs).max())


def main() -> None:
    """Read, check, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, help="Kornia's state dict")
    parser.add_argument("onnx", type=Path, help="the file to write")
    given = parser.parse_args()
    torch, feature = import_module("torch"), import_module("kornia.feature")
    state = torch.load(given.weights, map_location="cpu", weights_only=True)
    kornia = feature.HardNet8(pretrained=False).eval()
    try:
        kornia.load_state_dict(state, strict=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        sys.exit(f"export_hardnet8.py: {given.weights} isn't HardNet8: {error}")
    tensors = kornia.state_dict().items()
    model = network({name: tensor.numpy() for name, tensor in tensors})
    written = model.SerializeToString()
    largest = difference(written, kornia, torch)
    print(f"largest difference from Kornia on {_CHECKED} patches: {largest:.1e}")
    if not largest <= _TOLERANCE:
        sys.exit(f"export_hardnet8.py: more than {_TOLERANCE:.0e}: nothing is written")
    given.onnx.write_bytes(written)
    print(f"{given.onnx}: {len(written) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()

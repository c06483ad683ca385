"""Tensors of PyTorch taken apart: where and how they lie in memory does not count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vcat._keys.array import open_content
from vcat._keys.pieces import Pieces, attributes
from vcat._keys.scalar import Name
from vcat._keys.unhashable import Unhashable


def opener_of(kind: type) -> Callable[[Any], Pieces] | None:
    """Return how to take values of *kind*, a class of PyTorch's, apart."""
    return _open_tensor if kind.__qualname__ in ("Tensor", "Parameter") else None


def _open_tensor(value: Any) -> Pieces:
    _check(value)
    parts = (
        Name(type(value).__name__),
        Name(value.dtype),
        tuple(value.shape),
        # Which of several devices is a matter of the machine.
        Name(value.device.type),
        value.requires_grad,
        value.grad,
        attributes(vars(value).items()),
        *_content(value),
    )
    return Pieces("torch.Tensor", parts, mutable=True)


def _check(value: Any) -> None:
    import torch

    if not value.is_leaf:
        raise Unhashable("", "is a tensor with a history of operations; detach() it first")
    if value.layout is not torch.strided:
        raise Unhashable("", f"is a tensor of layout {value.layout}; pass its to_dense()")
    if value.is_quantized:
        raise Unhashable("", "is a quantized tensor; pass its dequantize()")
    if value.is_nested:
        raise Unhashable("", "is a nested tensor; pass its unbind() as a list")
    if value.device.type == "meta":
        raise Unhashable("", "is a tensor on the device 'meta', which has no content")


def _content(value: Any) -> list[object]:
    import torch

    plain = value.detach().cpu().resolve_conj().resolve_neg()
    if plain.is_complex():
        plain = torch.view_as_real(plain)
    # NumPy has not all of the dtypes; integers of their sizes show the same bytes.
    sizes = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return open_content(plain.view(sizes[plain.element_size()]).numpy())

"""Tensors of PyTorch: content, dtype and what a function can ask of them count, strides do not."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is too large to ask for")

from vcat._keys.code import CodeDigester  # noqa: E402  # after the skip
from vcat._keys.unhashable import Unhashable  # noqa: E402  # after the skip
from vcat._keys.value import digest as plain_digest  # noqa: E402  # after the skip

CODE = CodeDigester("/nowhere")
CONTENT = torch.arange(24.0).reshape(2, 3, 4)
DTYPES = [
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn),
    *(torch.complex64, torch.complex128),
]


def digest(value):
    """Return the digest of *value*; classes count by their code."""
    return plain_digest(value, CODE)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_strides_do_not_count(dtype):
    """Axes in any order, steps and views of a larger tensor do not show, whatever the dtype."""
    value = CONTENT.to(dtype)
    same = [
        value,
        value.clone(),
        value.transpose(0, 2).contiguous().transpose(0, 2),
        value.repeat_interleave(2, dim=2)[..., ::2],
        torch.cat([value, value])[:2],
    ]
    assert len({digest(each) for each in same}) == 1
    assert digest(value.transpose(1, 2).reshape(2, 3, 4)) != digest(value) or dtype is torch.bool


def test_what_can_be_asked_of_a_tensor_counts():
    """Dtype, shape, class, gradients wanted and there, and notes tell tensors apart."""
    noted = CONTENT.clone()
    noted.source = "a"
    with_gradient = CONTENT.clone().requires_grad_()
    with_gradient.sum().backward()
    values = [
        *[CONTENT.to(each) for each in DTYPES],
        CONTENT.reshape(3, 2, 4),
        CONTENT.clone().requires_grad_(),
        torch.nn.Parameter(CONTENT),
        torch.nn.Parameter(CONTENT, requires_grad=False),
        with_gradient,
        noted,
        torch.zeros(2),
        -torch.zeros(2),
        torch.zeros(()),
        torch.zeros(0),
        torch.zeros(0, 3),
        CONTENT.numpy(),
    ]
    found = [digest(each) for each in values]
    assert len(set(found)) == len(found)


def test_pending_conjugation_is_done():
    """A conjugate that is only noted is the one that is written out."""
    assert digest(torch.tensor([1 + 1j]).conj()) == digest(torch.tensor([1 - 1j]))


def test_modules_count_by_class_and_state():
    """Two networks with the same weights are one; another weight or layer is another."""
    one, other = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    assert digest(one) != digest(other)
    other.load_state_dict(one.state_dict())
    assert digest(one) == digest(other)
    assert digest(torch.nn.Sequential(one)) != digest(torch.nn.Sequential(one, torch.nn.ReLU()))


def quantized():
    """Return a quantized tensor, of which PyTorch warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(CONTENT, 1.0, 0, torch.qint8)


REFUSED = [
    (CONTENT.to_sparse, "is a tensor of layout torch.sparse_coo; pass its to_dense()"),
    (quantized, "is a quantized tensor; pass its dequantize()"),
    (
        lambda: torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)]),
        "is a nested tensor; pass its unbind() as a list",
    ),
    (
        lambda: torch.zeros(2, device="meta"),
        "is a tensor on the device 'meta', which has no content",
    ),
    (
        lambda: torch.zeros(2, requires_grad=True) * 2,
        "is a tensor with a history of operations; detach() it first",
    ),
]


@pytest.mark.parametrize(("make", "reason"), REFUSED)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_tensors_that_cannot_be_told_are_refused(make, reason):
    """The error says what it is and what to pass in its place."""
    with pytest.raises(Unhashable) as caught:
        digest([make()])
    assert str(caught.value) == f"[0] {reason}"

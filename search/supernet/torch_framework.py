"""PyTorch, and what is said where it is not installed. The only file that imports it for the supernet.

Every architecture of a supernet is another graph. TensorFlow takes 231 ms a step for Table 2's network where it does
not compile a graph, and seconds to compile one; PyTorch 66 ms.

Raises, at its import:
    TrainingUnavailable: it is not installed, or does not load.
"""

from __future__ import annotations

from search.errors import DeviceMissing, TrainingUnavailable

try:
    import torch
except ImportError as error:
    raise TrainingUnavailable(
        f"the supernet needs PyTorch, which does not load: {error}",
        "install it where this project is installed: pip install -e '.[train]'",
    ) from error

__all__ = ["check_device", "torch"]


def check_device(name: str) -> None:
    """Returns when PyTorch can compute on a device of this name.

    Raises:
        DeviceMissing: it cannot.
    """
    try:
        torch.zeros(1, device=name).sum().item()
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise DeviceMissing(f"PyTorch cannot compute on {name!r}: {first}", "leave out --device, or say cpu") from error

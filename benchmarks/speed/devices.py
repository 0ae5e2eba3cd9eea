"""The name of a device in tables of rates, and the end of its work."""

from __future__ import annotations

import torch


def device_name(device: torch.device) -> str:
    """The name of a GPU's model; "cpu" for the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def on_device(device: torch.device) -> str:
    """Words for the description of a rate: " on NAME" for a GPU, empty for the processor."""
    return f" on {device_name(device)}" if device.type == "cuda" else ""


def finish(device: torch.device) -> None:
    """Wait for the work of a GPU; the processor has none left."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)

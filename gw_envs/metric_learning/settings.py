"""How the embedding network of ASRSampling-v0 is trained; loads no torch until one is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gw_envs.checks import (
    check_bool,
    check_choice,
    check_device,
    check_float,
    check_instance,
    check_int,
)

NETWORKS = ("mlp", "cnn")


@dataclass(frozen=True)
class LearnerSettings:
    """How the embedding is trained; defaults are PADS's where it has them.

    Its fields are arguments of ASRSampling-v0, whose page explains them
    (`gw_envs.asr_sampling.ASRSamplingEnv`, Arguments).
    """

    network: str = "mlp"
    embedding_size: int = 64
    loss: Literal["margin", "triplet"] = "margin"
    margin: float = 0.2
    boundary: float = 1.2
    boundary_rate: float = 5e-4
    learning_rate: float = 1e-3
    classes_per_batch: int = 28
    rows_per_class: int = 4
    self_regularisation: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ValueError: naming the one that is out of range.
        """
        if ":" not in check_instance("network", self.network, str, "a name or module:function"):
            check_choice("network", self.network, (*NETWORKS, "module:function"))
        check_int("embedding_size", self.embedding_size, 2)
        check_choice("loss", self.loss, ("margin", "triplet"))
        for name in ("margin", "boundary", "boundary_rate", "learning_rate"):
            check_float(name, getattr(self, name), 0, open_low=True)
        check_int("classes_per_batch", self.classes_per_batch, 2)
        check_int("rows_per_class", self.rows_per_class, 2)
        check_bool("self_regularisation", self.self_regularisation)
        check_device("device", self.device)

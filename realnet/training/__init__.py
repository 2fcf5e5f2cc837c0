"""Training a RealNet by backpropagation."""

from realnet.training.trainer import RealNetTrainer

__all__ = ["RealNetTrainer"]

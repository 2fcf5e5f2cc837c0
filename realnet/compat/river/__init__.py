"""Estimators of River (https://riverml.xyz): `pip install 'realnet-live[river]'`."""

from realnet.compat.river.classifier import DendriteClassifier
from realnet.compat.river.lines import LineAnomalyDetector
from realnet.compat.river.values import ValueAnomalyDetector

__all__ = ["DendriteClassifier", "LineAnomalyDetector", "ValueAnomalyDetector"]

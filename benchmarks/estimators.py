"""RealNetClassifier beside scikit-learn's own on handwritten digits, by 5-fold cross validation.

python -m benchmarks.estimators
"""

import time
import warnings

import torch
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from realnet import RealNetClassifier

_CLASSIFIERS = {
    "RealNetClassifier": RealNetClassifier(random_state=0),
    "RealNetClassifier, hidden=0, input_noise=0.5": RealNetClassifier(hidden=0, input_noise=0.5, random_state=0),
    "RealNetClassifier, 9 of 10 synapses dead": RealNetClassifier(target_sparsity=0.9, random_state=0),
    "MLPClassifier": MLPClassifier(random_state=0),
    "LogisticRegression": LogisticRegression(),
}


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)
    torch.set_num_threads(1)
    images, labels = load_digits(return_X_y=True)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for name, classifier in _CLASSIFIERS.items():
        began = time.perf_counter()
        pipeline = make_pipeline(StandardScaler(), classifier)
        scores = cross_validate(pipeline, images, labels, cv=folds, scoring=["accuracy", "neg_log_loss"])
        accuracy, loss = scores["test_accuracy"].mean(), -scores["test_neg_log_loss"].mean()
        print(f"{name}: {accuracy:.1%} right, log loss {loss:.3f}, {time.perf_counter() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()

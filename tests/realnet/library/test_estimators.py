"""Estimators: scikit-learn's own checks, and what they promise beside them.

scikit-learn, which takes seconds to import, is imported only by the worker that runs these tests.
"""

import subprocess
import sys

import numpy as np
import pytest
import torch

import realnet

LABELS = np.arange(120) % 3
X = np.random.default_rng(0).normal(np.random.default_rng(1).normal(size=(3, 6))[LABELS] * 2)


SMALL = {"hidden": 16, "epochs": 10}  # it is fitted 60 times; small enough for a regressor is too small to fit


@pytest.mark.long
@pytest.mark.parametrize(("name", "options"), [("RealNetClassifier", SMALL), ("RealNetRegressor", {})])
def test_scikit_learns_own_checks(name: str, options: dict[str, int]) -> None:
    from sklearn.utils.estimator_checks import check_estimator

    check_estimator(getattr(realnet, name)(**options), on_skip=None)


def test_a_grid_is_searched_in_a_pipeline() -> None:
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), realnet.RealNetClassifier(hidden=8, epochs=8, random_state=0))
    grid = {"realnetclassifier__thinking_steps": [1, 3], "realnetclassifier__target_sparsity": [0.0, 0.5]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, LABELS)
    # After one step nothing has come from an input to an output yet.
    by_steps = search.cv_results_["mean_test_score"].reshape(2, 2)[:, [0, 1]]
    assert search.best_params_["realnetclassifier__thinking_steps"] == 3
    assert search.best_score_ > 0.8 > by_steps.min() + 0.2
    model = realnet.RealNetClassifier(hidden=8, epochs=8, target_sparsity=0.5, random_state=0).fit(X, LABELS).model_
    assert isinstance(model, realnet.RealNet)
    assert float((~model.alive).float().mean()) == pytest.approx(0.5, abs=0.01)


def test_labels_of_any_kind_come_back_with_their_probabilities() -> None:
    names = np.array(["no", "maybe", "yes"])[LABELS]
    classifier = realnet.RealNetClassifier(hidden=8, epochs=10, random_state=0).fit(X, names)
    assert classifier.classes_.tolist() == ["maybe", "no", "yes"]
    assert classifier.score(X, names) > 0.9
    probability = classifier.predict_proba(X)
    assert probability.sum(axis=1) == pytest.approx(1)
    right = probability[np.arange(len(X)), np.searchsorted(classifier.classes_, names)]
    assert -np.log(right).mean() < 0.4
    assert len(classifier.history_["loss"]) == 10


def test_a_random_state_decides_and_pytorchs_own_is_left_alone() -> None:
    torch.manual_seed(1)
    wanted = torch.rand(())
    torch.manual_seed(1)

    def said(random_state: object) -> np.ndarray:
        classifier = realnet.RealNetClassifier(hidden=4, epochs=2, dropout_rate=0.1, random_state=random_state)  # type: ignore[arg-type]
        return np.asarray(classifier.fit(X, LABELS).predict_proba(X))

    assert (said(0) == said(0)).all()
    assert (said(0) == said(np.random.RandomState(0))).all()
    assert (said(0) != said(1)).any()
    assert torch.rand(()) == wanted


@pytest.mark.parametrize("targets", [1, 3])
def test_numbers_of_any_scale_are_predicted(targets: int) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 5))
    y = (x @ random.uniform(10, 100, (5, targets)) + random.normal(size=(200, targets))).squeeze()
    regressor = realnet.RealNetRegressor(hidden=16, random_state=0).fit(x * 1000 + 5, 1e6 + 100 * y)
    assert regressor.score(x * 1000 + 5, 1e6 + 100 * y) > 0.9
    assert regressor.predict(x * 1000 + 5).shape == y.shape


def test_a_fit_that_is_refused_leaves_what_there_was() -> None:
    classifier = realnet.RealNetClassifier(hidden=4, epochs=2, random_state=0).fit(X, LABELS)
    before = classifier.predict_proba(X)
    for wrong in ((np.full_like(X, np.nan), LABELS), (5 * X, np.zeros(len(X)))):
        with pytest.raises(ValueError, match=r"NaN|one class"):
            classifier.fit(*wrong)
    with pytest.raises(ValueError, match="epochs"):
        classifier.set_params(epochs=0).fit(5 * X, LABELS % 2)
    assert (classifier.predict_proba(X) == before).all()


def test_a_target_that_never_changes_is_learnt() -> None:
    regressor = realnet.RealNetRegressor(hidden=2, epochs=20, random_state=0).fit(X, np.full(len(X), 7.0))
    assert regressor.predict(X) == pytest.approx(7.0, abs=0.2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", -1),
        ("hidden", 2.5),
        ("epochs", 0),
        ("batch_size", 0),
        ("thinking_steps", 0),
        ("learning_rate", -1.0),
        ("target_sparsity", 1.0),
        ("dropout_rate", 1.0),
        ("input_noise", -0.1),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(name: str, value: float) -> None:
    for estimator in (realnet.RealNetClassifier(), realnet.RealNetRegressor()):
        with pytest.raises(ValueError, match=name):
            estimator.set_params(**{name: value}).fit(X, LABELS)
        assert not hasattr(estimator, "model_")


@pytest.mark.long
def test_without_scikit_learn_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['sklearn'] = None; import realnet; realnet.RealNetRegressor"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    wanted = (
        "realnet.RealNetRegressor needs scikit-learn, which is not installed here: pip install 'realnet-live[sklearn]'"
    )
    assert ended.stderr.splitlines()[-1] == f"ModuleNotFoundError: {wanted}"

"""What a new net is created from, and whether a stored one is what was asked for."""

from realnet import learners
from realnet.dendrites.compact import CompactNet
from realnet.dendrites.learner import DendriteLearner
from realnet.dendrites.wiring import COMPACT
from realnet.learners import Learner
from realnet.vocabulary import Bytes, TokenizerFile, Vocabulary, vocabulary_named
from service.replica.birth import Birth, Descent, newborn
from service.settings import NetSettings
from service.speed.device import AUTO, CPU


class CannotStart(Exception):
    """One line for the user that says what to do."""


def birth_of(settings: NetSettings, descent: Descent | None = None) -> Birth:
    """Return what a new net is created from, as the journal keeps it: with the file of its vocabulary, if it has one.

    Of a child that is the hash of its parent, which says all else. Raises CannotStart if there is no such vocabulary.
    """
    if descent is not None:
        return {"preset": "dendrites", "parent": descent.parent.sha256, "lines": descent.lines}
    device = CPU if settings.device == AUTO else settings.device  # what is born depends on no machine
    preset = settings.preset or learners.default_preset(settings.neurons, settings.inputs, device)
    birth: Birth = {
        "preset": preset,
        "neurons": settings.neurons,
        "seed": settings.seed,
        "inputs": settings.inputs,
        "outputs": settings.outputs,
    }
    if preset == "dendrites":
        birth |= {"variant": settings.variant, "max_lines": settings.max_lines}
    if settings.memory is not None:
        birth |= {"memory": settings.memory}
    if settings.vocabulary is not None and settings.vocabulary != Bytes.name:
        vocabulary = _vocabulary(settings.vocabulary)
        birth |= {"vocabulary": vocabulary.name, "vocabulary_file": vocabulary.content.decode()}
    return birth


def _vocabulary(asked: str) -> Vocabulary:
    """Return the vocabulary of a setting: `symbols:N`, or that of a file. Raises CannotStart."""
    try:
        return vocabulary_named(asked) if asked.startswith("symbols:") else TokenizerFile.read(asked)
    except OSError as error:
        raise CannotStart(f"vocabulary {asked}: {error.strerror}") from error
    except ValueError as error:
        raise CannotStart(f"vocabulary {asked}: {error}") from error


def create(birth: Birth, device: str, descent: Descent | None = None) -> Learner:
    """Create a newborn net, a child over the parent that its birth names.

    Raises ValueError for what is none, CannotStart if it would have too many neurons.
    """
    try:
        return newborn(birth, device, None if descent is None else descent.find(birth.get("parent")))
    except MemoryError as error:
        raise CannotStart(f"there is not enough memory for a net of {birth['neurons']} neurons") from error


def check_is_as_asked_for(learner: Learner, settings: NetSettings, birth: Birth) -> None:
    """Raise CannotStart where a setting that was given says otherwise; what was not given is as it is in the store.

    Of how many lines there may be the net itself knows: it may have grown.
    `birth` is what a new net would be created from, by these settings.
    """
    net, interface = learner.net, learner.interface
    if settings.sleep_after and interface.sleep is None:
        raise CannotStart("a compact net does not sleep: leave sleep-after out")
    is_of_frames = interface.vocabulary is None
    has = {
        "preset": net.preset,
        "neurons": net.num_neurons,
        "seed": net.seed,
        "inputs": interface.inputs if is_of_frames else None,
        "outputs": interface.outputs if is_of_frames else None,
        "vocabulary": None if interface.vocabulary is None else interface.vocabulary.name,
        "memory": None,
    }
    if isinstance(net, CompactNet):
        has |= {"neurons": None, "variant": COMPACT, "memory": net.max_bytes}
    elif isinstance(learner, DendriteLearner):
        has |= {"neurons": None, "variant": learner.born}
    for name in settings.model_fields_set & has.keys():
        asked = getattr(settings, name)
        if name == "vocabulary" and asked is not None:
            asked = birth.get(name, Bytes.name)
        if asked is not None and asked != has[name]:
            raise CannotStart(
                f"the net in the store has {name} {has[name]}, not {asked}: ask for that, or give another store"
            )

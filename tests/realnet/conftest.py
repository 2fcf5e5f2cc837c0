"""What the tests of kernels in Triton share."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import FunctionType
from typing import Any

import pytest
import torch


@pytest.fixture(scope="module")
def quick_interpreter() -> Iterator[None]:
    """Let Triton's interpreter prepare its language once a launch, and not at each call within: a third of its time."""
    if torch.cuda.is_available() or find_spec("triton") is None:
        yield
        return
    language, interpreter = (import_module(f"triton.{name}") for name in ("language", "runtime.interpreter"))
    prepare = interpreter._patch_lang

    def prepare_once(function: FunctionType) -> Any:
        seen = [each for each in function.__globals__.values() if each is language or each is language.core]
        if any(language.core.is_builtin(each.load) for each in seen):
            return prepare(function)
        return interpreter._LangPatchScope()

    with pytest.MonkeyPatch.context() as patch:
        if hasattr(interpreter, "_LangPatchScope"):  # of another version it is as quick as it is
            patch.setattr(interpreter, "_patch_lang", prepare_once)
        if hasattr(interpreter, "_get_np_dtype"):  # which makes a table of all types at each call
            look_up, known = interpreter._get_np_dtype, cache(interpreter._get_np_dtype)
            patch.setattr(
                interpreter,
                "_get_np_dtype",
                lambda type: look_up(type) if type.scalar.is_ptr() else known(type.scalar),
            )
        yield

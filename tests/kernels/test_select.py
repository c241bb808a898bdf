import inspect
from importlib import import_module
from importlib.util import find_spec

import pytest

from kernels import IMPL, _select

TWINS = [(name, function) for name, functions in _select.NAMES.items() for function in functions]


@pytest.mark.parametrize("name", _select.NAMES)
def test_every_kernel_has_a_checked_wrapper(name):
    assert import_module(f"kernels.{name}").__doc__


@pytest.mark.parametrize(("name", "function"), TWINS)
def test_both_twins_fill_the_name_with_the_same_parameters(name, function):
    compiled = getattr(_select.load(name, "c"), function)
    pure = getattr(_select.load(name, "python"), function)
    assert list(inspect.signature(pure).parameters) == list(inspect.signature(compiled).parameters)


def test_the_variable_picks(monkeypatch):
    monkeypatch.setenv("SEAMLINE_KERNELS", "python")
    assert _select.pick() == "python"
    monkeypatch.setenv("SEAMLINE_KERNELS", "c")
    assert _select.pick() == "c"


def test_a_word_that_names_no_implementation_is_an_error(monkeypatch):
    monkeypatch.setenv("SEAMLINE_KERNELS", "rust")
    with pytest.raises(ImportError, match="set it to c or python"):
        _select.pick()


def test_compiled_kernels_that_were_never_built_are_an_error_only_when_asked_for(monkeypatch):
    monkeypatch.setattr(_select, "NAMES", {"never_built": ()})
    assert find_spec("kernels._never_built_c") is None
    monkeypatch.setenv("SEAMLINE_KERNELS", "c")
    with pytest.raises(ImportError, match="not compiled"):
        _select.pick()
    monkeypatch.delenv("SEAMLINE_KERNELS")
    assert _select.pick() == "python"


def test_one_implementation_is_in_use():
    assert IMPL in _select.IMPLEMENTATIONS

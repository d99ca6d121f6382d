"""Every public callable shows how it is used, and the examples give what they say."""

from __future__ import annotations

import doctest
import inspect
import pkgutil
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path

import pytest

import visavis
import visavis.evaluate
from visavis.forks import Renewable

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted({module.name for module in pkgutil.walk_packages(visavis.__path__, "visavis.")} - {"visavis.__main__"})
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples() -> Iterator[doctest.DocTest]:
    """Every docstring of the package that has an example."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in ["visavis", *MODULES]:
        yield from (test for test in finder.find(import_module(name), name) if test.examples)


def public() -> Iterator[tuple[str, object]]:
    """The callables that `visavis` and `visavis.evaluate` export, and the public methods of their classes.

    Without errors, which nobody calls, enumerations, whose members are listed where they are defined, and what only
    `visavis.forks` calls.
    """
    for package in (visavis, visavis.evaluate):
        for name in package.__all__:
            thing = getattr(package, name)
            if not callable(thing) or (inspect.isclass(thing) and issubclass(thing, BaseException | Enum)):
                continue
            yield f"{package.__name__}.{name}", thing
            if inspect.isclass(thing):
                for method, function in vars(thing).items():
                    if inspect.isroutine(function) and not method.startswith("_") and method not in dir(Renewable):
                        yield f"{package.__name__}.{name}.{method}", getattr(thing, method)


@pytest.mark.parametrize("test", [pytest.param(test, id=test.name) for test in examples()])
def test_an_example_gives_what_it_says(test: doctest.DocTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where the examples find the photographs
    said: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize(("name", "thing"), [pytest.param(name, thing, id=name) for name, thing in public()])
def test_a_public_callable_has_an_example(name: str, thing: object) -> None:
    # What fits a scale needs images of several hundred people, so its examples are text.
    example = "Example:" if name.startswith("visavis.evaluate.") else ">>>"
    assert example in (inspect.getdoc(thing) or "")

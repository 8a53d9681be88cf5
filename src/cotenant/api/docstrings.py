"""Docstrings of classes and of their attributes, read from the source: the text that `kubectl explain` prints."""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache


class Undocumented(Exception):
    """A class or field of the API has no docstring."""


def of_class(cls: type) -> str:
    """The docstring of a wire type; raises Undocumented where there is none."""
    text = inspect.cleandoc(cls.__doc__ or "")
    if not text:
        raise Undocumented(f"{cls.__name__} has no docstring")
    return text


def of_field(cls: type, attribute: str) -> str:
    """The docstring below an attribute, of the class itself or the nearest one that it inherits from."""
    for owner in cls.__mro__:
        if text := _attributes(owner.__module__).get((owner.__name__, attribute)):
            return text
    raise Undocumented(f"{cls.__name__}.{attribute} has no docstring")


@cache
def _attributes(module: str) -> dict[tuple[str, str], str]:
    """(class, attribute) -> docstring, for a whole module. Builtins and C types have no source and no fields of ours."""
    found: dict[tuple[str, str], str] = {}
    if not module.startswith("cotenant."):
        return found
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        if isinstance(node, ast.ClassDef):
            found |= {(node.name, name): text for name, text in _pairs(node)}
    return found


def _pairs(node: ast.ClassDef) -> list[tuple[str, str]]:
    """An attribute's docstring is the string right below it; Python itself throws that away."""
    return [
        (field.target.id, inspect.cleandoc(text.value.value))
        for field, text in zip(node.body, node.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    ]

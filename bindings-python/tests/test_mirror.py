"""The blocking API and that of asyncio mirror each other, one to one, and so do their types."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import flymq
import pytest

PAIRS = sorted(
    (name, f"Async{name}") for name in flymq.__all__ if f"Async{name}" in flymq.__all__
)
ASYNC_ONLY = {
    "connect": "constructing does not connect",
    "__await__": "for its result",
}
# What asks for nothing that would have to be waited for.
PLAIN = {"__new__", "__class_getitem__", "metrics", "done", "batches", "add_done_callback"}
# What can be awaited, and entered at once.
OPENING = {"transaction", "get_client"}
COUNTERPARTS = {
    "__enter__": "__aenter__",
    "__exit__": "__aexit__",
    "__iter__": "__aiter__",
    "__next__": "__anext__",
}
each_pair = pytest.mark.parametrize(("blocking", "asyncio"), PAIRS)


def test_every_class_that_waits_has_its_counterpart() -> None:
    assert [name for name, _ in PAIRS] == [
        "Commit",
        "Consumer",
        "Delivery",
        "FlyMQClient",
        "FlyMQClientPool",
        "Producer",
        "Transaction",
        "TransactionalProducer",
    ]
    # And nothing is there for asyncio alone.
    asyncio_only = {name for name in flymq.__all__ if name.startswith("Async")}
    assert asyncio_only == {name for _, name in PAIRS}


def members(kind: str) -> dict[str, Any]:
    own = vars(getattr(flymq, kind))
    special = {*COUNTERPARTS, *COUNTERPARTS.values()}
    return {name: own[name] for name in own if not name.startswith("_") or name in special}


@each_pair
def test_methods_have_one_name_one_signature_and_one_text(blocking: str, asyncio: str) -> None:
    expected = {COUNTERPARTS.get(name, name): member for name, member in members(blocking).items()}
    found = {name: m for name, m in members(asyncio).items() if name not in ASYNC_ONLY}
    assert set(found) == set(expected)
    for name, member in expected.items():
        if callable(member):
            assert inspect.signature(found[name]) == inspect.signature(member), name
        else:
            assert type(found[name]) is type(member), name
        if not name.startswith("_") and name != "add_done_callback":
            assert inspect.getdoc(found[name]) == inspect.getdoc(member), name
            assert inspect.getdoc(member), name


@each_pair
def test_both_are_constructed_alike(blocking: str, asyncio: str) -> None:
    kinds = [getattr(flymq, blocking), getattr(flymq, asyncio)]
    assert len({str(inspect.signature(kind)) for kind in kinds if kind.__new__ is not object.__new__}) < 2
    assert all(inspect.getdoc(kind) for kind in kinds)


STUB = ast.parse((Path(flymq.__file__).parent / "_native.pyi").read_text())
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}


class Mirrored(ast.NodeTransformer):
    """What a blocking class's type looks like for asyncio."""

    NAMES = {**dict(PAIRS), "Iterator": "AsyncIterator", "_Rebalance": "_AsyncRebalance"}

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.NAMES.get(node.id, node.id))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = COUNTERPARTS.get(node.name, node.name)
        if node.name in OPENING:
            node.returns = ast.Subscript(ast.Name("_Opening"), node.returns or ast.Constant(None))
        is_property = any(isinstance(d, ast.Name) and d.id == "property" for d in node.decorator_list)
        if node.name in {*PLAIN, *OPENING, "__aiter__"} or is_property:
            return node
        fields = {field: getattr(node, field) for field in node._fields}
        return ast.AsyncFunctionDef(**fields)


@each_pair
def test_the_types_mirror_each_other(blocking: str, asyncio: str) -> None:
    mirrored = [Mirrored().visit(node) for node in CLASSES[blocking].body]
    expected = [ast.unparse(ast.fix_missing_locations(node)) for node in mirrored]
    found = [
        ast.unparse(node)
        for node in CLASSES[asyncio].body
        if getattr(node, "name", None) not in ASYNC_ONLY
    ]
    assert found == expected

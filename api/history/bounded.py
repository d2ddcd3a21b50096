"""JMESPath with bounds to its work.

A short expression can ask for very much: `[@,@][]` doubles a list, and thirty of these in a row would fill
any memory. So every step is counted, and what is compared or put together is weighed as a whole. An
expression that takes too many steps is refused: the same one over the same history always is, whatever else
the machine does.
"""

from collections.abc import Container, Iterator, Mapping
from typing import Any

from jmespath.functions import Functions, signature
from jmespath.visitor import Options, TreeInterpreter

STEPS_MAX = 2_000_000
"""Steps that an expression may take over a whole history: some seconds."""

TEXT_MAX = 1_000_000
"""Characters of a text that an expression puts together."""

ITEMS_A_STEP = 32
"""Items of a list, or characters of a text, that are handled in the time of a step."""

MAKES = {"multi_select_list", "multi_select_dict"}
LOOKS_INTO = {"to_string", "contains"}

Node = Mapping[str, Any]


class Costly(Exception):
    """It takes more than it may."""


def nodes(tree: Node) -> Iterator[Node]:
    """Every node of a tree. Not recursive, so that depth is no matter."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in node["children"] if isinstance(child, dict)]


def is_call(node: Node, names: Container[str]) -> bool:
    """Whether a node is a call of one of these functions."""
    return node["type"] == "function_expression" and node["value"] in names


class Bounded(Functions):
    """The functions of JMESPath; the one that can multiply a text looks first."""

    @signature({"types": ["string"]}, {"types": ["array-string"]})
    def _func_join(self, separator: str, array: list[str]) -> str:
        if len(separator) * len(array) + sum(map(len, array)) > TEXT_MAX:
            msg = f"it makes a text of more than {TEXT_MAX:,} characters"
            raise Costly(msg)
        return separator.join(array)


class Interpreter(TreeInterpreter):
    """Works out one expression, and counts what that takes."""

    def __init__(self, tree: Node) -> None:
        super().__init__(Options(custom_functions=Bounded()))
        self.wanted: set[str] = set()
        self.found: set[str] = set()
        self._tree = tree
        self._steps_left = STEPS_MAX
        self._weighed = {id(node) for node in nodes(tree) if node["type"] in MAKES}
        for node in nodes(tree):
            if node["type"] == "comparator" or is_call(node, LOOKS_INTO):
                self._weighed |= {id(child) for child in node["children"]}

    def holds(self, view: Mapping[str, Any]) -> bool:
        """Whether the expression holds."""
        return bool(self._is_true(self.visit(self._tree, view)))  # type: ignore[attr-defined]  # the library has no types for it

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        """Work out a part of the expression."""
        result = super().visit(node, *args, **kwargs)
        if isinstance(result, (list, dict)) and id(node) in self._weighed:
            self._steps_left -= weight(result, self._steps_left)
        else:
            size = len(result) if isinstance(result, (str, list, dict)) else 0
            self._steps_left -= 1 + size // ITEMS_A_STEP
        if self._steps_left < 0:
            msg = f"it takes more than {STEPS_MAX:,} steps"
            raise Costly(msg)
        return result

    def visit_field(self, node: Any, value: Any) -> Any:
        """The value of a field; which ones are found is kept."""
        name = node["value"]
        self.wanted.add(name)
        if isinstance(value, dict) and name in value:
            self.found.add(name)
        return super().visit_field(node, value)


def weight(value: Any, most: int) -> int:
    """The steps that it takes to go through a value whole; a little more than `most` if it is more."""
    steps, waiting = 0, [value]
    while waiting and steps <= most:
        here = waiting.pop()
        steps += 1
        match here:
            case str():
                steps += len(here) // ITEMS_A_STEP
            case list():
                waiting += here
            case dict():
                waiting += here.values()
    return steps

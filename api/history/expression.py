"""Expressions about a run: JMESPath, with every error told in words.

An expression is data; nothing in it is run as code. What it may ask for is bounded in `bounded`.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from jmespath import exceptions
from jmespath.parser import Parser

from api.history.bounded import Bounded, Costly, Interpreter, Node, nodes
from api.history.refusals import InvalidExpression
from domain.values import printable

LENGTH_MAX = 1_000
"""Characters of an expression."""

ASK_LESS = "Name the field or the phase that matters, rather than going through all of them."
GIVE_A_VALUE = "Where a field may be null, give it a value: (goal || '')."


class Expression:
    """An expression to be asked of a run, version after version."""

    def __init__(self, text: str) -> None:
        """Read it.

        Raises:
            InvalidExpression: it is none.
        """
        self.text = text
        if len(text) > LENGTH_MAX:
            raise InvalidExpression(text, f"it has more than {LENGTH_MAX:,} characters")
        self._interpreter = Interpreter(parsed(text))

    def holds(self, view: Mapping[str, Any], version: int) -> bool:
        """Whether it holds: whether its value is not null, false, or an empty text, list or object.

        Raises:
            InvalidExpression: it makes no sense of this run, or takes too much work.
        """
        try:
            return self._interpreter.holds(view)
        except Costly as error:
            raise InvalidExpression(self.text, str(error), version=version, hint=ASK_LESS) from None
        except exceptions.JMESPathTypeError as error:
            why = (
                f"{error.function_name}() takes {' or '.join(error.expected_types)}, not {error.actual_type}"
            )
            hint = GIVE_A_VALUE if error.actual_type == "null" else None
            raise InvalidExpression(self.text, why, version=version, hint=hint) from None
        except exceptions.ArityError as error:
            why = f"{error.function_name}() takes {error.expected_arity} arguments, not {error.actual_arity}"
            raise InvalidExpression(self.text, why) from None
        except RecursionError:
            raise InvalidExpression(self.text, "it is nested too deep") from None
        except TypeError:
            why = "a text and a number have no order"
            raise InvalidExpression(self.text, why, version=version) from None
        except (ArithmeticError, LookupError, ValueError) as error:
            why = printable(f"it cannot be worked out: {error}")
            raise InvalidExpression(self.text, why, version=version) from None

    @property
    def unfound(self) -> list[str]:
        """Fields that it looked for and never found: slips of the pen, or texts without their quotes."""
        return sorted(map(printable, self._interpreter.wanted - self._interpreter.found))


def parsed(text: str) -> Node:
    """The tree of an expression.

    Raises:
        InvalidExpression: there is none.
    """
    try:
        tree: Node = Parser().parse(text).parsed
    except exceptions.EmptyExpressionError:
        raise InvalidExpression(text, "it is empty") from None
    except exceptions.LexerError as error:
        hint = "Equality is ==." if error.lexer_value == "=" else None
        is_open = error.message.startswith("Unclosed")
        why = "what begins there has no end" if is_open else f"{said(error.lexer_value)} is not understood"
        raise InvalidExpression(text, why, error.lexer_position, hint=hint) from None
    except exceptions.IncompleteExpressionError:
        raise InvalidExpression(text, "it ends too early", len(text)) from None
    except exceptions.ParseError as error:
        is_end = error.token_type == "EOF"  # noqa: S105  # a kind of word
        why = "it ends too early" if is_end else f"{said(error.token_value)} cannot stand there"
        raise InvalidExpression(text, why, error.lex_position, hint=hint_about(error)) from None
    except RecursionError:
        raise InvalidExpression(text, "it is nested too deep") from None
    except (LookupError, ValueError):
        raise InvalidExpression(text, "it cannot be read") from None
    for node in nodes(tree):
        if node["type"] == "function_expression" and (name := node["value"]) not in Bounded.FUNCTION_TABLE:
            close = get_close_matches(name, Bounded.FUNCTION_TABLE, n=1)
            hint = f"Did you mean {close[0]}()?" if close else None
            at = text.find(f"{name}(")
            raise InvalidExpression(
                text, f"there is no function {name}()", at if at >= 0 else None, hint=hint
            )
    return tree


def said(word: object) -> str:
    """A word of an expression, for a sentence."""
    return repr(printable(str(word), 40))


def hint_about(error: exceptions.ParseError) -> str | None:
    """What is to be done about a word that cannot stand where it stands."""
    if error.token_type == "NUMBER":  # noqa: S105  # a kind of word
        return f"Numbers stand in backticks: `{printable(str(error.token_value), 40)}`."
    return {"and": "And is written &&.", "or": "Or is written ||."}.get(str(error.token_value))

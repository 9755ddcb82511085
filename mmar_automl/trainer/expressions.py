"""Clara's code strings and plain texts in the words of MONAI's ConfigParser.

The parser gives a meaning to a leading `$` and `%`, to `@name`, and replaces every `#` by `::`,
in texts as in expressions. What a config means literally is therefore spelt so that the parser
has nothing to see.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Callable
from typing import Any

_SPECIAL = re.compile(r"#|^[$%]|[@%]::|^@\w*(::\w*)*$")
_STAND_IN = "__ref_{}_of_config__"
_STAND_IN_FOUND = re.compile(r"__ref_(\w+?)_of_config__")


class BadExpression(Exception):
    """The text is not a Python expression; the message says why."""


def literal(text: str) -> str:
    """A text that the parser hands on unchanged."""
    return f"${_escaped(repr(text))}" if _SPECIAL.search(text) else text


def plain(value: Any) -> Any:
    """The text that a `literal` stands for; any other value as it is."""
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    try:
        text = ast.literal_eval(value[1:])
    except (ValueError, SyntaxError):
        return value
    return text if isinstance(text, str) else value


def json_literal(value: Any) -> str:
    """A whole JSON tree that the parser hands on unchanged, as one expression."""
    text = json.dumps(value, ensure_ascii=False)
    return f"$__import__('json').loads({_escaped(repr(text))})"


def reference(text: str) -> str | None:
    """The name in a text that is one `@name`, else None."""
    match = re.fullmatch(r"@(\w+)", text)
    return match[1] if match else None


def expression(text: str, resolve: Callable[[str], str]) -> str:
    """Clara's `#expr` or `lambda …` as the parser's `$expr`.

    `resolve` turns the `x` of an `@x` into what stands for it, `"@train::x"` for instance, and
    may raise. Raises `BadExpression` where the text is no Python.
    """
    source = text.removeprefix("#").strip()
    named = _name_references(source)
    try:
        tree = ast.parse(named, mode="eval")
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise BadExpression(f"not a Python expression: {reason}") from None
    plain = ast.unparse(ast.fix_missing_locations(_NoMatrixSign().visit(tree)))
    return "$" + _STAND_IN_FOUND.sub(lambda match: resolve(match[1]), _escaped(plain))


def _escaped(python: str) -> str:
    """Python in which `#`, `@` and `%` stand in texts only as escapes.

    In what `repr` and `ast.unparse` write, the first two stand nowhere else; a `%` that means
    modulo is harmless to the parser, as it has no `::` behind it.
    """
    hidden = python.replace("#", r"\x23").replace("@", r"\x40")
    return hidden.replace("%::", r"\x25::")


def _name_references(source: str) -> str:
    """`source` with each `@x` replaced by a name, so that Python can parse it.

    An `@` behind an operand is Python's matrix product and stays.
    """
    pieces: list[tuple[tuple[int, int], tuple[int, int], str]] = []
    previous: tokenize.TokenInfo | None = None
    before: tokenize.TokenInfo | None = None
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if (
                token.type == tokenize.NAME
                and previous is not None
                and previous.string == "@"
                and previous.end == token.start
                and not _is_operand(before)
            ):
                pieces.append((previous.start, token.end, _STAND_IN.format(token.string)))
            before, previous = previous, token
    except (tokenize.TokenError, IndentationError, SyntaxError) as error:
        raise BadExpression(f"not a Python expression: {error.args[0]}") from None
    lines = source.splitlines(keepends=True)
    for (row, start), (_, end), name in reversed(pieces):
        line = lines[row - 1]
        lines[row - 1] = line[:start] + name + line[end:]
    return "".join(lines)


def _is_operand(token: tokenize.TokenInfo | None) -> bool:
    if token is None:
        return False
    if token.type == tokenize.NAME:
        keywords = {"and", "or", "not", "in", "is", "if", "else", "lambda", "for", "await", "yield"}
        return token.string not in keywords
    return token.type in (tokenize.NUMBER, tokenize.STRING) or token.string in (")", "]", "}")


class _NoMatrixSign(ast.NodeTransformer):
    """`a @ b` as a call, since the parser takes every `@` for a reference."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.MatMult):
            return node
        product = ast.parse("__import__('operator').matmul", mode="eval").body
        return ast.Call(func=product, args=[node.left, node.right], keywords=[])

"""Syntax trees of source text."""

import ast
import gc


def parse(text: str) -> ast.Module:
    """The syntax tree of the text, made without garbage collection.

    Python 3.11 fails with "AST constructor recursion depth mismatch" where a traceback is formatted while it makes a
    tree, as happens when a collected task reports the exception that nobody asked for.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        if was_enabled:
            gc.enable()

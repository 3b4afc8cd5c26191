"""Loop items: what `{{item}}` and `{{item.key}}` stand for, and how an item names its node.

An item keeps the raw JSON it was written with, because names and values show it (`1.0` stays
`1.0`, a quote stays `\\"` in a node's name). Semantics: Argo's `Item`. Callers: loop expansion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lang import gojson
from lang.errors import ErrorKind, LangError


class ItemKind(StrEnum):
    """The kinds of the reference; a null counts as a list."""

    NUMBER = "Number"
    STRING = "String"
    BOOL = "Bool"
    MAP = "Map"
    LIST = "List"


@dataclass(frozen=True, slots=True)
class Item:
    """One element of withItems, withParam or withSequence. `value` is a parsed JSON tree."""

    value: Any
    kind: ItemKind

    def text(self) -> str:
        """The item as names show it: raw JSON, without the quotes of a string."""
        return _raw(self.value)

    def variables(self) -> Mapping[str, str]:
        """What the item brings into scope: `item`, and `item.<key>` for each key of a map."""
        match self.kind:
            case ItemKind.STRING:
                return {"item": self.value}
            case ItemKind.MAP:
                scope = {f"item.{key}": _raw(value) for key, value in self.value.items()}
                # A key named "" or "item" cannot hide the item itself.
                return scope | {"item": gojson.marshal(self.value)}
            case ItemKind.LIST:
                return {"item": gojson.marshal(self.value)}
            case ItemKind.NUMBER | ItemKind.BOOL:
                return {"item": self.text()}

    def description(self) -> str:
        """What stands behind the index in a node name, before parentheses are removed."""
        match self.kind:
            case ItemKind.MAP:
                return ",".join(sorted(f"{key}:{_raw(v)}" for key, v in self.value.items()))
            case ItemKind.LIST:
                return "[" + " ".join(map(_raw, self.value or [])) + "]"
            case ItemKind.STRING | ItemKind.NUMBER | ItemKind.BOOL:
                return self.text()


def of(value: Any) -> Item:
    """The item of a parsed JSON value."""
    if value is None or isinstance(value, list):
        return Item(value, ItemKind.LIST)
    if isinstance(value, bool):
        return Item(value, ItemKind.BOOL)
    if isinstance(value, str):
        return Item(value, ItemKind.STRING)
    if isinstance(value, dict):
        return Item(value, ItemKind.MAP)
    return Item(value, ItemKind.NUMBER)


def parse_list(text: str) -> list[Item]:
    """The items of a withParam text. Raises LangError(VALUE) unless it is a JSON list or null."""
    try:
        value = gojson.parse(text)
    except LangError as error:
        raise _not_a_list(text, error.message, error.position) from None
    if value is None:
        return []
    if not isinstance(value, list):
        kind = gojson.type_name(value)
        reason = f"json: cannot unmarshal {kind} into Go value of type []v1alpha1.Item"
        raise _not_a_list(text, reason, None)
    return [of(element) for element in value]


def node_name(name: str, index: int, item: Item) -> str:
    """`name(index:description)`; parentheses would end the suffix early, so they are removed."""
    description = item.description().replace("(", "").replace(")", "")
    return f"{name}({index}:{description})"


def _raw(value: Any) -> str:
    text = gojson.dumps(value)
    return text[1:-1] if isinstance(value, str) else text


def _not_a_list(text: str, reason: str, position: int | None) -> LangError:
    message = f"withParam value could not be parsed as a JSON list: {text}: {reason}"
    return LangError(ErrorKind.VALUE, message, position)

"""Template tags `{{name}}` and `{{=expression}}` in a JSON-like tree.

Owns compiled templates. Invariants: only strings that were in the compiled tree are ever scanned
for tags; a value that was put in is never scanned again and never becomes structure, whatever it
holds. So for several passes over one template keep the `Template` and `bind` it scope by scope;
do not compile the tree that `render` gave you. Callers: the engine core (steps, tasks, inputs),
the pod executor, CronWorkflows, validation.

Semantics: Argo's template replacement. Differences on purpose: values with control characters
work, nested tags resolve in one pass, members of JSON objects can be named (`…parameters.p.key`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lang import gojson, tag_expr, tag_scan, tag_values
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError, Limits
from lang.tag_scan import Segment, Tag
from lang.tag_values import Policy, Scope

_STRICT = Policy()
_LENIENT = Policy(allow_unresolved=True)
_MAX_NESTED_PASSES = 8
_CACHED_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class _Text:
    """A string with tags. `nested`: a tag stands inside another one's name."""

    segments: tuple[Segment, ...]
    nested: bool


@dataclass(frozen=True, slots=True)
class _Map:
    entries: tuple[tuple[Any, Any], ...]


@dataclass(frozen=True, slots=True)
class _List:
    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A part of a tree for `compile` that is not scanned: it renders to `value` itself."""

    value: Any


class Template:
    """A compiled tree. Immutable; may be shared and cached."""

    __slots__ = ("_limits", "_node", "_open", "_tags")

    def __init__(self, node: Any, open_tag: LangError | None, limits: Limits) -> None:
        self._node = node
        self._limits = limits
        self._open = open_tag
        self._tags = tuple(_tags_of(node))

    @property
    def names(self) -> frozenset[str]:
        """The names of the plain tags."""
        return frozenset(tag.name for tag in self._tags if not tag.is_expression)

    @property
    def expressions(self) -> tuple[str, ...]:
        """The sources of the expression tags, in the order of the tree."""
        return tuple(tag.expression for tag in self._tags if tag.is_expression)

    @property
    def is_constant(self) -> bool:
        """Whether no tag is left."""
        return not self._tags

    def render(
        self,
        scope: Mapping[str, Any],
        *,
        allow_unresolved: bool = False,
        strict_prefixes: tuple[str, ...] | None = None,
        portable: bool = False,
    ) -> Any:
        """The tree with its tags replaced; containers are fresh.

        Unknown names raise `tag_values.Unresolved` (a LangError of kind NAME), unless
        `allow_unresolved`, or `strict_prefixes` is given and the name has none of them: then the
        tag stays. An absent optional (None) raises LangError(VALUE) in every mode. `portable`
        refuses values that Argo could not carry (control characters).
        """
        policy = _policy(allow_unresolved, strict_prefixes, portable)
        if self._open is not None and not policy.allow_unresolved:
            raise self._open
        return _walk(self._node, _Pass(Scope(scope), policy, self._limits), _as_text)

    def bind(
        self,
        scope: Mapping[str, Any],
        *,
        allow_unresolved: bool = True,
        strict_prefixes: tuple[str, ...] | None = None,
        portable: bool = False,
    ) -> Template:
        """This template with the names of `scope` filled in and the other tags kept as tags.

        Values are literal from here on: a later `bind` or `render` does not look into them.
        """
        policy = _policy(allow_unresolved, strict_prefixes, portable)
        run = _Pass(Scope(scope), policy, self._limits)
        return Template(_walk(self._node, run, _as_node), self._open, self._limits)

    def tree(self) -> Any:
        """The tree as it stands, remaining tags as text."""
        return _walk(self._node, _Pass(Scope({}), _LENIENT, self._limits), _as_plain)

    def __repr__(self) -> str:
        return f"Template(tags={len(self._tags)})"


def compile(tree: Any, limits: Limits = DEFAULT_LIMITS) -> Template:
    """The template of a JSON-like tree. Raises LangError(SYNTAX) for a tag without an end."""
    if type(tree) is str and len(tree) <= _CACHED_LENGTH:
        return _compile_text(tree, limits)
    return _compile(tree, limits)


@functools.lru_cache(maxsize=4096)
def _compile_text(text: str, limits: Limits) -> Template:
    return _compile(text, limits)


def _compile(tree: Any, limits: Limits) -> Template:
    try:
        return Template(_build(tree, limits.nesting), None, limits)
    except tag_scan.UnclosedTag as error:
        if isinstance(tree, str):
            raise
        # In a tree such braces are plain text, unless every tag has to be resolved.
        node = _build(tree, limits.nesting, open_tags=True)
        return Template(node, _open_tag_error(tree, error), limits)


def render(tree: Any, scope: Mapping[str, Any], *, allow_unresolved: bool = False) -> Any:
    """`compile(tree).render(scope)`."""
    return compile(tree).render(scope, allow_unresolved=allow_unresolved)


def _open_tag_error(tree: Any, unclosed: LangError) -> LangError:
    """What the reference says, which scans the JSON text of the whole tree: there braces of the
    document itself, or of a later string, may end the tag."""
    try:
        segments = tag_scan.scan(gojson.dumps(_without_literals(tree)))
    except tag_scan.UnclosedTag as error:
        return error
    for segment in segments:
        if isinstance(segment, Tag) and tag_scan.has_bare_quote(segment.text):
            return tag_values.Unresolved(f"failed to resolve {segment}", None)
    return unclosed


def _without_literals(tree: Any) -> Any:
    match tree:
        case Literal():
            return ""
        case dict():
            return {key: _without_literals(value) for key, value in tree.items()}
        case list() | tuple():
            return [_without_literals(item) for item in tree]
        case _:
            return tree


def _policy(
    allow_unresolved: bool, strict_prefixes: tuple[str, ...] | None, portable: bool
) -> Policy:
    if strict_prefixes is None and not portable:
        return _LENIENT if allow_unresolved else _STRICT
    lenient = allow_unresolved or strict_prefixes is not None
    return Policy(lenient, strict_prefixes, portable=portable)


def _build(tree: Any, depth: int, *, open_tags: bool = False) -> Any:
    """The node of a tree: constants stay themselves."""
    if isinstance(tree, Literal):
        return tree.value
    if isinstance(tree, str):
        return _build_text(str(tree), open_tags) if tag_scan.OPEN in tree else tree
    if not isinstance(tree, dict | list | tuple):
        return tree
    if depth <= 0:
        raise LangError(ErrorKind.LIMIT, "the template is nested too deeply")
    if isinstance(tree, dict):
        return _Map(
            tuple(
                (
                    _build(k, depth - 1, open_tags=open_tags),
                    _build(v, depth - 1, open_tags=open_tags),
                )
                for k, v in tree.items()
            )
        )
    return _List(tuple(_build(item, depth - 1, open_tags=open_tags) for item in tree))


def _build_text(text: str, open_tags: bool) -> Any:
    try:
        return _text(tag_scan.scan(text))
    except tag_scan.UnclosedTag as unclosed:
        if not open_tags:
            raise
        begin = len(text) - len(unclosed.rest) - len(tag_scan.OPEN)
        return _text((*tag_scan.scan(text[:begin]), text[begin:]))


def _text(segments: tuple[Segment, ...]) -> Any:
    tags = [segment for segment in segments if isinstance(segment, Tag)]
    if not tags:
        return "".join(str(segment) for segment in segments)
    return _Text(segments, any(not t.is_expression and t.nested() for t in tags))


def _tags_of(node: Any) -> list[Tag]:
    found: list[Tag] = []
    stack = [node]
    while stack:
        match stack.pop():
            case _Text(segments=segments):
                found.extend(segment for segment in segments if isinstance(segment, Tag))
            case _Map(entries=entries):
                stack.extend(part for entry in reversed(entries) for part in reversed(entry))
            case _List(items=items):
                stack.extend(reversed(items))
            case _:
                pass
    return found


class _Pass:
    """One rendering: scope, policy, and the bytes still allowed."""

    __slots__ = ("left", "limits", "policy", "scope")

    def __init__(self, scope: Scope, policy: Policy, limits: Limits) -> None:
        self.scope = scope
        self.policy = policy
        self.limits = limits
        self.left = limits.result

    def value(self, tag: Tag) -> str | None:
        """The value of a tag, or None where it stays."""
        if tag.is_expression:
            value = tag_expr.evaluate(tag, self.scope, self.policy)
        else:
            value = self._plain(tag)
        if value is not None:
            if self.policy.portable:
                tag_values.go_quoted(value)
            self.left -= len(value)
            if self.left < 0:
                message = f"the rendered template is larger than {self.limits.result} bytes"
                raise LangError(ErrorKind.LIMIT, message, tag.position)
        return value

    def _plain(self, tag: Tag) -> str | None:
        shown = tag.text
        if '"' in shown or "\\" in shown:
            shown = gojson.dumps(shown)[1:-1]
        return tag_values.simple(tag, self.scope, self.policy, shown)


def _walk(node: Any, run: _Pass, finish: Callable[[_Text, _Pass], Any]) -> Any:
    try:
        return _render(node, run, finish)
    except RecursionError:
        raise LangError(ErrorKind.LIMIT, "the template is nested too deeply") from None


def _render(node: Any, run: _Pass, finish: Callable[[_Text, _Pass], Any]) -> Any:
    kind = type(node)
    if kind is _Text:
        return finish(node, run)
    if kind is _Map:
        # Two keys may become equal; the later one stands, as when JSON is read.
        return _finish_map(node, run, finish)
    if kind is _List:
        items = [_render(item, run, finish) for item in node.items]
        return _List(tuple(items)) if finish is _as_node else items
    return node


def _finish_map(node: _Map, run: _Pass, finish: Callable[[_Text, _Pass], Any]) -> Any:
    entries = [
        (key if type(key) is not _Text else finish(key, run), _render(value, run, finish))
        for key, value in node.entries
    ]
    return _Map(tuple(entries)) if finish is _as_node else dict(entries)


def _as_plain(text: _Text, run: _Pass) -> str:
    return "".join(map(str, text.segments))


def _as_text(text: _Text, run: _Pass) -> str:
    if not text.nested:
        pieces: list[str] = []
        for segment in text.segments:
            if type(segment) is str:
                pieces.append(segment)
            else:
                value = run.value(segment)  # type: ignore[arg-type]
                pieces.append(str(segment) if value is None else value)
        return "".join(pieces)
    for _ in range(_MAX_NESTED_PASSES):
        node = _as_node(text, run)
        if not isinstance(node, _Text) or not text.nested or node == text:
            break
        text = node
    return node if isinstance(node, str) else _as_plain(node, run)


def _as_node(text: _Text, run: _Pass) -> Any:
    if text.nested:
        return _nested_as_node(text, run)
    segments: list[Segment] = []
    for segment in text.segments:
        if type(segment) is str:
            segments.append(segment)
        else:
            value = run.value(segment)  # type: ignore[arg-type]
            segments.append(segment if value is None else value)
    return _text(tuple(segments))


def _nested_as_node(text: _Text, run: _Pass) -> Any:
    """Replace inner tags first; then their text names the outer ones.

    Only template text and values without braces take part in the second look, so a value can
    choose which name is read, but never begin or end a tag.
    """
    pieces: list[str] = []
    live = True
    for segment in text.segments:
        if isinstance(segment, str):
            pieces.append(segment)
            continue
        piece, safe = _nested_piece(segment, run)
        live = live and safe
        pieces.append(piece)
    joined = "".join(pieces)
    if not live:
        return joined
    try:
        segments = tag_scan.scan(joined)
    except tag_scan.UnclosedTag:
        return joined
    known = {s.text for s in text.segments if isinstance(s, Tag) and s.is_expression}
    for segment in segments:
        if isinstance(segment, Tag) and segment.is_expression and segment.text not in known:
            return joined  # values may name what is read, never what is computed
    return _text(segments)


def _nested_piece(tag: Tag, run: _Pass) -> tuple[str, bool]:
    """What stands for a tag in a nested text, and whether it may be scanned with the rest."""
    nested = None if tag.is_expression else tag.nested()
    if nested is None:
        value = run.value(tag)
        if value is None:
            return str(tag), True
        return value, not ("{" in value or "}" in value)
    prefix, inner = nested
    value = run.scope.variables.get(inner)
    if not isinstance(value, str):
        run.value(tag)  # raises where unresolved tags are not allowed
        return str(tag), True
    return f"{tag_scan.OPEN}{prefix}{value}", not ("{" in value or "}" in value)

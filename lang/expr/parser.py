"""A Pratt parser for expr. Source: expr-lang `parser/parser.go` and its operator table."""

from __future__ import annotations

from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.expr import nodes, signatures
from lang.expr.lexer import Token, TokenKind, tokens
from lang.expr.nodes import Node
from lang.expr.snippet import error, syntax_error

BINARY: dict[str, tuple[int, bool]] = {  # precedence, right associative
    "|": (0, False),
    "or": (10, False),
    "||": (10, False),
    "and": (15, False),
    "&&": (15, False),
    **dict.fromkeys(("==", "!=", "<", ">", ">=", "<="), (20, False)),
    **dict.fromkeys(("in", "matches", "contains", "startsWith", "endsWith"), (20, False)),
    "..": (25, False),
    "+": (30, False),
    "-": (30, False),
    "*": (60, False),
    "/": (60, False),
    "%": (60, False),
    "**": (100, True),
    "^": (100, True),
    "??": (500, False),
}
UNARY = {"not": 50, "!": 50, "-": 90, "+": 90}
COMPARISONS = frozenset(["<", ">", ">=", "<="])
NEGATED = frozenset(["in", "matches", "contains", "startsWith", "endsWith"])


def parse(source: str, *, blocks: bool = True) -> Node:
    """The tree; `blocks`: whether if/else is known. Raises LangError(SYNTAX, LIMIT)."""
    if len(source.encode(errors="replace")) > DEFAULT_LIMITS.source:
        raise LangError(ErrorKind.LIMIT, "the expression is too long", 0)
    return _Parser(source, blocks=blocks).whole()


class _Parser:
    def __init__(self, source: str, *, blocks: bool) -> None:
        self._source = source
        self._blocks = blocks
        self._tokens = tokens(source, blocks=blocks)
        self._i = 0
        self._depth = 0
        self._predicates = 0

    # -- tokens -----------------------------------------------------------------------------

    @property
    def _token(self) -> Token:
        return self._tokens[self._i]

    def _is(self, text: str) -> bool:
        token = self._token
        return token.text == text and token.kind in (TokenKind.OPERATOR, TokenKind.BRACKET)

    def _next(self) -> Token:
        token = self._token
        if token.kind is not TokenKind.END:
            self._i += 1
        return token

    def _expect(self, text: str) -> Token:
        if not self._is(text):
            raise self._unexpected()
        return self._next()

    def _unexpected(self) -> LangError:
        token = self._token
        return syntax_error(f"unexpected token {token}", self._source, token.position)

    # -- expressions ------------------------------------------------------------------------

    def whole(self) -> Node:
        node = self._sequence()
        if self._token.kind is not TokenKind.END:
            raise self._unexpected()
        return node

    def _sequence(self) -> Node:
        items = [self._expression(0)]
        start = items[0].position
        while self._is(";") and not isinstance(items[-1], nodes.Let):
            self._next()
            if self._token.kind is TokenKind.END or self._is(")") or self._is("}"):
                break
            items.append(self._expression(0))
        return items[0] if len(items) == 1 else nodes.Sequence(start, tuple(items))

    def _expression(self, precedence: int) -> Node:
        self._depth += 1
        if self._depth > DEFAULT_LIMITS.nesting:
            raise error(ErrorKind.LIMIT, "nested too deeply", self._source, self._token.position)
        try:
            if precedence == 0 and self._is("let"):
                return self._let()
            if precedence == 0 and self._blocks and self._is("if"):
                return self._if()
            return self._operators(self._unary(), precedence)
        finally:
            self._depth -= 1

    def _operators(self, left: Node, precedence: int) -> Node:
        previous = ""
        while self._token.kind is TokenKind.OPERATOR:
            token = self._token
            operator, negated = token.text, False
            if operator == "not" and self._tokens[self._i + 1].text in NEGATED:
                operator, negated = self._tokens[self._i + 1].text, True
            known = BINARY.get(operator)
            if known is None or known[0] < precedence:
                break
            self._next()
            if negated:
                self._next()
            if operator == "|":
                left = self._pipe(left)
                continue
            self._check_coalesce(previous, operator, token)
            strength, from_right = known
            if operator in COMPARISONS:
                left = self._comparison(left, token, strength)
            else:
                right = self._expression(strength if from_right else strength + 1)
                if operator == "**" or operator == "^":
                    operator = "**"
                operator = {"||": "or", "&&": "and"}.get(operator, operator)
                left = nodes.Binary(token.position, operator, left, right)
                if negated:
                    left = nodes.Unary(token.position, "not", left)
            previous = operator
        if precedence == 0:
            left = self._conditional(left)
        return left

    def _check_coalesce(self, previous: str, operator: str, token: Token) -> None:
        if (operator == "??") != (previous == "??") and previous and "??" in {previous, operator}:
            other = previous if operator == "??" else operator
            raise syntax_error(
                f"Operator ({other}) and coalesce expressions (??) cannot be mixed. "
                "Wrap either by parentheses.",
                self._source,
                token.position,
            )

    def _comparison(self, left: Node, token: Token, strength: int) -> Node:
        """`a < b < c` means `a < b && b < c`."""
        right = self._expression(strength + 1)
        found: Node = nodes.Binary(token.position, token.text, left, right)
        while self._token.text in COMPARISONS and self._token.kind is TokenKind.OPERATOR:
            following = self._next()
            then = self._expression(strength + 1)
            second = nodes.Binary(following.position, following.text, right, then)
            found = nodes.Binary(token.position, "and", found, second)
            right = then
        return found

    def _conditional(self, condition: Node) -> Node:
        while self._is("?"):
            token = self._next()
            if self._is(":"):
                self._next()
                condition = nodes.Conditional(
                    token.position, condition, condition, self._expression(0)
                )
                continue
            yes = self._expression(0)
            self._expect(":")
            condition = nodes.Conditional(token.position, condition, yes, self._expression(0))
        return condition

    def _let(self) -> Node:
        self._next()
        name = self._token
        if name.kind is not TokenKind.IDENTIFIER:
            raise self._unexpected()
        self._next()
        self._expect("=")
        value = self._expression(0)
        self._expect(";")
        return nodes.Let(name.position, name.text, value, self._sequence())

    def _if(self) -> Node:
        start = self._next().position
        condition = self._expression(0)
        yes = self._block()
        self._expect("else")
        no = self._if() if self._is("if") else self._block()
        return nodes.Conditional(start, condition, yes, no)

    def _block(self) -> Node:
        self._expect("{")
        body = self._sequence()
        self._expect("}")
        return body

    def _unary(self) -> Node:
        token = self._token
        if token.kind is TokenKind.OPERATOR and token.text in UNARY:
            self._next()
            operand = self._expression(UNARY[token.text])
            operator = "not" if token.text == "!" else token.text
            return self._postfix(nodes.Unary(token.position, operator, operand))
        if self._is("("):
            self._next()
            inner = self._sequence()
            self._expect(")")
            return self._postfix(inner)
        if self._predicates and (self._is("#") or self._is(".")):
            return self._postfix(self._pointer())
        return self._primary()

    def _pointer(self) -> Node:
        token = self._token
        if self._is("."):
            return nodes.Pointer(token.position, "")
        self._next()
        name = ""
        following = self._token
        if following.kind is TokenKind.IDENTIFIER and following.position == token.position + 1:
            if following.text not in {"acc", "index"}:
                raise syntax_error(
                    f"unknown pointer #{following.text}", self._source, token.position
                )
            name = self._next().text
        return nodes.Pointer(token.position, name)

    def _primary(self) -> Node:
        token = self._token
        match token.kind:
            case TokenKind.NUMBER:
                self._next()
                return nodes.Constant(token.position, token.value)
            case TokenKind.STRING:
                self._next()
                value = token.text if token.value is None else token.value
                return self._postfix(nodes.Constant(token.position, value))
            case TokenKind.IDENTIFIER:
                self._next()
                return self._identifier(token)
            case TokenKind.BRACKET if token.text == "[":
                return self._postfix(self._array())
            case TokenKind.BRACKET if token.text == "{":
                return self._postfix(self._map())
            case _:
                raise self._unexpected()

    def _identifier(self, token: Token) -> Node:
        if token.text in {"true", "false"}:
            return nodes.Constant(token.position, token.text == "true")
        if token.text == "nil":
            return nodes.Constant(token.position, None)
        if self._is("(") and token.text in signatures.BUILTINS:
            return self._postfix(self._builtin(token, ()))
        return self._postfix(nodes.Name(token.position, token.text))

    def _builtin(self, token: Token, before: tuple[Node, ...]) -> Node:
        arguments = [*before, *self._arguments(token.text)]
        signature = signatures.BUILTINS[token.text]
        if signature.predicate is not None and len(arguments) < signature.least:
            place = self._tokens[self._i - 1].position
            text = f"expected at least {signature.least} arguments"
            raise error(ErrorKind.TYPE, text, self._source, place)
        return nodes.Builtin(token.position, token.text, tuple(arguments))

    def _arguments(self, name: str) -> list[Node]:
        self._expect("(")
        found: list[Node] = []
        place = signatures.predicate_at(name)
        most = signatures.BUILTINS[name].most if place is not None else None
        while not self._is(")"):
            if most is not None and len(found) >= most - self._piped:
                raise self._unexpected()
            if found:
                self._expect(",")
                if self._is(")"):
                    break
            if place is not None and (len(found) == place - self._piped):
                found.append(self._predicate())
            else:
                found.append(self._expression(0))
        self._next()
        return found

    _piped = 0

    def _predicate(self) -> Node:
        start = self._token.position
        piped, self._piped = self._piped, 0
        self._predicates += 1
        try:
            if self._is("{"):
                self._next()
                body = self._sequence()
                self._expect("}")
            else:
                body = self._sequence_of_one()
        finally:
            self._predicates -= 1
            self._piped = piped
        return nodes.Predicate(start, body)

    def _sequence_of_one(self) -> Node:
        return self._expression(0)

    def _pipe(self, left: Node) -> Node:
        token = self._token
        if token.kind is not TokenKind.IDENTIFIER:
            raise self._unexpected()
        self._next()
        if token.text in signatures.BUILTINS:
            outer, self._piped = self._piped, 1
            try:
                node = self._builtin(token, (left,))
            finally:
                self._piped = outer
            return self._postfix(node)
        callee = self._postfix(nodes.Name(token.position, token.text), calls=False)
        arguments = self._arguments("")
        return self._postfix(nodes.Call(token.position, callee, (left, *arguments)))

    def _array(self) -> Node:
        start = self._next().position
        items: list[Node] = []
        while not self._is("]"):
            if items:
                self._expect(",")
                if self._is("]"):
                    break
            items.append(self._expression(0))
        self._next()
        return nodes.Array(start, tuple(items))

    def _map(self) -> Node:
        start = self._next().position
        pairs: list[tuple[Node, Node]] = []
        while not self._is("}"):
            if pairs:
                self._expect(",")
                if self._is("}"):
                    break
            key = self._map_key()
            self._expect(":")
            pairs.append((key, self._expression(0)))
        self._next()
        return nodes.Map(start, tuple(pairs))

    def _map_key(self) -> Node:
        token = self._token
        if token.kind in {TokenKind.NUMBER, TokenKind.STRING, TokenKind.IDENTIFIER}:
            self._next()
            return nodes.Constant(token.position, token.text)
        if self._is("("):
            return self._expression(0)
        raise syntax_error(
            "a map key must be a quoted string, a number, a identifier, or an expression "
            f"enclosed in parentheses (unexpected token {token})",
            self._source,
            token.position,
        )

    # -- what follows a value ---------------------------------------------------------------

    def _postfix(self, node: Node, *, calls: bool = True) -> Node:
        start, chained = node, False
        while True:
            if self._is(".") or self._is("?."):
                optional = self._next().text == "?."
                chained = chained or optional
                node = self._member(node, optional=optional, calls=calls)
            elif self._is("["):
                node = self._subscript(node)
            elif self._is("(") and calls and _callable(node):
                node = nodes.Call(node.position, node, tuple(self._arguments("")))
            else:
                break
        return nodes.Chain(start.position, node) if chained else node

    def _member(self, base: Node, *, optional: bool, calls: bool) -> Node:
        token = self._token
        if optional and self._is("["):
            return self._subscript(base, optional=True)
        wordy = token.kind is TokenKind.OPERATOR and token.text[:1].isalpha()
        if token.kind is not TokenKind.IDENTIFIER and not wordy:
            ended = token.kind is TokenKind.END
            text = "unexpected end of expression" if ended else "expected name"
            raise syntax_error(text, self._source, token.position)
        self._next()
        key = nodes.Constant(token.position, token.text)
        return nodes.Member(token.position, base, key, optional, dotted=True)

    def _subscript(self, base: Node, *, optional: bool = False) -> Node:
        start = self._expect("[")
        if self._is(":"):
            self._next()
            end = None if self._is("]") else self._expression(0)
            self._expect("]")
            return nodes.Slice(start.position, base, None, end)
        first = self._expression(0)
        if self._is(":"):
            self._next()
            end = None if self._is("]") else self._expression(0)
            self._expect("]")
            return nodes.Slice(start.position, base, first, end)
        self._expect("]")
        return nodes.Member(start.position, base, first, optional, dotted=False)


def _callable(node: Node) -> bool:
    return isinstance(node, nodes.Name) or (isinstance(node, nodes.Member) and node.dotted)

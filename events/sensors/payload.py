"""An event's data as sensors look at it: text, parsed once, asked by path."""

from __future__ import annotations

import functools
from typing import Any

from events.cloudevent import JSON, CloudEvent
from events.sensors.source_text import SourceText
from lang import yaml
from lang.errors import ErrorKind, LangError
from lang.gjson import Result

YAML = "application/yaml"


class Payload:
    """The data of one event."""

    def __init__(self, event: CloudEvent) -> None:
        self.event = event
        self._found: dict[str, Result] = {}

    @functools.cached_property
    def text(self) -> str:
        """The data as text."""
        return self.event.data.decode("utf-8", "replace")

    @functools.cached_property
    def valid(self) -> bool:
        """Whether the data is JSON."""
        try:
            _ = self.document
        except LangError:
            return False
        return True

    @functools.cached_property
    def source(self) -> SourceText:
        """The data as parsed text."""
        return SourceText(self.text)

    @property
    def document(self) -> Any:
        """The parsed data. Raises LangError."""
        return self.source.document

    def get(self, path: str) -> Result:
        """The value at a gjson path; beginning with `$` it is JSONPath."""
        known = self._found.get(path)  # many Sensors look at the same path
        if known is None:
            known = self._found[path] = self.source.find(path)
        return known

    def as_json(self) -> Payload:
        """This payload when it is JSON or YAML. Raises LangError, as triggers report it."""
        kind = self.event.datacontenttype
        if kind == JSON:
            if not self.valid:
                raise LangError(ErrorKind.VALUE, "event data is not valid JSON")
            return self
        if kind != YAML:
            raise LangError(ErrorKind.VALUE, f"unsupported event content type: {kind}")
        try:
            data = yaml.to_json(self.text).encode()
        except LangError as error:
            what = f"failed converting yaml event data to JSON: {error.message}"
            raise LangError(ErrorKind.VALUE, what) from None
        return Payload(CloudEvent(**(_fields(self.event) | {"data": data})))


def _fields(event: CloudEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}

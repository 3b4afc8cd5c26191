"""Structural schemas of custom resources, as kube-apiserver treats them.

`compile_schema(document)` gives a `Schema` with `prune`, `default` and `validate`; `violations`
checks a definition's own schema; `FieldError` is one finding in Kubernetes' words. Called by the
embedded API server only; pure, no I/O.
"""

from headrace.local.apiserver.schema.compiled import Schema, compile_schema
from headrace.local.apiserver.schema.errors import BLOCKING, ErrorType, FieldError
from headrace.local.apiserver.schema.structural import rule_problems, violations

__all__ = [
    "BLOCKING",
    "ErrorType",
    "FieldError",
    "Schema",
    "compile_schema",
    "rule_problems",
    "violations",
]

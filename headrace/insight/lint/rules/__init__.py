"""One rule per file. Each offers `RULE`; `headrace.insight.lint.registry` lists them."""

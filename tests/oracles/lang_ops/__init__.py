"""One module a family of languages: `OPS` maps an operation to its answer."""

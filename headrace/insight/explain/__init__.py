"""What the fields of the kinds mean: their documentation, types, defaults and examples.

Pure: reads the typed kinds and nothing else, needs no cluster. Caller: `headrace explain`.
"""

"""`headrace lint`: the verdicts of `crds.validation`, and rules of its own on top.

One file per rule in `rules/`, each with why it is there and a bad and a good example; `registry` is
the list of them. `running.lint` is the door: texts in, findings with places out. Pure but for
`reading` and `settings`, which read files.
"""

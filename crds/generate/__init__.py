"""Generates what is derived: Kubernetes' type table, the CRD manifests, their fast-loading form.

Run `python -m crds.generate` after a change of the typed kinds; a test checks that the files are
current. Needs the `kubernetes` package, which nothing else here imports.
"""

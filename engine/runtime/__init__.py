"""The shell around the core: watch events become facts, decisions become API calls.

`controller.EngineRuntime` is the door; the objects in the cluster are the truth.
"""

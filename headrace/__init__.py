"""The application: command line, server, embedded cluster, and the one composition root."""

__version__ = "0.1.0"

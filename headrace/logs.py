"""Where log lines go and how they look: JSON to a file in the data folder, warnings to stderr."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from pathlib import Path

import structlog

SIZE, KEPT = 16 * 1024 * 1024, 3  # bytes of one log file, and how many old ones stay


def configure(file: Path | None, level: str) -> None:
    """Set up the process's logging once, before anything logs."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(level.upper())
    to_people = logging.StreamHandler(sys.stderr)
    to_people.setLevel(logging.WARNING if file else level.upper())
    to_people.setFormatter(_formatter(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())))
    root.addHandler(to_people)
    if file is not None:
        to_file = logging.handlers.RotatingFileHandler(file, maxBytes=SIZE, backupCount=KEPT)
        to_file.setFormatter(_formatter(structlog.processors.JSONRenderer()))
        root.addHandler(to_file)
        file.chmod(0o600)
    for chatty in ("aiohttp.access", "uvicorn.access", "nats", "aiokafka"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _formatter(renderer: structlog.types.Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
    )

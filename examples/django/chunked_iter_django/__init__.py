"""Walks and pages of querysets, and jobs, by PostgreSQL's extension chunked_iter."""

from .jobs import Progress, progress, run_job
from .query import ChunkedManager, ChunkedQuerySet, Page

__all__ = ["ChunkedManager", "ChunkedQuerySet", "Page", "Progress", "progress", "run_job"]

"""Searches whose candidates and folds train as one list of jobs."""

from __future__ import annotations

from stackens.model_selection._search import GridSearchCV, RandomizedSearchCV

__all__ = ["GridSearchCV", "RandomizedSearchCV"]

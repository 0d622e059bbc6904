"""Carrefour: a federated commons of social innovation. Start with federation/pipeline/__init__.py."""

__version__ = "0.1.0"

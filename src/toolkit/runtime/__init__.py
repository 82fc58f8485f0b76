"""Adapters that build and start stacks: containers or local processes, behind ``ports.Runtime``."""

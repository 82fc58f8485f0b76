"""What a project installs, from its lock files, requirements and declarations."""

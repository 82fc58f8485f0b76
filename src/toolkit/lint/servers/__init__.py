"""Which server a command is, and how it is set up: flags, variables, configuration files."""

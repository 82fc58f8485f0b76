"""What a command, through the shells and wrappers around it, starts in the end."""

"""Whether deployment files agree with each other: `toolkit lint`.

    files -> readers (one for each format) -> parts -> gather -> Deployment -> rules -> findings

Nothing here runs or imports what it reads: the files may be anybody's.
"""

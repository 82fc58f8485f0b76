"""Print what a Python environment is made of, as JSON.

Run inside the image or environment of a stack (``python -c``), so standard library only.
"""

import importlib.metadata
import json
import platform

if __name__ == "__main__":
    print(  # noqa: T201 - standard output is this program's answer
        json.dumps(
            {
                "python": platform.python_version(),
                "packages": {
                    item.metadata["Name"]: item.version
                    for item in importlib.metadata.distributions()
                },
            }
        )
    )

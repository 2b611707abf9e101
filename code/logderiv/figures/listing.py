"""Code on the page, as it runs."""

import inspect
import textwrap
from collections.abc import Callable

from IPython.display import Markdown


def source(*functions: Callable) -> Markdown:
    """The code of a function or class, from the module that is imported."""
    code = "\n\n".join(
        textwrap.dedent(inspect.getsource(function)) for function in functions
    )
    return Markdown(f"```python\n{code.strip()}\n```")

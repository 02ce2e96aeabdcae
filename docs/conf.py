"""How the documentation is built: ``python -m sphinx -W --keep-going -b html docs docs/_build/html``.

Sphinx, because its references are made out of docstrings, as those of NumPy and scikit-learn are; its search needs no
server; and MyST-NB runs the chapters while it builds them. Material for MkDocs looks as good, but stands on MkDocs, and
its authors develop Zensical in its place, which is young; both leave references and notebooks to plugins. Nothing is
loaded from another host, so the pages work offline, from a disk and below any path.
"""

import sys
from pathlib import Path

import nnscratch

OWN = Path(__file__).with_name("_extensions")
FONTS = Path(nnscratch.__file__).parent / "pages" / "static" / "fonts"  # of pages that the package writes, too
sys.path.insert(0, str(OWN))

project = "nnscratch"
author = "The nnscratch authors"
release = version = nnscratch.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    *sorted(path.stem for path in OWN.glob("*.py")),
]
exclude_patterns = ["_build"]

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
html_math_renderer = "mathml"

# The chapters are run in an empty folder, as their notebooks are; a cell that fails ends the build.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

# Own names must be found wherever they are named; those of others, such as NumPy's, are not looked up.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!nnscratch\.).*")]
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
autodoc_type_aliases = {"Array": "Array"}
python_display_short_literal_types = True
python_maximum_signature_line_length = 88
viewcode_line_numbers = True

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = "nnscratch"
html_static_path = ["_static", str(FONTS)]
html_css_files = ["site.css"]
html_js_files = [("regions.js", {"defer": "defer"})]
templates_path = ["_templates"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False

"""Settings of the documentation; `sphinx-build -W docs docs/build/html` builds it.

`-D sphinx_gallery_conf.filename_pattern=plot_thresholds` runs one example of the
gallery and shows the others as code.
"""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "site")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # beside other work, too

from kerasos.version import __version__  # noqa: E402

project = "kerasos"
copyright = "the authors of kerasos"
release = version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "site_extension",
]
exclude_patterns = ["build", "gallery/*", "site"]
root_doc = "index"

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # what an option may be stands in the table of its method
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [
    ("Call arguments", "params_style"),
    "Reference",
    "Source",
]
maximum_signature_line_length = 80
add_module_names = False
toc_object_entries_show_parents = "hide"

myst_heading_anchors = 4
suppress_warnings = ["config.cache"]  # the gallery's settings hold functions

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "generated/gallery",
    "filename_pattern": r"plot_",
    "abort_on_example_error": True,
    "min_reported_time": 1,
    "download_all_examples": False,
    "show_signature": False,
    "reset_modules": ("matplotlib",),
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "kerasos"
html_static_path = ["static"]
html_extra_path = ["generated/extra"]
(HERE / "generated" / "extra").mkdir(parents=True, exist_ok=True)
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "navigation_with_keys": False,
}
html_sidebars = {"index": [], "start": [], "choose": [], "glossary": []}

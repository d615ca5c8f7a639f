"""What the site needs beyond Jupyter Book: MathJax, explorers, notebook links, accessible HTML."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import SphinxError

from convbook import widgets  # noqa: F401 (it defines the explorers)
from convbook.widgets.explorer import HERE, Explorer

WIDGETS = {widget.name: widget for widget in Explorer.__subclasses__()}
MATHJAX = ("tex-mml-chtml.js", "output/chtml/fonts/woff-v2", "input/tex/extensions")


def copy_mathjax(app: Sphinx) -> None:
    """Copy the 2 MB of MathJax that a page may ask for, of the 24 MB that its package holds."""
    source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    target = app.outdir / "_static" / "mathjax"
    target.mkdir(parents=True, exist_ok=True)
    for name in MATHJAX:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, dirs_exist_ok=True)
        else:
            shutil.copy(source / name, target / name)


def classic_script(widget: type[Explorer]) -> str:
    """An explorer's module as a classic script: from a file, browsers refuse modules."""
    export = f"window.convbookWidgets.{widget.name} ="
    body = re.sub("^export default", export, widget.source(), count=1, flags=re.MULTILINE)
    return f"(() => {{\nwindow.convbookWidgets ??= {{}};\n{body}}})();\n"


def write_widgets(app: Sphinx) -> None:
    folder = app.outdir / "_static" / "widgets"
    folder.mkdir(parents=True, exist_ok=True)
    for widget in WIDGETS.values():
        (folder / f"{widget.name}.js").write_text(classic_script(widget), encoding="utf-8")
        shutil.copy(HERE / f"{widget.name}.css", folder)
    for name in ("base.css", "controls.js", "host.js"):
        shutil.copy(HERE / name, folder)


def load_widgets(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Load the scripts and styles of the explorers that a page's body holds."""
    used = set(
        re.findall(r'class="convbook-widget"[^>]* data-widget="([^"]*)"', context.get("body", ""))
    )
    if unknown := used - WIDGETS.keys():
        raise SphinxError(
            f"{pagename}: no widget is named {', '.join(sorted(unknown))};"
            f" convbook/widgets has {', '.join(sorted(WIDGETS))}"
        )
    if used:
        app.add_css_file("widgets/base.css")
        app.add_js_file("widgets/controls.js", loading_method="defer")
    for name in sorted(used):
        app.add_css_file(f"widgets/{name}.css")
        app.add_js_file(f"widgets/{name}.js", loading_method="defer")
    if used:
        app.add_js_file("widgets/host.js", loading_method="defer", priority=900)


def drop_mathjax(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Sphinx gives it to a page that has no formula too, if pages below it have some."""
    if 'class="math' not in context.get("body", ""):
        scripts = context["script_files"]
        scripts[:] = [script for script in scripts if "mathjax" not in str(script).lower()]


def link_notebook(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Under a notebook's title: open it in Colab, or download it."""
    if context.get("page_source_suffix") != ".ipynb":
        return
    options = app.config.html_theme_options
    repository = options["repository_url"].removeprefix("https://github.com/")
    colab = (
        f"https://colab.research.google.com/github/{repository}"
        f"/blob/{options['repository_branch']}/{pagename}.ipynb"
    )
    download = context["pathto"](f"_sources/{context['sourcename']}", resource=True)
    links = (
        '<p class="notebook-links">'
        f'<a class="colab" href="{colab}">Open in Colab</a>'
        f'<a class="download" href="{download}" download>Download notebook</a></p>'
    )
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{links}", 1)


def fix_roles(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Docutils gives the entries of a list of references a role that ARIA has withdrawn."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app: Sphinx) -> dict:
    app.add_config_value("comments_config", {}, "")  # Jupyter Book sets it, used or not
    app.connect("builder-inited", copy_mathjax)
    app.connect("builder-inited", write_widgets)
    app.connect("html-page-context", load_widgets)
    app.connect("html-page-context", drop_mathjax, priority=900)
    app.connect("html-page-context", link_notebook)
    app.connect("html-page-context", fix_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

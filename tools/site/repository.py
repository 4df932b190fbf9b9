"""Takes what the pages link to elsewhere in the repository into the site.

A link from `docs/` to a source file or a README beyond it works for whoever reads the page in the
repository. In the site such a file is below `repository/`, and a folder stands for its README.
A link to something that is not there is left as it is, which a strict build refuses.
"""

import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    pending = [ROOT / "docs" / file.src_uri for file in files.documentation_pages()]
    taken: set[Path] = set()
    while pending:
        page = pending.pop()
        for link in _LINK.findall(page.read_text(encoding="utf-8")):
            target = _target(page, link)
            if target is None or target in taken:
                continue
            taken.add(target)
            files.append(File.generated(config, _uri(target), abs_src_path=str(target)))
            if target.suffix == ".md":
                pending.append(target)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    source = Path(page.file.abs_src_path or "")
    here = PurePosixPath(page.file.src_uri).parent

    def relink(match: re.Match[str]) -> str:
        target = _target(source, match[1])
        if target is None:
            beyond = (source.parent / match[1]).resolve()
            docs = ROOT / "docs"
            # From a page that is now below `repository/` back to the documentation.
            if source.is_relative_to(docs) or not beyond.is_relative_to(docs):
                return match[0]
            return os.path.relpath(beyond.relative_to(docs), here)
        return os.path.relpath(_uri(target), here)

    return _LINK.sub(relink, markdown)


def _target(page: Path, link: str) -> Path | None:
    """The file beyond `docs/` that a link of a page leads to, if it is there."""
    path = (page.parent / link).resolve()
    if path.is_dir() and path.is_relative_to(ROOT):
        path = _face(path)
    if not path.is_file() or not path.is_relative_to(ROOT) or path.is_relative_to(ROOT / "docs"):
        return None
    return path


def _face(folder: Path) -> Path:
    """What stands for a folder: its README, else its first file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    readme = folder / "README.md"
    return readme if readme.is_file() else next(iter(files), folder)


def _uri(target: Path) -> str:
    return str(PurePosixPath("repository") / target.relative_to(ROOT).as_posix())

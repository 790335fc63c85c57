"""Reports: a run as HTML, Markdown, terminal text and CI formats; answers of other commands."""

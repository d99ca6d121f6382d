"""An evaluation as JSON, Markdown, HTML and plots, and the progress of a long run."""

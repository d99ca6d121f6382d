"""An evaluation as JSON, Markdown and plots, and the progress of a long run."""

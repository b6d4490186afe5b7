"""One folder a lab: model.py (state and numbers), view.py (its page), lessons.yaml (its presets and stories)."""

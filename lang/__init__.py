"""The small languages inside manifests: pure, positioned, limited. See docs/languages.md."""

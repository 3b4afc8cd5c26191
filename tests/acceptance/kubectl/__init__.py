"""The real kubectl against a real `headrace up`."""

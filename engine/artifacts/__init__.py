"""Where artifacts live: the `ArtifactStore` seam, repositories, locations of artifacts."""

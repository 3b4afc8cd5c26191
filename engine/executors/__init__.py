"""What starts and stops leaves: one module or package for each kind. Results come back as facts."""

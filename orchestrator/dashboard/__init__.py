"""The pages that a browser shows: HTML, styles and scripts, made of what the store and control say."""

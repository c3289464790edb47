"""The documentation as a site: `python -m site_builder` stages pages, writes those that are generated, and builds."""

"""What pages and figures share: colours, vector images, the graph of a small problem, the templates' words."""

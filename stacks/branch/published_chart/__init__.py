"""Charts of a chart repository or a registry: brought here once, checked, and then a folder like any other chart.

The provider's Helm can download a chart as well, but does so at every rendering, and keeps the folder to itself: what
is to be known of a chart's files before anything is made, it does not tell.
"""

"""The command `kerasos`, a file for each of its commands.

A file defines its flags and does its work, for the command line and for the script of
`examples/` alike. What can be checked without TensorFlow is checked before it loads: so
a file imports the rest of the package where the work begins, not at its top.
"""

"""Homework: released to students, graded outside their process.

python -m coursework release OUT
python -m coursework grade SUBMISSIONS OUT

master      a master notebook: questions, given code, hidden tests
release     what a student gets: the notebook without answers, the wheel
check       the visible checks of a student's notebook
submission  a student's notebook: which cells does an answer need?
box         a process that runs them, asked for values from outside
inside      that process
shell       what runs the cells in it, and goes on where a line fails
values      values on their way in and out, as JSON
drawing     what a plot answer drew
grading     hidden tests by pytest
batch       many submissions, kept and never graded twice
by_hand     the points that a reader gives
reports     grades.csv, Gradescope, Canvas, feedback, the sheet
"""

from coursework.check import check, check_plot

__all__ = ["check", "check_plot"]

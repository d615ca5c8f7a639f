"""Mark a lab: ``grade.grade_one`` scores one notebook, ``cohort.grade`` a class."""
